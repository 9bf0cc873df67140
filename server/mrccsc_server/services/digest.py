"""The keyed digest of an operation's content: with the cid it tells a retry from a conflict.

Keyed, because a plain hash of "yes" would outlive the deletion of the message and could be guessed. It covers what the
client asked for, so an edit of the message does not change it.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

import orjson

Digester = Callable[..., bytes]

SIZE = 16


def digester(secret: bytes) -> Digester:
    """A function from the parts of a content (strings, integers, booleans, ``None``) to its 16-byte digest."""
    keyed = blake2b(key=secret[:64], digest_size=SIZE)

    def digest(*content: str | int | bool | None) -> bytes:
        state = keyed.copy()
        state.update(orjson.dumps(content))
        return state.digest()

    return digest
