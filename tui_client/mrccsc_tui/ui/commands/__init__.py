"""Slash commands. Each row's handler reads its words and calls an act.

``row``          what a command is
``table``        one row for each, by name and by its other names
``people`` ``groups`` ``messages`` ``session``   the rows
``completion``   what may stand in the place of a half-typed word
"""
