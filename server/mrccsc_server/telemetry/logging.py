"""The log: one line a record on standard error, text or JSON.

Control characters and line separators are escaped, so that no value can forge a line. An exception is logged by the
places it passed and its type; its own words only where they cannot hold what a peer sent (system and database errors).
"""

from __future__ import annotations

import json
import logging
import sqlite3
import sys
import time
import traceback
from typing import Literal

LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

_QUOTABLE = (OSError, sqlite3.Error)


def set_up(form: LogFormat, level: LogLevel) -> None:
    """Send all log records of the process to standard error in that form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


class TextFormatter(logging.Formatter):
    """``2026-01-31T12:00:00.000Z WARNING mrccsc_server.net: sentence``."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        line = f"{_moment(record)} {record.levelname} {record.name}: {record.getMessage()}"
        if record.exc_info and record.exc_info[1]:
            line += f" [{describe(record.exc_info[1])}]"
        return escape(line)


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, and ``error`` where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        entry = {
            "time": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": escape(record.getMessage()),
        }
        if record.exc_info and record.exc_info[1]:
            entry["error"] = escape(describe(record.exc_info[1]))
        return json.dumps(entry)


def describe(error: BaseException) -> str:
    """An exception in one line without anything that a peer sent: types, places, and its causes."""
    parts: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(parts) < 5:
        words = f" ({seen})" if isinstance(seen, _QUOTABLE) else ""
        frames = traceback.extract_tb(seen.__traceback__)[-6:]
        places = " > ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames)
        parts.append(f"{type(seen).__name__}{words} at {places or 'unknown'}")
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return " because of ".join(parts)


def escape(text: str) -> str:
    """The text on one line: control, format and separator characters as escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char == " " or char.isprintable() else _code(char) for char in text)


def _code(char: str) -> str:
    number = ord(char)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _moment(record: logging.LogRecord) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z"
