"""What a person can do, each act once: keys, dialogs, slash commands and the palette all end here.

``messages``   what is done to a message, and looking for one
``people``     friends: asking, answering, removing, blocking, writing to them
``groups``     making, finding, joining and leaving them, and who may do what in them
``session``    the person's own account: presence, name, devices, the look

An act raises :class:`~mrccsc_tui.client.RequestError` when the server refuses and
:class:`~mrccsc_tui.ui.action_context.ActionError` when it cannot be asked; the screen tells the person.
"""
