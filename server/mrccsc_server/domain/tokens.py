"""Text → the tokens that search is made of: the same on every database.

NFKC, casefold, then runs: a run of letters, digits and marks is one word; a run of CJK (Han, kana, Hangul,
bopomofo) is its overlapping pairs of characters, so that any part of two characters or more is found; a lone
CJK character is itself. What has no such run (punctuation, emoji) is its single characters, so that an emoji
finds itself.
"""

from __future__ import annotations

import re
from hashlib import blake2b

import regex

from mrccsc_shared.text import fold

MAX_TOKENS = 4_096
"""Tokens of one text that are indexed; a text of 8 KiB has fewer unless it is all CJK or punctuation."""

_RUN = regex.compile(
    r"(?P<cjk>[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Bopomofo}ー々〆]+)"
    r"|(?P<word>(?:(?![\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Bopomofo}])[\p{L}\p{N}\p{M}_])+)"
    r"|(?P<sign>[^\s\p{C}])"
)

_ASCII_RUN = re.compile(r"[a-z0-9_]+|[!-~]")
"""The same where everything is ASCII: ten times as fast."""


def tokenize(text: str) -> set[str]:
    """All tokens of a message, for indexing. A CJK run gives its pairs and its single characters alike."""
    folded = fold(text)
    if folded.isascii() and len(tokens := set(_ASCII_RUN.findall(folded))) < MAX_TOKENS:
        return tokens
    tokens = set()
    for match in _RUN.finditer(folded):
        run = match[0]
        if match.lastgroup == "cjk":
            tokens.update(run)
            tokens.update(run[i : i + 2] for i in range(len(run) - 1))
        else:
            tokens.add(run)
        if len(tokens) >= MAX_TOKENS:
            break
    return tokens


def tokenize_query(query: str) -> tuple[set[str], list[str]]:
    """The tokens that all must be there, and the CJK runs that must stand in the folded text as they are."""
    tokens: set[str] = set()
    runs: list[str] = []
    for match in _RUN.finditer(fold(query)):
        run = match[0]
        if match.lastgroup == "cjk":
            runs.append(run)
            tokens.update({run[i : i + 2] for i in range(len(run) - 1)} or {run})
        else:
            tokens.add(run)
    return tokens, runs


def number(token: str) -> int:
    """A token as a signed 64-bit number: what the index stores. Collisions are sorted out when a hit is
    verified.
    """
    return int.from_bytes(blake2b(token.encode(), digest_size=8).digest(), "big", signed=True)
