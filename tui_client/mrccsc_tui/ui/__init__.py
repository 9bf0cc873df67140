"""The full-screen client: what the store knows, shown, and what a person does, carried out.

``app``        the client, the screens and the look, held together
``bridge``     from the client to the screens: batches of changes, at most 30 a second
``screens``    whole screens; ``widgets`` the parts of the main one
``keymap``     every key, once; ``palette`` every key and command by its name
``hangup``     noticing that the terminal was closed
``keys``       keys and pastes dealt with one after the other
``commands``   slash commands
``acts``       what a person can do, each act once; ``action_context`` what it needs from the screen it happens on
``words``      short words about people and conversations
``glyphs``     the signs that are drawn with; ``themes`` the colours
``emoji``      names of emoji
``editor``     editing a text in the person's own editor
``notify``     a bell and a toast while they look elsewhere
"""
