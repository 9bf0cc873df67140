"""The schema's history: numbered SQL files, one folder a database, applied in order and never changed once released.

A migration leaves the previous release working: it expands now, and contracts a release later.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from importlib import resources

from mrccsc_server.ports import StoreError


@dataclass(frozen=True, slots=True)
class Migration:
    """One step. ``number`` is the version of the schema that it leads to."""

    number: int
    statements: tuple[str, ...]


def load(dialect: str) -> list[Migration]:
    """All migrations of a database, ascending."""
    folder = resources.files(__name__) / dialect
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return [Migration(int(file.name.split("_")[0]), tuple(_split(file.read_text(encoding="utf-8")))) for file in files]


def pending(dialect: str, version: int, shown: str) -> list[Migration]:
    """The migrations that a database of some version has before it. ``shown`` is how messages name it.

    Raises :class:`StoreError` when it is of a later version than this program knows.
    """
    steps = load(dialect)
    if version > steps[-1].number:
        raise StoreError(
            f"The database {shown} was written by a newer version of mrccsc-server "
            f"(its schema is {version}, this version knows {steps[-1].number}); install that version."
        )
    return [step for step in steps if step.number > version]


def _split(script: str) -> list[str]:
    # SQLite's own judge of where a statement ends knows strings and comments; it serves every dialect.
    statements: list[str] = []
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending.strip())
            pending = ""
    if pending.strip():
        raise ValueError("the script ends inside a statement")
    return statements
