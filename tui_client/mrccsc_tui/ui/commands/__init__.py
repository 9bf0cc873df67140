"""Slash commands: ``table`` has one row for each, ``parser`` reads a line, ``completion`` finishes a word.

The rows come from ``people``, ``groups``, ``messages`` and ``session``; each handler reads its words and calls an act.
"""
