"""What may stand in names, titles, texts and emoji, and how a text mentions people.

The server refuses by these rules; the client uses the same ones to say so before anything is sent.
Each ``check_*`` returns its input in the form to be stored, or raises :class:`Refusal` (``invalid`` or
``too_large``) with a sentence that never repeats the input.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import regex

from mrccsc_shared import limits
from mrccsc_shared.errors import ErrorCode, Refusal

_USERNAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,31}")
_MENTION = re.compile(r"(?<![\w.@-])@([A-Za-z0-9][A-Za-z0-9._-]{1,31})(?![\w@-])")
_GRAPHEME = regex.compile(r"\X")

BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that reorder what follows them: Unicode's Bidi_Control property."""

_LINE_BREAKS = frozenset("\u2028\u2029")

# By the tables of ``regex``, which know later versions of Unicode than Python's own.
_HIDDEN = regex.compile(r"[\p{Other}\p{Default_Ignorable_Code_Point}\u2028\u2029]")
_VISIBLE = regex.compile(r"[^\s\u2800\p{Default_Ignorable_Code_Point}]")
_EMOJI_STYLE = regex.compile(r"(?<=\p{Extended_Pictographic})[\ufe0e\ufe0f]|(?<=[0-9#*])\ufe0f(?=\u20e3)")
"""What says whether the emoji before it is shown in colour, and what makes a keycap of a digit."""


def check_username(name: str) -> str:
    """The name in lower case: 2–32 of ``a-z 0-9 . _ -``, beginning with a letter or digit. ASCII only."""
    if not _USERNAME.fullmatch(name):
        raise Refusal(
            ErrorCode.INVALID,
            "A user name is 2 to 32 of a-z, 0-9, dot, underscore and hyphen, and begins with a letter or digit.",
        )
    return name.lower()


def check_name(name: str, what: str = "display name") -> str:
    """A display name or title: 1–64 characters of any script, visible, without control, bidi or zero-width ones.

    Of what does not show only the variation selectors of emoji may stand in it, so that no two names look the same that
    are not.
    """
    if not 1 <= len(name) <= limits.MAX_NAME or _is_blank(name):
        raise Refusal(ErrorCode.INVALID, f"A {what} has 1 to {limits.MAX_NAME} characters and is not blank.")
    if _HIDDEN.search(_EMOJI_STYLE.sub("", name)):
        raise Refusal(ErrorCode.INVALID, f"A {what} has no control, bidi or zero-width characters.")
    return name


def check_password(password: str) -> str:
    """A new password: 8–256 characters, of any kind."""
    if not limits.MIN_PASSWORD <= len(password) <= limits.MAX_PASSWORD:
        raise Refusal(ErrorCode.INVALID, f"A password has {limits.MIN_PASSWORD} to {limits.MAX_PASSWORD} characters.")
    return password


def check_topic(topic: str, what: str = "topic") -> str:
    """A topic or status text: at most 256 characters on one line, without control and bidi characters."""
    if len(topic) > limits.MAX_TOPIC:
        raise Refusal(ErrorCode.TOO_LARGE, f"A {what} has at most {limits.MAX_TOPIC} characters.")
    if any(_is_control(char) for char in topic):
        raise Refusal(ErrorCode.INVALID, f"A {what} has no control or bidi characters.")
    return topic


def check_text(text: str, max_bytes: int = limits.MAX_TEXT) -> str:
    """A message: at most ``max_bytes`` of UTF-8 and not blank. What it contains is stored as it came."""
    if len(text) > max_bytes or (not text.isascii() and len(text.encode()) > max_bytes):
        raise Refusal(ErrorCode.TOO_LARGE, f"A message has at most {max_bytes} bytes.")
    if _is_blank(text):
        raise Refusal(ErrorCode.INVALID, "A message is not blank.")
    return text


def check_emoji(emoji: str) -> str:
    """One visible grapheme (UAX #29) of at most 32 bytes."""
    if len(emoji.encode()) > limits.MAX_EMOJI:
        raise Refusal(ErrorCode.TOO_LARGE, f"A reaction has at most {limits.MAX_EMOJI} bytes.")
    if not _GRAPHEME.fullmatch(emoji) or _is_blank(emoji) or _HIDDEN.match(emoji):
        raise Refusal(ErrorCode.INVALID, "A reaction is one emoji or character.")
    return emoji


def mentioned_names(text: str) -> list[str]:
    """The user names that ``text`` mentions as ``@name``, lower case, each once, in order of appearance.

    A mention stands outside longer words and mail addresses; a full stop that ends the sentence is not
    part of it, so ``@bob.`` yields both ``bob.`` and ``bob``: who is a member decides.
    """
    return list(dict.fromkeys(name for _, names in find_mentions(text) for name in names))


def find_mentions(text: str) -> Iterator[tuple[int, list[str]]]:
    """Where each ``@`` of a mention stands, and the user names that may be meant, lower case, the longest first."""
    if "@" not in text:
        return
    for match in _MENTION.finditer(text):
        names = [match[1].lower()]
        while len(names[-1]) > 2 and names[-1][-1] in "._-":
            names.append(names[-1][:-1])
        yield match.start(), names


def fold(text: str) -> str:
    """The form in which names and titles are searched: NFKC, without case."""
    if text.isascii():  # The same, and many times as fast.
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _is_control(char: str) -> bool:
    return unicodedata.category(char) == "Cc" or char in BIDI_CONTROLS or char in _LINE_BREAKS


def _is_blank(text: str) -> bool:
    """Whether nothing shows."""
    return not text.strip() or (not text.isascii() and _VISIBLE.search(text) is None)
