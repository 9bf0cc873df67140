"""The line to a server, without a terminal. Also the library for bots, load generators and tests.

``transport``   bytes to and from a server, over TCP or TLS
``connection``  one connection: requests matched with answers, signs of life, the end
``backoff``     how long to wait before the next try
``line``        connect, sign in, lose it, connect again
``outbox``      what must be sent, on disk
``sender``      the outbox in order, over whatever connection there is
``errors``      how all of this fails
``clock``       time, for injection
``tasks``       background work with one place where its failures go
"""
