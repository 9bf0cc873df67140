"""What the client knows: frozen models, one store, and where they are kept on disk.

``models``     what is shown: people, conversations, messages, the state of the line. Safe to print.
``wire``       frames ⇄ models; the only way in is through ``sanitize``
``changes``    what a frame did to the store, as small frozen values
``database``   SQLite files
``log``        the contiguous tail of one conversation's log
``store``      the one store; ``apply(frame) → changes``, without I/O
``reducers``   one function for each frame a server can send
``cache``      the last state on disk, for the next start
``notes``      drafts, and what the screens remember
"""
