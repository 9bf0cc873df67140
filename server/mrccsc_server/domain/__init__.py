"""Values and rules without I/O.

``operations``   what a user may ask of a conversation's log
``state``        the facts that decide about an operation, as a store reads them under its lock
``permissions``  who may do what
``planning``     operations + facts → outcomes and the rows to write
``messages``     the rules for messages and what is done to them
``memberships``  the rules for groups and their members
``ledger``       what those rules write into
``contacts``     who two people are to each other, and what each act makes of it
``tokens``       text → the tokens that search is made of
``fitting``      what fits into one line
"""
