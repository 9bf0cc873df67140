"""The parts of the main screen. They show what the store knows and say what the person wants.

``rows``      a list of rows, of which panels, pickers and results are made
``line``      one line of pieces of text · ``field`` one line to type into
``sidebar``   friends and groups · ``members`` who is in the group
``chat``      the open conversation: its ``title``, ``timeline``, ``typing``, ``mode``, ``composer``, or the ``welcome``
``status``    how the line stands, and which keys work here
"""
