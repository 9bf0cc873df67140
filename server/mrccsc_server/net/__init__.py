"""Connections: bytes in, lines out, and every limit that a peer can run into.

``listener``    accepts sockets, plain or TLS
``admission``   who may connect now
``proxy``       the PROXY protocol: who really connects
``proxies``     the balancers whose word on that is taken
``addresses``   what throttles count an address by
``intake``      a peer's bytes → its lines, and what is no client at all
``frames``      the few frames that connections make themselves
``dispatch``    what their requests go to
``connection``  one client: its requests in order, its answers, its end
``unanswered``  how many requests may wait for their answer
``outbox``      what is yet to be written, one write per tick
``batch_write`` many sockets written to by one system call
``watchdog``    what sees to it that a node which hangs gets no clients; ``watchdog_process`` is its process
``registry``    all connections of the node, their heartbeats and time limits, and how they are sent away
"""
