"""The timeline: 100,000 messages as cheaply as ten.

``wrap``    where a text breaks, by terminal cells
``marks``   links and mentions in a text
``notices`` joins, leaves and changes in words
``scene``   one row as lines of styled text, and its height
``ledger``  which row stands on which line; estimated first, exact when seen
``roll``    a conversation's rows by ordinal
``ink``     lines ⇄ strips in the theme's styles
``viewport`` where the view stands · ``view`` the widget
"""

from mrccsc_tui.ui.widgets.timeline.roll import Key, Roll
from mrccsc_tui.ui.widgets.timeline.scene import Scene
from mrccsc_tui.ui.widgets.timeline.view import Timeline

__all__ = ["Key", "Roll", "Scene", "Timeline"]
