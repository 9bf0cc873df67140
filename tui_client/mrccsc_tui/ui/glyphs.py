"""The signs that the client draws with, and their ASCII twins for ``--ascii``.

Each presence has a sign of its own, so that no information is given by colour alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Glyphs:
    """One set of signs. Every sign is one cell wide unless it says otherwise."""

    presence: dict[str, str] = field(
        default_factory=lambda: {"online": "●", "away": "◐", "dnd": "◆", "offline": "○", "": "·"}
    )
    """By status; the empty one is for unknown."""
    request_in: str = "?"
    request_out: str = "…"
    blocked: str = "⊘"
    group: str = "#"
    private: str = "*"
    muted: str = "ᴹ"
    rule: str = "─"
    bar: str = "▌"
    quote: str = "│"
    edge: str = "│"
    ellipsis: str = "…"
    dash: str = "–"
    dot: str = "·"
    waiting: str = "…"
    sent: str = "✓"
    read: str = "✓✓"
    """Two cells."""
    failed: str = "!"
    join: str = "→"
    leave: str = "←"
    note: str = "·"
    down: str = "↓"
    key_up: str = "↑"
    key_down: str = "↓"
    """The arrow keys, in as many cells as it takes."""


UNICODE = Glyphs()

ASCII = Glyphs(
    presence={"online": "+", "away": "~", "dnd": "x", "offline": "-", "": "."},
    request_out="~",
    blocked="X",
    muted="m",
    rule="-",
    bar=">",
    quote="|",
    edge="|",
    ellipsis="...",
    dash="-",
    dot="-",
    waiting="~",
    sent="v",
    read="vv",
    join=">",
    leave="<",
    note="-",
    key_up="Up",
    key_down="Down",
    down="v",
)

LINEAR = replace(ASCII, rule="")
"""Nothing is drawn but signs with a meaning."""

PRESENCE_WORDS = {"online": "online", "away": "away", "dnd": "do not disturb", "offline": "offline", "": "unknown"}
"""Presence in words; the empty one is for unknown."""


def glyphs(*, ascii_only: bool) -> Glyphs:
    """The set to draw with."""
    return ASCII if ascii_only else UNICODE
