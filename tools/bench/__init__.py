"""How fast it is, on the reader's machine: real nodes, a load in C, and a do-nothing relay to hold figures against.

``load.c``    many users on one thread; ``relay.c`` the ceiling; ``wire.h`` what they share
``world``     users, friendships, groups and tokens, written through the server's own stores
``systems``   what is measured: the relay, nodes on SQLite, nodes on MariaDB and Redis
``rows``      the measurements, one row each
``report``    results → JSON, tables, and the comparison with the committed ones

``python -m tools.bench [--quick] [--check] [--rows NAME,…] [--systems NAME,…]``; ``make bench`` calls it.
"""
