"""The embedded store: one SQLite file in WAL mode.

``connection``    opening a connection the one right way; the database's clock
``schema``        making the file, migrating it, telling why it cannot be used
``statements``    what the stores write their work in, on a connection
``plain_append``  plain messages by one statement, whatever their number
``writer``        the one thread that writes: group commit, recovery, erasing the log's remains
``readers``       a few threads that read, each job in one snapshot
``delivery``      results from threads to the event loop, many with one wake-up
``database``      the two together, with bounds and deadlines
``store``         all stores on one file
"""
