"""What goes on by itself behind the facade of ``client``.

``engine``    the session's life: the line, what its frames do, asking
``outgoing``  what the user says: on disk, shown as waiting, sent, settled
``history``   reading back, and closing gaps
``marks``     read marks and typing, gathered and sent
"""
