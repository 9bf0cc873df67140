"""The last state on disk, so that the next start shows it at once, also offline. All of it can be fetched again.

It is written behind the store: ``note`` gathers what changed, ``flush`` writes that in one transaction in which
entries and cursors agree. Texts go through the door of ``sanitize`` again when they are read.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
import threading
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Any

from mrccsc_tui.state.changes import (
    Change,
    ContactChanged,
    ConversationAdded,
    ConversationChanged,
    ConversationGone,
    EntriesAppended,
    EntriesPrepended,
    MeChanged,
    MessageChanged,
    PersonChanged,
    SignedIn,
    TailRestarted,
)
from mrccsc_tui.state.database import is_damage, open_database, remove, transaction
from mrccsc_tui.state.models import Entry
from mrccsc_tui.state.store import Store
from mrccsc_tui.state.wire import (
    dump_contact,
    dump_conversation,
    dump_entry,
    dump_person,
    read_contact,
    read_conversation,
    read_entry,
    read_person,
)

log = logging.getLogger(__name__)

KEPT_ENTRIES = 5_000
"""Newest entries of a conversation that stay on disk."""

_SCHEMA = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE people (user INTEGER PRIMARY KEY, wire TEXT NOT NULL);
CREATE TABLE contacts (user INTEGER PRIMARY KEY, wire TEXT NOT NULL);
CREATE TABLE conversations (conv INTEGER PRIMARY KEY, cursor INTEGER NOT NULL, wire TEXT NOT NULL);
CREATE TABLE entries (conv INTEGER, seq INTEGER, wire TEXT NOT NULL, PRIMARY KEY (conv, seq)) WITHOUT ROWID
"""
_PAGE = "SELECT seq, wire FROM entries WHERE conv = ? AND seq < ? ORDER BY seq DESC LIMIT ?"
_TABLES = {"people": "user", "contacts": "user", "conversations": "conv"}


