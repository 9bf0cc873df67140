"""Shows that a run lives: one line that changes on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TextIO

EVERY_ON_TERMINAL = 0.5
EVERY_ELSEWHERE = 15.0
"""Seconds between two signs of life."""


class Progress:
    """Writes to ``out`` what ``state`` says at the moment."""

    def __init__(self, out: TextIO) -> None:
        self.state: Callable[[], str] = str
        self._out = out
        self._live = out.isatty()

    async def show(self) -> None:
        """Go on until cancelled."""
        while True:
            await asyncio.sleep(EVERY_ON_TERMINAL if self._live else EVERY_ELSEWHERE)
            self._write(f"\r\x1b[K{self.state()}" if self._live else f"{self.state()}\n")

    def tell(self, text: str) -> None:
        """Write a line that stays."""
        self._write(f"\r\x1b[K{text}\n" if self._live else f"{text}\n")

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
