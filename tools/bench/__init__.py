"""How fast it is, on the reader's machine: real nodes, a load in C, and a do-nothing relay to hold figures against.

``load.c``    many users on one thread; ``relay.c`` the ceiling; ``wire.h`` what they share
``relay``     the ceilings of a server in Python: one that does nothing, and one that does nothing but store
``systems``   what is measured: the relays, nodes on SQLite, nodes on MariaDB and Redis
``filler``    rows by the million into an empty database
``world``     users, friendships, groups and what was said in them; ``words`` ten million words, with search
``load`` ``client``   running load.c; one connection that asks and waits
``rows``      the measurements of the table; ``floor`` what no durable server can be below
``curves``    how cost grows; ``trials`` what is measured once; ``traces`` what a user leaves in a cluster
``path``      what a message costs within a node, part by part; ``instructions`` counted, however busy the machine is
``goals``     what is wished for beside what was measured
``suite``     the whole run, in which one failure stops nothing else
``report``    results → JSON, tables, and the comparison with the committed ones
``document`` ``plots`` ``scale``   docs/performance.md, its pictures, and its arithmetic (``scale.md``)

``python -m tools.bench [--quick] [--check] [--write] [--rows NAME,…] [--curves …] [--trials …] [--systems …]``;
``make bench`` calls it. What it found is in build/bench/performance.json at any moment of the run.
"""
