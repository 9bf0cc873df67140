"""What is on disk: the outbox, the cache, notes; whole, private, and replaceable when broken."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest

from mrccsc_tui.config import Profile
from mrccsc_tui.link.outbox import Outbox, make_pending
from mrccsc_tui.profile import (
    ProfileLocked,
    Session,
    device_id,
    fits,
    forget_session,
    load_session,
    locked,
    save_session,
)
from mrccsc_tui.state.cache import Cache
from mrccsc_tui.state.database import open_database
from mrccsc_tui.state.notes import Notes
from mrccsc_tui.state.store import Store
from tests.client.fakes import conversation, entry, message, ready

SCHEMA = "CREATE TABLE things (name TEXT)"


def items(path: Path) -> list[tuple[str, str, str | None]]:
    outbox = Outbox(path)
    found = [(one.cid, one.raw, one.code) for one in outbox.items()]
    outbox.close()
    return found


def test_the_outbox_keeps_order_failures_and_renewals(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    outbox = Outbox(path)
    outbox.claim("ann")
    one, two, three = (make_pending(f"cid-{n}", 5, "send", n, f"word {n}", reply_to=n) for n in (1, 2, 3))
    for item in (one, two, three):
        outbox.add(item)
    assert outbox.items() == [one, two, three]
    outbox.fail(make_pending("cid-1", 5, "send", 1, "word 1", code="forbidden", why="No."))
    outbox.remove(["cid-2", "cid-unknown"])
    outbox.renew("cid-1", make_pending("cid-4", 5, "send", 4, "word 1"))
    outbox.close()
    assert items(path) == [("cid-3", "word 3", None), ("cid-4", "word 1", None)]


def test_the_outbox_of_another_account_is_forgotten(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db")
    outbox.claim("ann")
    outbox.add(make_pending("cid-1", 5, "send", 1, "for Ann's friends"))
    outbox.claim("ann")
    assert len(outbox.items()) == 1
    outbox.claim("bob")
    assert outbox.items() == []
    outbox.close()


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b""])
def test_a_broken_file_is_put_aside_and_begun_anew(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "things.db"
    path.write_bytes(content)
    database = open_database(path, SCHEMA, 1, durable=True)
    database.execute("INSERT INTO things VALUES ('kept')")
    database.close()
    aside = list(tmp_path.glob("things.db.broken-*"))
    assert [one.read_bytes() for one in aside] == ([content] if content else [])
    database = open_database(path, SCHEMA, 1, durable=True)
    assert database.execute("SELECT name FROM things").fetchall() == [("kept",)]
    database.close()


def test_a_file_of_another_version_is_put_aside(tmp_path: Path) -> None:
    path = tmp_path / "things.db"
    open_database(path, SCHEMA, 7, durable=False).close()
    database = open_database(path, SCHEMA, 8, durable=False)
    assert database.execute("PRAGMA user_version").fetchone() == (8,)
    database.close()
    assert len(list(tmp_path.glob("things.db.broken-*"))) == 1


def test_a_file_that_cannot_be_opened_is_an_error_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "things.db").mkdir()
    with pytest.raises(OSError, match=r"things\.db cannot be opened"):
        open_database(tmp_path / "things.db", SCHEMA, 1, durable=True)


def test_notes_are_there_at_once_and_on_disk_after_a_flush(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    notes = Notes(path)
    notes.put("draft:5", "half a thou")
    notes.put("draft:6", "gone")
    notes.flush()
    notes.put("draft:6", None)
    notes.put("setting:theme", "nord")
    notes.close()
    notes = Notes(path)
    assert [notes.get(name) for name in ("draft:5", "draft:6", "setting:theme")] == ["half a thou", None, "nord"]
    notes.clear("draft:")
    assert [notes.get(name) for name in ("draft:5", "setting:theme")] == [None, "nord"]
    notes.close()


class Kept:
    """A store that is written behind by a cache."""

    def __init__(self, path: Path, owner: str = "ann") -> None:
        self.store = Store()
        self.cache = Cache(path, self.store)
        self.cache.load(owner)

    def hears(self, *frames: dict) -> None:
        for frame in frames:
            self.cache.note(self.store.apply(frame))


async def test_the_cache_shows_the_last_state_and_its_entries(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "cache.db")
    kept.hears(
        ready({"id": 1, "type": "session.login"}),
        entry(message(2, "two", mentions=[1])),
        entry(message(3, "three \x1b[0m", by=1)),
        entry({"conv": 5, "seq": 4, "kind": "edit", "by": 2, "at": 4, "target": 2, "text": "two!"}),
    )
    await kept.cache.flush()
    kept.hears(entry(message(5, "five")))
    kept.cache.close()
    before = kept.store

    after = Kept(tmp_path / "cache.db")
    assert (after.store.me, after.store.epoch) == (before.me, before.epoch)
    assert (after.store.people, after.store.contacts) == (before.people, before.contacts)
    held = after.store.conversations[5]
    assert (held.unread, held.mentions, held.head, held.cursor, held.tail_start) == (2, 1, 5, 5, 6)
    assert [one.seq for one in after.cache.page(5, 6, 3)] == [3, 4, 5]
    assert [one.seq for one in after.cache.page(5, 3, 3)] == [2]
    assert after.cache.page(5, 2, 3) == []
    assert after.store.logs[5].prepend(after.cache.page(5, 6, 9))
    assert list(after.store.timeline(5)) == list(before.timeline(5))
    after.cache.close()


async def test_a_page_from_the_cache_ends_where_something_is_missing(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "cache.db")
    kept.hears(ready({"id": 1, "type": "session.login"}), *(entry(message(seq)) for seq in range(2, 9)))
    await kept.cache.flush()
    with sqlite3.connect(tmp_path / "cache.db") as database:
        database.execute("DELETE FROM entries WHERE seq = 5")
    database.close()
    assert [one.seq for one in kept.cache.page(5, 9, 99)] == [6, 7, 8]
    kept.cache.close()


async def test_what_is_void_is_not_read_from_the_cache_even_before_it_is_written(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "cache.db")
    kept.hears(ready({"id": 1, "type": "session.login"}), entry(message(2)))
    await kept.cache.flush()
    again = ready({"id": 1, "type": "session.resume"}, epoch="e2", reset=True, conversations=[conversation(head=2)])
    kept.hears(again)
    assert kept.cache.page(5, 3, 9) == []
    await kept.cache.flush()
    assert kept.cache.page(5, 3, 9) == []
    kept.hears({"type": "conversation.gone", "conv": 5, "reason": "closed"})
    kept.cache.close()
    after = Kept(tmp_path / "cache.db")
    assert after.store.conversations == {}
    assert after.store.epoch == "e2"
    after.cache.close()


async def test_the_cache_of_another_account_or_with_nonsense_is_not_shown(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "cache.db")
    kept.hears(ready({"id": 1, "type": "session.login"}))
    kept.cache.close()
    with sqlite3.connect(tmp_path / "cache.db") as database:
        database.execute("UPDATE conversations SET wire = '{\"conv\": 5}'")
    database.close()
    broken = Kept(tmp_path / "cache.db")
    assert (broken.store.me, broken.store.conversations) == (None, {})
    broken.hears(ready({"id": 1, "type": "session.login"}))
    broken.cache.close()
    other = Kept(tmp_path / "cache.db", owner="bob")
    assert (other.store.me, other.store.conversations) == (None, {})
    other.cache.close()


SESSION = Session("chat.example", 443, tls=True, user=1, username="ann", token="secret")


def test_a_token_is_private_bound_to_its_server_and_forgotten(home: Path) -> None:
    save_session("work", SESSION)
    (file,) = home.rglob("session.json")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert load_session("work") == SESSION
    assert load_session("home") is None
    assert fits(SESSION, Profile("work", "chat.example", 443, tls=True))
    for other in (
        Profile("work", "chat.example", 443),
        Profile("work", "chat.example", 444, tls=True),
        Profile("work", "other.example", 443, tls=True),
    ):
        assert not fits(SESSION, other)
    file.write_text("{")
    assert load_session("work") is None
    forget_session("work")
    forget_session("work")
    assert not file.exists()


def test_a_device_keeps_its_id() -> None:
    assert device_id("work") == device_id("work")
    assert device_id("work") != device_id("home")


def test_a_profile_belongs_to_one_process_at_a_time() -> None:
    with locked("work"):
        with pytest.raises(ProfileLocked, match=r"The profile work is open .* --profile work-2"), locked("work"):
            pass
        with locked("home"):
            pass
    with locked("work"):
        pass
