"""Text ⇄ lines: where a text breaks so that no line is wider than a number of terminal cells.

Widths are those of :mod:`rich.cells`, which Textual paints by. A grapheme (a letter with its combining marks, an emoji
family, a flag) is never cut.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from rich.cells import cell_len, split_graphemes

_WORD = re.compile(r"\S+[^\S\n]*|[^\S\n]+")
_REGIONAL = range(0x1F1E6, 0x1F200)


class Line(NamedTuple):
    """Characters ``start`` to ``end`` (exclusive) of a text."""

    start: int
    end: int


class Piece(NamedTuple):
    """What stays together on a line: characters, their cells, and how many of the cells are trailing blanks."""

    start: int
    end: int
    cells: int
    blank: int


def wrap(text: str, width: int) -> list[Line]:
    """The lines of ``text`` at ``width`` cells (at least 1).

    There is at least one line, and every character is on exactly one of them, save the newlines and blanks at which a
    line broke. A grapheme wider than ``width`` stands alone on its line.
    """
    width = max(width, 1)
    lines: list[Line] = []
    start = 0
    while True:
        end = text.find("\n", start)
        stop = len(text) if end < 0 else end
        if stop - start <= width and text.isascii():
            lines.append(Line(start, stop))
        else:
            _wrap_paragraph(text, start, stop, width, lines)
        if end < 0:
            return lines
        start = end + 1


def count_lines(text: str, width: int) -> int:
    """How many lines :func:`wrap` gives."""
    if len(text) <= width and text.isascii() and "\n" not in text:
        return 1
    return len(wrap(text, width))


def clip(text: str, width: int, ellipsis: str) -> str:
    """``text`` on one line and within ``width`` cells, with an ellipsis where something was cut."""
    text = " ".join(text.split())
    if cell_len(text) <= width:
        return text
    room = width - cell_len(ellipsis)
    if room <= 0:
        return ellipsis[: max(width, 0)]
    used = 0
    for start, _, cells in graphemes(text):
        used += cells
        if used > room:
            return text[:start].rstrip() + ellipsis
    return text


@lru_cache(maxsize=256)
def graphemes(text: str) -> tuple[tuple[int, int, int], ...]:
    """``(start, end, cells)`` of each grapheme; the two letters of a flag are one."""
    merged: list[tuple[int, int, int]] = []
    for span in split_graphemes(text)[0]:
        start, end, cells = span
        if merged and end - start == 1 and ord(text[start]) in _REGIONAL:
            first, last, wide = merged[-1]
            if last - first == 1 and ord(text[first]) in _REGIONAL:
                merged[-1] = (first, end, wide + cells)
                continue
        merged.append(span)
    return tuple(merged)


def _wrap_paragraph(text: str, start: int, stop: int, width: int, lines: list[Line]) -> None:
    line_start = start
    line_end = start
    used = 0
    for piece in _pieces(text[start:stop], start):
        solid = piece.cells - piece.blank
        if used and used + solid > width:
            lines.append(Line(line_start, line_end))
            line_start = piece.start
            used = 0
        if solid > width:
            for first, last, cells in graphemes(text[piece.start : piece.end]):
                if used and used + cells > width:
                    lines.append(Line(line_start, piece.start + first))
                    line_start = piece.start + first
                    used = 0
                used += cells
                line_end = piece.start + last
            continue
        used += piece.cells
        line_end = piece.end
        # Trailing blanks may hang over the edge, but are not painted.
        blanks = min(piece.blank, piece.end - piece.start)
        if used > width:
            line_end -= min(blanks, used - width)
    lines.append(Line(line_start, max(line_end, line_start)))


def _pieces(text: str, base: int) -> list[Piece]:
    pieces: list[Piece] = []
    for match in _WORD.finditer(text):
        word = match[0]
        if word.isascii():
            solid = word.rstrip()
            pieces.append(Piece(base + match.start(), base + match.end(), len(word), len(word) - len(solid)))
        else:
            _split_word(word, base + match.start(), pieces)
    return pieces


def _split_word(word: str, base: int, pieces: list[Piece]) -> None:
    """A line may break before and after every wide grapheme: CJK is written without blanks."""
    solid = word.rstrip()
    if not solid:
        pieces.append(Piece(base, base + len(word), cell_len(word), cell_len(word)))
        return
    begin = 0
    cells = 0
    for start, end, wide in graphemes(solid):
        breakable = wide >= 2 and not _closes(word[start])
        if breakable and start > begin:
            pieces.append(Piece(base + begin, base + start, cells, 0))
            begin = start
            cells = 0
        cells += wide
        if wide >= 2 and not _opens(word[start]) and not (end < len(solid) and _closes(solid[end])):
            pieces.append(Piece(base + begin, base + end, cells, 0))
            begin = end
            cells = 0
    tail = len(word) - len(solid)
    if begin < len(solid):
        pieces.append(Piece(base + begin, base + len(word), cells + cell_len(word[len(solid) :]), tail))
    elif tail:
        last = pieces.pop()
        blank = cell_len(word[len(solid) :])
        pieces.append(Piece(last.start, base + len(word), last.cells + blank, blank))


def _closes(char: str) -> bool:
    """Punctuation that does not begin a line."""
    return char in "、。，．！？：；）］｝〉》」』】〕…ー々,.!?:;)]}"


def _opens(char: str) -> bool:
    """Punctuation that does not end a line."""
    return char in "（［｛〈《「『【〔"
