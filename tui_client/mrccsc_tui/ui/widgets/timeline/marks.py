"""Where a text has links and mentions."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Literal, NamedTuple

from mrccsc_shared.text import find_mentions

MarkKind = Literal["link", "mention", "mention-me"]

_LINK = re.compile(r"https?://[^\s<>\"'`\u2500-\u259f]{1,2000}", re.IGNORECASE)
_TRAILING = ".,;:!?)]}*_…»”’"


class Mark(NamedTuple):
    """Characters ``start`` to ``end`` (exclusive) of a text."""

    start: int
    end: int
    kind: MarkKind


def find_marks(text: str, mentioned: Collection[str] = (), me: str = "") -> list[Mark]:
    """Links, and mentions of the user names ``mentioned``, in order and without overlap."""
    marks: list[Mark] = []
    if "://" in text:
        for match in _LINK.finditer(text):
            url = trim_link(match[0])
            marks.append(Mark(match.start(), match.start() + len(url), "link"))
    if mentioned:
        for start, names in find_mentions(text):
            name = next((name for name in names if name in mentioned), None)
            if name is not None:
                end = start + 1 + len(name)
                if not any(mark.start < end and start < mark.end for mark in marks):
                    marks.append(Mark(start, end, "mention-me" if name == me else "mention"))
        marks.sort()
    return marks


def trim_link(url: str) -> str:
    """A link without the punctuation that ends the sentence around it; a closing bracket stays when it was opened."""
    while url and url[-1] in _TRAILING:
        if url[-1] == ")" and url.count("(") >= url.count(")"):
            break
        url = url[:-1]
    return url


def links(text: str) -> list[str]:
    """The addresses in a text."""
    return [text[mark.start : mark.end] for mark in find_marks(text)]
