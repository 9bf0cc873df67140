"""The client's own themes, beside Textual's.

Widgets use ``$`` variables only, so that every theme fits; the ``ansi-`` themes follow the terminal's colours.
"""

from __future__ import annotations

from textual.theme import BUILTIN_THEMES, Theme

DEFAULT = "mrccsc"

OWN = (
    Theme(
        name="mrccsc",
        primary="#7cb7ff",
        secondary="#9d8cff",
        accent="#f2b866",
        success="#74c991",
        warning="#e5a84b",
        error="#f27878",
        foreground="#d5dae3",
        background="#12151c",
        surface="#171b24",
        panel="#1f2530",
        dark=True,
        variables={"border": "#2c3442", "footer-key-foreground": "#7cb7ff"},
    ),
    Theme(
        name="mrccsc-light",
        primary="#1f5fbf",
        secondary="#6a4fc0",
        accent="#a8590a",
        success="#1d7a46",
        warning="#93600a",
        error="#b3261e",
        foreground="#23272f",
        background="#fbfaf7",
        surface="#f3f1ec",
        panel="#e8e5dd",
        dark=False,
        variables={"border": "#d2cec3", "footer-key-foreground": "#1f5fbf"},
    ),
)


def names() -> list[str]:
    """All themes, the own ones first."""
    return [theme.name for theme in OWN] + sorted(BUILTIN_THEMES)
