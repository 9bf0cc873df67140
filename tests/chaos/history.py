"""What happened in a run, one JSON object a line, in the order in which it happened.

docs/reliability.md has the format, for other checkers to read.

One process records everything, so the order of the lines is the order of time: a line that stands before another
happened before it. Frames of the wire are recorded as they passed, save for tokens and passwords.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Record = dict[str, Any]

VERSION = 1

_SECRET = {"token", "password", "old", "new"}


class Recorder:
    """Writes a history. ``records`` has it in memory as well, for those who judge at once."""

    def __init__(self, path: Path | None = None, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.records: list[Record] = []
        self._file = path.open("w", encoding="utf-8") if path is not None else None
        self._monotonic = monotonic
        self._began = monotonic()

    @property
    def now(self) -> float:
        """Seconds since the history began."""
        return self._monotonic() - self._began

    def note(self, what: str, /, **facts: Any) -> Record:
        """Record one thing that happened now."""
        record = {"n": len(self.records) + 1, "t": round(self.now, 4), "what": what, **facts}
        self.records.append(record)
        if self._file is not None:
            self._file.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")
        return record

    def close(self) -> None:
        """Write all to disk."""
        if self._file is not None:
            self._file.close()
            self._file = None


def read(path: Path) -> list[Record]:
    """The records of a history file."""
    return list(_lines(path))


def _lines(path: Path) -> Iterator[Record]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def without_secrets(frame: Record) -> Record:
    """A frame of the wire as it may be kept."""
    return {key: value for key, value in frame.items() if key not in _SECRET}


def brief(record: Record, width: int = 200) -> str:
    """One record for a person who follows a story."""
    rest = {key: value for key, value in record.items() if key not in {"n", "t", "what"}}
    text = json.dumps(rest, ensure_ascii=False)
    return f"{record['n']:>7} {record['t']:>9.3f}s {record['what']:<8} {text[:width]}{'…' if len(text) > width else ''}"
