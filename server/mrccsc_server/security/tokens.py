"""Session tokens and invite codes: random, and stored only as digests."""

from __future__ import annotations

import hashlib
import secrets

TOKEN_BYTES = 32
INVITE_LETTERS = 24
"""Letters of an invite code, at five random bits each."""

_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


def new_token() -> str:
    """A token of 256 random bits, 43 URL-safe characters."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def new_invite() -> str:
    """An invite code of 120 random bits: letters and digits without look-alikes, in groups of six."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(INVITE_LETTERS))
    return "-".join(letters[start : start + 6] for start in range(0, len(letters), 6))


def digest(secret: str) -> bytes:
    """What is stored of a token or code: 32 bytes of SHA-256. It is too random to be guessed: no salt is needed."""
    return hashlib.sha256(secret.encode()).digest()
