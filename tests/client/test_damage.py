"""A damaged file of the client: what can be read of it stays, the rest is put aside, and nobody sees a traceback."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from mrccsc_tui.config import ConfigError, read_config
from mrccsc_tui.link.errors import LONGEST_WAIT, RequestError
from mrccsc_tui.link.outbox import Outbox, make_pending
from mrccsc_tui.state.cache import Cache
from mrccsc_tui.state.notes import Notes
from mrccsc_tui.state.store import Store
from tests.client.fakes import conversation, entry, message, ready

PAGE = 4_096
ITEMS = 60


def fill(path: Path) -> None:
    outbox = Outbox(path)
    outbox.claim("ann")
    for number in range(ITEMS):
        outbox.add(make_pending(f"cid-{number}", 5, "send", number, f"word {number} " * 30))
    outbox.close()


def break_page(path: Path, number: int) -> None:
    data = bytearray(path.read_bytes())
    data[number * PAGE : (number + 1) * PAGE] = bytes(PAGE)
    path.write_bytes(data)


def page_of(path: Path, text: bytes) -> int:
    return path.read_bytes().index(text) // PAGE


def test_what_an_outbox_has_beside_a_broken_page_is_still_sent(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    fill(path)
    break_page(path, page_of(path, b"word 30 "))
    outbox = Outbox(path)
    outbox.claim("ann")
    kept = outbox.items()
    assert [kept[0].cid, kept[-1].cid] == ["cid-0", f"cid-{ITEMS - 1}"]
    # A page holds about fifteen of them.
    assert ITEMS - 20 <= len(kept) < ITEMS
    outbox.add(make_pending("cid-new", 5, "send", 1, "new"))
    outbox.close()
    assert len(list(tmp_path.glob("outbox.db.broken-*"))) == 1
    again = Outbox(path)
    again.claim("ann")
    assert [one.cid for one in again.items()] == [*(one.cid for one in kept), "cid-new"]
    again.close()


def test_a_row_of_another_form_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    fill(path)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE items SET kind = 'shout' WHERE cid = 'cid-1'")
        database.execute("UPDATE items SET raw = x'ff00' WHERE cid = 'cid-2'")
    database.close()
    for _ in range(2):
        outbox = Outbox(path)
        outbox.claim("ann")
        assert [one.cid for one in outbox.items()] == ["cid-0", *(f"cid-{number}" for number in range(3, ITEMS))]
        outbox.close()


def test_drafts_beside_a_broken_page_stay(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    notes = Notes(path)
    for number in range(100):
        notes.put(f"draft:{number:03}", f"thought {number} " * 20)
    notes.close()
    break_page(path, page_of(path, b"thought 50 "))
    notes = Notes(path)
    kept = [number for number in range(100) if notes.get(f"draft:{number:03}")]
    assert {0, 1, 98, 99} <= set(kept)
    assert len(kept) < 100
    notes.close()


def test_a_cache_with_a_broken_page_is_fetched_again(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"

    def opened() -> tuple[Store, Cache]:
        store = Store()
        cache = Cache(path, store)
        cache.load("ann")
        return store, cache

    store, cache = opened()
    cache.note(store.apply(ready({"id": 1, "type": "session.login"}, conversations=[conversation(head=1)]), {}))
    for seq in range(2, 300):
        cache.note(store.apply(entry(message(seq, f"text {seq} " * 8)), {}))
    cache.close()
    break_page(path, page_of(path, b"text 290 "))
    store, cache = opened()
    assert cache.page(5, 300, 50) == []
    cache.close()
    # Whatever it was, the next start is with a good file.
    store, cache = opened()
    cache.note(store.apply(ready({"id": 1, "type": "session.login"}, conversations=[conversation(head=300)]), {}))
    cache.close()
    store, cache = opened()
    assert store.conversations[5].head == 300
    cache.close()


@pytest.mark.parametrize(("asked", "waits"), [(10**400, LONGEST_WAIT), (-5, 0), (7, 7), (None, None)])
def test_no_server_makes_a_client_wait_for_ever(asked: int | None, waits: int | None) -> None:
    refusal = RequestError.of({"code": "unavailable", "message": "Later.", "retry_after": asked})
    assert refusal.retry_after == waits


@pytest.mark.parametrize("text", ['[profiles.work]\nca = "~nobody-at-all/x"\n', f"a = {'[' * 2_000}"])
def test_a_configuration_that_cannot_be_used_is_refused_in_words(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    with pytest.raises(ConfigError):
        read_config(file).profile("work")
