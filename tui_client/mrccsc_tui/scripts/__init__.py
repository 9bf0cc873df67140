"""The client without a screen, for scripts. They run beside an open client of the same profile.

``session``  signing in, and finding what is meant
``send``     say one thing, and wait until the server has it
``tail``     print what is said from now on
``export``   print what was said
"""
