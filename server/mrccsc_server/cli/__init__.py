"""The command line of ``mrccsc-server``.

``arguments``  what may be typed
``folder``     the data folder: its lock, and who holds it
``command``    one run: what was typed → what is done → the exit code
``serve``      the server itself, as a process
``operator``   invite, passwd, users, new-epoch
"""