class Cache:
    """One account's last state. Used from one loop; only :meth:`flush` touches the disk elsewhere."""

    def __init__(self, path: Path, store: Store) -> None:
        self._store = store
        self._database = open_database(path, _SCHEMA, 1, durable=False)
        self._path = path
        self._damaged = False
        self._owner = ""
        self._writing = asyncio.Lock()
        self._disk = threading.Lock()
        self._life = 1
        """Grows when everything is forgotten: what was gathered before must not be written any more."""
        self._being_voided: set[int] = set()
        self._forget_changes()

    def _forget_changes(self) -> None:
        self._facts = False
        self._people: set[int] = set()
        self._contacts: set[int] = set()
        self._conversations: set[int] = set()
        self._void: set[int] = set()
        self._entries: dict[tuple[int, int], Entry] = {}

    def load(self, owner: str) -> None:
        """Fill the store with this account's last state. Logs hold nothing yet: :meth:`page` has their entries."""
        self._owner = owner
        try:
            facts = dict(self._database.execute("SELECT name, value FROM facts"))
            if facts.get("owner") != owner or "me" not in facts:
                self.clear()
            else:
                self._fill(facts)
        except (ValueError, LookupError, TypeError, AttributeError, sqlite3.Error) as error:
            log.exception("the cache cannot be read; it begins anew")
            self._doubt(error)
            self._store.clear()
            self.clear()

    def _fill(self, facts: dict[str, str]) -> None:
        store = self._store
        store.me = read_person(json.loads(facts["me"]))
        store.epoch = facts.get("epoch")
        for (wire,) in self._database.execute("SELECT wire FROM people"):
            person = read_person(json.loads(wire))
            store.people[person.user] = person
        for (wire,) in self._database.execute("SELECT wire FROM contacts"):
            contact = read_contact(json.loads(wire))
            store.contacts[contact.person.user] = contact
        for wire, cursor in self._database.execute("SELECT wire, cursor FROM conversations"):
            store.hold_at(read_conversation(json.loads(wire)), cursor)

    def page(self, conv: int, before: int, limit: int) -> list[Entry]:
        """At most ``limit`` entries that end right below ``before``, in ascending seq, without holes."""
        if conv in self._void or conv in self._being_voided or self._damaged:
            return []
        page: list[Entry] = []
        try:
            rows = self._database.execute(_PAGE, (conv, before, limit)).fetchall()
            for seq, wire in rows:
                if seq != before - 1 - len(page):
                    break
                page.append(self._entries.get((conv, seq)) or _read(conv, seq, wire))
        except (ValueError, LookupError, TypeError, AttributeError, sqlite3.Error) as error:
            # The rest is fetched.
            log.exception("a part of the cache cannot be read")
            self._doubt(error)
        return page[::-1]

    def _doubt(self, error: Exception) -> None:
        """Where the file itself is broken, leave it alone until it is removed at the end."""
        self._damaged = self._damaged or is_damage(error)

    def note(self, changes: Iterable[Change]) -> None:
        """Remember what the next flush has to write."""
        for change in changes:
            match change:
                case EntriesAppended(entries=entries) | EntriesPrepended(entries=entries):
                    self._entries.update(((entry.conv, entry.seq), entry) for entry in entries)
                    self._conversations.add(change.conv)
                case MessageChanged(conv=conv, seq=seq):
                    if message := self._store.message(conv, seq):
                        self._entries[conv, seq] = message
                case ConversationChanged(conv=conv) | ConversationAdded(conv=conv):
                    self._conversations.add(conv)
                case TailRestarted(conv=conv) | ConversationGone(conv=conv):
                    self._void.add(conv)
                    self._conversations.add(conv)
                    self._entries = {key: entry for key, entry in self._entries.items() if key[0] != conv}
                case ContactChanged(user=user):
                    self._contacts.add(user)
                case PersonChanged(user=user):
                    self._people.add(user)
                case MeChanged() | SignedIn():
                    self._facts = True

    async def flush(self) -> None:
        """Write what changed, in a thread. A failure is logged: what is missing on disk is fetched another time."""
        async with self._writing:
            self._being_voided = self._void
            statements = self._statements()
            if statements:
                await _to_its_end(asyncio.to_thread(self._write, statements, self._life))
            self._being_voided = set()

    def close(self) -> None:
        """Write what changed and let the file go."""
        self._write(self._statements(), self._life)
        self._database.close()
        if self._damaged:
            remove(self._path)

    def clear(self) -> None:
        """Forget everything, also what is just being written: this waits for it."""
        self._forget_changes()
        self._life += 1
        tables = ("facts", *_TABLES, "entries")
        self._write([(f"DELETE FROM {table}", ()) for table in tables], self._life)  # noqa: S608

    def _write(self, statements: list[tuple[str, tuple[Any, ...]]], life: int) -> None:
        with self._disk:
            # The thread may come to it only after everything was forgotten.
            if self._damaged or life != self._life:
                return
            try:
                with transaction(self._database):
                    for statement, values in statements:
                        self._database.execute(statement, values)
            except sqlite3.Error as error:
                # The cursors on disk stay as they were, in agreement with the entries there.
                log.exception("the cache cannot be written")
                self._doubt(error)

    def _statements(self) -> list[tuple[str, tuple[Any, ...]]]:
        store = self._store
        statements: list[tuple[str, tuple[Any, ...]]] = []
        if self._facts and store.me is not None:
            facts = {"owner": self._owner, "me": json.dumps(dump_person(store.me)), "epoch": store.epoch or ""}
            statements += [("INSERT OR REPLACE INTO facts VALUES (?, ?)", fact) for fact in facts.items()]
        for user in self._people & store.people.keys():
            wire = json.dumps(dump_person(store.people[user]))
            statements.append(("INSERT OR REPLACE INTO people VALUES (?, ?)", (user, wire)))
        for user in self._contacts:
            contact = store.contacts.get(user)
            if contact is None:
                statements.append(("DELETE FROM contacts WHERE user = ?", (user,)))
            else:
                wire = json.dumps(dump_contact(contact))
                statements.append(("INSERT OR REPLACE INTO contacts VALUES (?, ?)", (user, wire)))
        statements += [("DELETE FROM entries WHERE conv = ?", (conv,)) for conv in self._void]
        statements += [
            ("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", (*key, json.dumps(dump_entry(entry))))
            for key, entry in self._entries.items()
        ]
        for conv in self._conversations:
            conversation = store.conversations.get(conv)
            if conversation is None:
                statements.append(("DELETE FROM conversations WHERE conv = ?", (conv,)))
                continue
            row = (conv, conversation.cursor, json.dumps(dump_conversation(conversation)))
            statements.append(("INSERT OR REPLACE INTO conversations VALUES (?, ?, ?)", row))
            oldest = conversation.cursor - KEPT_ENTRIES
            if oldest > 0 and self._entries:
                statements.append(("DELETE FROM entries WHERE conv = ? AND seq <= ?", (conv, oldest)))
        self._forget_changes()
        return statements


def _read(conv: int, seq: int, wire: str) -> Entry:
    entry = read_entry(json.loads(wire))
    if (entry.conv, entry.seq) != (conv, seq):
        raise ValueError("an entry is in the wrong place")
    return entry


async def _to_its_end(work: Coroutine[None, None, None]) -> None:
    """Wait for a thread's work also when cancelled: the file must not be closed under it, which crashes the process."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise
