"""Damaged files of the client: what is readable stays, and it is never a traceback that the user sees."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import strategies as st

from mrccsc_tui.link.outbox import Outbox, make_pending
from mrccsc_tui.state.cache import Cache
from mrccsc_tui.state.notes import Notes
from mrccsc_tui.state.store import Store
from tests.client.fakes import conversation, entry, message, ready
from tests.fuzz.client import quiet
from tests.fuzz.inputs import Target

ITEMS = 40
OWNER = "ann"
_STEP = 6
"""Bytes that say one damage: what, where (three of them), how much, and with what."""


def _damage(file: bytes, script: bytes) -> bytes:
    """A file after what ``script`` says has happened to it."""
    damaged = bytearray(file)
    for at in range(0, len(script) - _STEP + 1, _STEP):
        what, *rest = script[at : at + _STEP]
        place = int.from_bytes(bytes(rest[:3]), "big") % (len(damaged) + 1)
        size, value = rest[3] * 16 + 1, rest[4]
        match what % 4:
            case 0:
                damaged[place : place + size] = bytes([value]) * len(damaged[place : place + size])
            case 1:
                damaged[place : place + 1] = bytes([value])[: len(damaged) - place]
            case 2:
                # A power cut: a page was not written.
                begin = place // 4_096 * 4_096
                damaged[begin : begin + 4_096] = bytes(len(damaged[begin : begin + 4_096]))
            case 3:
                del damaged[place:]
    return bytes(damaged)


def _made(make: Callable[[Path], None]) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "it.db"
        make(path)
        return path.read_bytes()


@functools.cache
def _outbox() -> bytes:
    def make(path: Path) -> None:
        outbox = Outbox(path)
        outbox.claim(OWNER)
        for number in range(ITEMS):
            code = "forbidden" if number % 7 == 0 else None
            outbox.add(make_pending(f"cid-{number}", number % 3 + 1, "send", number, f"word {number} " * 40, code=code))
        outbox.close()

    return _made(make)


def outbox(data: bytes) -> None:
    """It opens, has only what was put into it, takes more, and has that at the next start."""
    with TemporaryDirectory() as folder, quiet():
        path = Path(folder) / "outbox.db"
        path.write_bytes(_damage(_outbox(), data))
        first = Outbox(path)
        first.claim(OWNER)
        kept = first.items()
        made = {f"cid-{number}": f"word {number} " * 40 for number in range(ITEMS)}
        assert len({item.cid for item in kept}) == len(kept)
        if not data:
            assert {item.cid: item.raw for item in kept} == made
        new = make_pending("cid-new", 1, "send", 1, "new")
        first.add(new)
        first.remove([item.cid for item in kept[:1]])
        first.close()
        second = Outbox(path)
        second.claim(OWNER)
        assert second.items() == [*kept[1:], new]
        second.close()


@functools.cache
def _cache() -> bytes:
    def make(path: Path) -> None:
        store = Store()
        cache = Cache(path, store)
        cache.load(OWNER)
        cache.note(store.apply(ready({"id": 1, "type": "session.login"}, conversations=[conversation(head=1)]), {}))
        for seq in range(2, 200):
            cache.note(store.apply(entry(message(seq, f"text {seq} " * 8)), {}))
        cache.close()

    return _made(make)


def cache(data: bytes) -> None:
    """It opens, gives back only what is without holes, takes more, and opens again."""
    with TemporaryDirectory() as folder, quiet():
        path = Path(folder) / "cache.db"
        path.write_bytes(_damage(_cache(), data))
        for _ in range(2):
            store = Store()
            kept = Cache(path, store)
            kept.load(OWNER)
            for conv, held in list(store.conversations.items()):
                page = kept.page(conv, held.cursor + 1, 50)
                seqs = [one.seq for one in page]
                assert seqs == list(range(held.cursor + 1 - len(seqs), held.cursor + 1))
                assert data or len(seqs) == 50
            kept.note(
                store.apply(ready({"id": 1, "type": "session.login"}, conversations=[conversation(head=300)]), {})
            )
            kept.note(store.apply(entry(message(301, "new")), {}))
            kept.close()


@functools.cache
def _notes() -> bytes:
    def make(path: Path) -> None:
        notes = Notes(path)
        for number in range(60):
            notes.put(f"draft:{number}", f"half a thought {number} " * 20)
        notes.close()

    return _made(make)


def notes(data: bytes) -> None:
    """They open, have only what was put there or what is text, take more, and open again."""
    with TemporaryDirectory() as folder, quiet():
        path = Path(folder) / "notes.db"
        path.write_bytes(_damage(_notes(), data))
        first = Notes(path)
        if not data:
            assert first.get("draft:59") == "half a thought 59 " * 20
        first.put("draft:1", "new")
        first.close()
        second = Notes(path)
        assert second.get("draft:1") == "new"
        second.close()


SCRIPTS = st.lists(st.binary(min_size=_STEP, max_size=_STEP), max_size=4).map(b"".join)

TARGETS: dict[str, Target] = {"outbox": (outbox, SCRIPTS), "cache": (cache, SCRIPTS), "notes": (notes, SCRIPTS)}
