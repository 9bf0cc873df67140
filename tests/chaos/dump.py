"""What the store holds in the end, asked of its port: whatever database it is on."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from mrccsc_server.ports import Store
from mrccsc_server.storage import make_store
from mrccsc_shared.limits import Limits
from tests.chaos.history import Recorder

SPAN = 500
"""Entries read at once."""


async def dump(recorder: Recorder, url: str, convs: Collection[int], users: Collection[int]) -> None:
    """Record these conversations as they are in the store behind the URL."""
    store = make_store(url, Limits())
    await store.open()
    try:
        shown: set[str] = set()
        for conv in sorted(convs):
            stored = recorder.note("stored", **await _stored(store, conv, users))
            shown |= {entry["text"] for entry in stored["entries"] if entry.get("text")}
        recorder.note("texts", left=await _left(store, shown))
    finally:
        await store.close()


async def _left(store: Any, shown: Collection[str]) -> list[str]:
    """Texts that are in the database and that no entry shows: of what was deleted or superseded."""

    async def work(reader: Any) -> Any:
        return await reader.rows("SELECT text FROM body")

    rows = await store.log._database.read(work)
    return sorted({text for (text,) in rows if text.strip("\0") and text not in shown})


async def _stored(store: Store, conv: int, users: Collection[int]) -> dict[str, Any]:
    head = (await store.log.heads([conv])).get(conv, 0)
    entries: list[Any] = []
    for after in range(0, head, SPAN):
        entries += await store.log.range(conv, after, min(after + SPAN, head))
    views = await store.conversations.views(conv, users)
    some: Any = next(iter(views.values()), {"kind": "group"})
    return {
        "conv": conv,
        "kind": some["kind"],
        "visibility": some.get("visibility"),
        "head": head,
        "members": {str(user): {"read": view["read"]} for user, view in views.items()},
        "entries": entries,
    }
