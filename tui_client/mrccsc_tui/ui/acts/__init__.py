"""What a person can do, each act once: keys, dialogs, slash commands and the palette all end here.

An act raises :class:`~mrccsc_tui.client.RequestError` when the server refuses and
:class:`~mrccsc_tui.ui.desk.Complaint` when it cannot be asked; the screen tells the person.
"""
