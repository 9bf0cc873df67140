"""The MRCCSC server, in layers that point inward.

``cli``        the command line; ``config`` its settings
``app``        builds, starts, drains and stops the rest; ``endpoint`` where it can be reached, ``availability`` whether
               it takes clients now
``net``        connections
``storage``    databases; ``cluster`` what binds nodes; ``clock`` the machine's
``handlers``   requests → use cases
``services``   use cases
``ports``      the contracts that services stand on
``domain``     values and rules, without I/O

``security`` and ``telemetry`` serve several of these and know none; ``start_error`` is what an
operator is told in words.
"""
