"""Whole screens: signing in, the main screen, and what opens above it.

``signin``      signing in to a server, or making an account there
``main``        the panels, what changes on them, and the keys; ``routes`` what each key does to what is under
                the cursor, ``action_screen`` the screen as the acts see it
``picker``      choose one of many by typing a part of it
``forms``       fill in a few fields, or say yes
``excerpt``     a message found far back, among what stands around it
``help``        all keys and commands
"""
