"""Password hashes: argon2id, off the event loop, in a bounded queue."""

from __future__ import annotations

import asyncio
import secrets
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from argon2 import DEFAULT_HASH_LENGTH, DEFAULT_RANDOM_SALT_LENGTH, PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

from mrccsc_shared.errors import ErrorCode, Refusal

MEMORY_KIB = 19 * 1024
PASSES = 2
LANES = 1
RETRY_AFTER = 2_000
"""Milliseconds that a client is asked to wait when the queue is full."""

T = TypeVar("T")


class Passwords:
    """Hashes and verifies passwords on threads of its own (argon2 releases the GIL).

    ``workers`` checks run at once and ``queue`` more may wait; every further one is refused at once with
    ``overloaded``. One check costs about 40 ms of a core and 19 MiB while it runs.
    """

    def __init__(self, *, workers: int, queue: int) -> None:
        self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES, type=Type.ID)
        self._pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="password")
        self._capacity = workers + queue
        self._waiting = 0
        self._nobody = _hash_of_nothing()

    @property
    def waiting(self) -> int:
        """Checks that run or wait now."""
        return self._waiting

    async def hash(self, password: str) -> str:
        """The hash to store, in its encoded form with salt and parameters. Raises :class:`Refusal` ``overloaded``."""
        return await self._run(partial(self._hasher.hash, password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether ``password`` is the one behind ``stored``; ``None`` (no such user) is false at the same price.

        Raises :class:`Refusal` ``overloaded``.
        """
        right = await self._run(partial(self._matches, stored or self._nobody, password))
        return right and stored is not None

    def close(self) -> None:
        """Drop what still waits; what runs ends by itself within milliseconds."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= self._capacity:
            raise Refusal(ErrorCode.OVERLOADED, retry_after=RETRY_AFTER)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1


def _hash_of_nothing() -> str:
    """What the password of an unknown user is held against, so that both cost the same: random in place of a digest.

    It is made, not computed: that would be a tenth of a node's start.
    """
    salt, digest = (
        b64encode(secrets.token_bytes(size)).rstrip(b"=").decode()
        for size in (DEFAULT_RANDOM_SALT_LENGTH, DEFAULT_HASH_LENGTH)
    )
    return f"$argon2id$v={ARGON2_VERSION}$m={MEMORY_KIB},t={PASSES},p={LANES}${salt}${digest}"
