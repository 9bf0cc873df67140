"""The store of a cluster: MySQL or MariaDB, written to by many nodes at once.

``url``             what a database URL says
``literals``        values → the text of a statement
``errors``          what a driver or the server complains of → what is to be done about it
``answers``         what a server is asked and how its answer is read, without any input or output
``aiomysql_connection``, ``asyncmy_connection``   connections by these drivers
``link``            one connection, whichever driver it is by, set up the one right way
``pool``            a bounded number of them, taken in turn; dead ones are thrown away
``plain_append``    plain messages → the few statements that store them
``statements``      what the stores write their work in, on a link: set-wise, in few round trips
``database``        transactions with deadlines and retries
``database_clock``  the database's clock, carried on from when it was last asked
``schema``          migrating, and telling why a database cannot be used
``store``           all stores on one database
"""
