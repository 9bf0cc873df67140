"""Where a text has links and mentions."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Literal, NamedTuple

MarkKind = Literal["link", "mention", "mention-me"]

_LINK = re.compile(r"https?://[^\s<>\"'`\u2500-\u259f]{1,2000}", re.IGNORECASE)
_MENTION = re.compile(r"(?<![\w.@-])@([A-Za-z0-9][A-Za-z0-9._-]{1,31})(?![\w@-])")
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
    if mentioned and "@" in text:
        for match in _MENTION.finditer(text):
            name = match[1].lower()
            while name and name not in mentioned and name[-1] in "._-":
                name = name[:-1]
            if name in mentioned:
                end = match.start() + 1 + len(name)
                if not any(mark.start < end and match.start() < mark.end for mark in marks):
                    marks.append(Mark(match.start(), end, "mention-me" if name == me else "mention"))
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
