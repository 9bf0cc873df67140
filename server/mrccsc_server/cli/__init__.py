"""The command line of ``mrccsc-server``.

``arguments``  what may be typed
``folder``     the data folder: its lock, and who holds it
``command``    one run: what was typed → what is done → the exit code
``serve``      the server itself, as a process
``workers``    several nodes behind one port
``nodes``      nodes, drain, rebalance
``operator``   invite, passwd, users, new-epoch
"""
