"""Names of emoji, for ``:name:`` in the composer and for reactions."""

from __future__ import annotations

import re

COMMON = ("thumbs_up", "heart", "laughing", "party", "eyes", "check", "pray", "thinking", "wave", "rocket")

NAMES: dict[str, str] = {
    "thumbs_up": "👍",
    "thumbs_down": "👎",
    "heart": "💜",
    "laughing": "😂",
    "smile": "😄",
    "grin": "😁",
    "wink": "😉",
    "blush": "😊",
    "cool": "😎",
    "thinking": "🤔",
    "neutral": "😐",
    "sad": "😢",
    "crying": "😭",
    "angry": "😠",
    "surprised": "😮",
    "scream": "😱",
    "sweat": "😅",
    "sleeping": "😴",
    "sick": "🤒",
    "shrug": "🤷",
    "facepalm": "🤦",
    "party": "🎉",
    "confetti": "🎊",
    "clap": "👏",
    "pray": "🙏",
    "wave": "👋",
    "muscle": "💪",
    "ok": "👌",
    "handshake": "🤝",
    "eyes": "👀",
    "brain": "🧠",
    "check": "✅",
    "cross": "❌",
    "question": "❓",
    "exclamation": "❗",
    "hundred": "💯",
    "fire": "🔥",
    "star": "🌟",
    "sparkles": "✨",
    "rocket": "🚀",
    "bug": "🐛",
    "wrench": "🔧",
    "hammer": "🔨",
    "lock": "🔒",
    "key": "🔑",
    "bulb": "💡",
    "books": "📚",
    "memo": "📝",
    "calendar": "📅",
    "hourglass": "⏳",
    "coffee": "☕",
    "tea": "🍵",
    "beer": "🍺",
    "pizza": "🍕",
    "cake": "🍰",
    "apple": "🍎",
    "sun": "🌞",
    "moon": "🌙",
    "rain": "🌧",
    "snow": "❄",
    "rainbow": "🌈",
    "tree": "🌳",
    "flower": "🌻",
    "cat": "🐱",
    "dog": "🐶",
    "snake": "🐍",
    "crab": "🦀",
    "penguin": "🐧",
    "music": "🎵",
    "trophy": "🏆",
    "target": "🎯",
    "gift": "🎁",
    "warning": "🚧",
    "stop": "🛑",
}
"""All of them are two cells wide in every table of widths, save rain and snow."""

_SHORTCODE = re.compile(r":([a-z_]{2,20}):")


def as_emoji(text: str) -> str:
    """``:party:`` or ``party`` as the emoji; anything else as it is."""
    return NAMES.get(text.strip(":"), text)


def with_emoji(text: str) -> str:
    """``text`` with its known ``:names:`` replaced."""
    return _SHORTCODE.sub(lambda match: NAMES.get(match[1], match[0]), text)
