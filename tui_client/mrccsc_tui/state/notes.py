"""What was typed and not yet sent, and what the screens want to remember: small texts under keys, on disk.

A change is kept in memory at once and on disk at the next :meth:`flush`, so that every key press may change it.
"""

from __future__ import annotations

from pathlib import Path

from mrccsc_tui.state.database import open_database, transaction

_SCHEMA = "CREATE TABLE notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID"


class Notes:
    """Texts by name. Not durable against a power cut, but against everything that ends the client."""

    def __init__(self, path: Path) -> None:
        self._database = open_database(path, _SCHEMA, 1, durable=False, keep={"notes": "name"})
        rows = self._database.execute("SELECT name, value FROM notes")
        self._notes: dict[str, str] = {name: text for name, text in rows if isinstance(text, str)}
        self._changed: dict[str, None] = {}

    def get(self, name: str) -> str | None:
        """A text, when there is one."""
        return self._notes.get(name)

    def put(self, name: str, value: str | None) -> None:
        """Keep a text; ``None`` forgets it."""
        if value == self._notes.get(name):
            return
        if value is None:
            self._notes.pop(name, None)
        else:
            self._notes[name] = value
        self._changed[name] = None

    def clear(self, prefix: str) -> None:
        """Forget all texts whose names begin so."""
        for name in [name for name in self._notes if name.startswith(prefix)]:
            self.put(name, None)

    def flush(self) -> None:
        """Write the changes to disk."""
        if not self._changed:
            return
        with transaction(self._database):
            for name in self._changed:
                value = self._notes.get(name)
                if value is None:
                    self._database.execute("DELETE FROM notes WHERE name = ?", (name,))
                else:
                    self._database.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, value))
        self._changed.clear()

    def close(self) -> None:
        """Write the changes and let the file go."""
        self.flush()
        self._database.close()
