"""The one door for text that came from the network: what it lets through cannot do anything to a terminal.

Controls become visible signs, bidi controls lose their power, and nothing disappears without a trace. Terminal
markup needs no care here: nothing that passed through is ever interpreted as markup.
"""

from __future__ import annotations

import re

from mrccsc_shared.text import BIDI_CONTROLS

MAX_LINE = 300
"""Characters that a one-line string may have; longer ones are cut with an ellipsis."""

_NEUTRAL = "·"
_SIGNS: dict[int, str] = {
    **{code: chr(0x2400 + code) for code in range(0x20)},
    0x7F: "␡",
    **dict.fromkeys(range(0x80, 0xA0), _NEUTRAL),
    **dict.fromkeys(map(ord, BIDI_CONTROLS), _NEUTRAL),
    # Deprecated controls that still change how bidi text is shaped, and the annotations' brackets.
    **dict.fromkeys([*range(0x206A, 0x2070), *range(0xFFF9, 0xFFFC)], _NEUTRAL),
    # Tags: an invisible alphabet. In the flags of England, Scotland and Wales they follow a black flag.
    **dict.fromkeys(range(0xE0000, 0xE0080), _NEUTRAL),
    0x2028: "↵",
    0x2029: "↵",
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),
}
_KEPT_IN_TEXT = {ord("\n"), ord("\t")}
_IN_LINE = re.compile("[" + "".join(map(chr, sorted(_SIGNS))) + "]")
_IN_TEXT = re.compile("[" + "".join(map(chr, sorted(_SIGNS.keys() - _KEPT_IN_TEXT))) + "]")
_FLAG = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,8}\U000e007f")


def text(raw: str) -> str:
    """``raw`` safe to print over several lines; the same object when there is nothing to change."""
    return raw if _IN_TEXT.search(raw) is None else _replace(_IN_TEXT, raw.replace("\r\n", "\n"))


def line(raw: str, limit: int = MAX_LINE) -> str:
    """``raw`` safe to print on one line, of at most ``limit`` characters: for names, titles, errors, notifications."""
    if len(raw) > limit:
        raw = raw[: limit - 1] + "…"
    return raw if _IN_LINE.search(raw) is None else _replace(_IN_LINE, raw)


def _replace(pattern: re.Pattern[str], raw: str) -> str:
    parts: list[str] = []
    end = 0
    for flag in _FLAG.finditer(raw):
        parts += _signs(pattern, raw[end : flag.start()]), flag[0]
        end = flag.end()
    parts.append(_signs(pattern, raw[end:]))
    return "".join(parts)


def _signs(pattern: re.Pattern[str], raw: str) -> str:
    return pattern.sub(lambda match: _SIGNS[ord(match[0])], raw)
