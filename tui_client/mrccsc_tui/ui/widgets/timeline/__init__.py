"""The timeline: 100,000 messages as cheaply as ten.

``wrap``           where a text breaks, by terminal cells
``marks``          links and mentions in a text
``notices``        joins, leaves and changes in words
``renderer``       one row as lines of styled text, and its height
``heights``        which row stands on which line; estimated first, exact when seen
``timeline_rows``  a conversation's rows by ordinal
``painter``        lines ⇄ strips in the theme's styles
``viewport``       where the view stands · ``view`` the widget
"""

from mrccsc_tui.ui.widgets.timeline.renderer import RowRenderer
from mrccsc_tui.ui.widgets.timeline.timeline_rows import Key, TimelineRows
from mrccsc_tui.ui.widgets.timeline.view import Timeline

__all__ = ["Key", "RowRenderer", "Timeline", "TimelineRows"]
