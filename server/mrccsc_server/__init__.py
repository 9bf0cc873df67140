"""The MRCCSC server, in layers that point inward.

``cli``        the command line; ``config`` its settings
``app``        builds, starts, drains and stops the rest; ``endpoint`` where it can be reached
``net``        connections                          ``storage``  databases
``handlers``   requests → use cases
``services``   use cases
``ports``      the contracts that services stand on
``domain``     values and rules, without I/O

``security`` and ``telemetry`` serve several of these and know none.
"""
