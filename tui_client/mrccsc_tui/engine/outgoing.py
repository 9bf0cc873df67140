"""What the user says: on disk first, shown as waiting, sent in order, settled when the server has it."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from mrccsc_tui.engine.engine import Engine
from mrccsc_tui.link.errors import RequestError
from mrccsc_tui.link.outbox import Outbox, make_pending
from mrccsc_tui.link.sender import Sender
from mrccsc_tui.state.changes import Change, ConversationGone, Settled, SignedIn
from mrccsc_tui.state.models import Pending, PendingKind

FLUSH_AFTER = 0.1
"""Seconds in which acknowledgements are gathered before the disk hears of them: forgetting one is harmless."""

ANOTHER_STORE = "The server was set back to a backup since; look whether this still fits, and try again."

log = logging.getLogger(__name__)


class Outgoing:
    """The outbox on disk, in the store and on the line, which always agree.

    ``keep`` is given the conversation and the words that cannot be said any more, before they are forgotten here.
    """

    def __init__(self, engine: Engine, outbox: Outbox, keep: Callable[[int, Sequence[str]], None]) -> None:
        self._engine = engine
        self._outbox = outbox
        self._keep = keep
        self._done: set[str] = set()
        self._sender = Sender(sent=self._sent, refused=self._refused, clock=engine.clock, random=engine.random)
        engine.waiting = lambda: self._sender.waiting
        engine.subscribe(self._follow)
        engine.on_lost(self._sender.pause)

    def load(self, owner: str) -> None:
        """Show and send what this account has still to say; what another one had is forgotten."""
        self._sender.clear()
        self._outbox.claim(owner)
        for item in self._outbox.items():
            self._engine.publish(self._engine.store.put_pending(item))
            if item.state == "waiting":
                self._sender.put(item)
        self._engine.recount()

    def add(
        self,
        conv: int,
        kind: PendingKind,
        raw: str = "",
        *,
        reply_to: int | None = None,
        target: int | None = None,
        on: bool = False,
    ) -> Pending:
        """Keep, show and send something new."""
        item = make_pending(
            str(uuid.uuid4()),
            conv,
            kind,
            self._engine.clock.wall(),
            raw,
            reply_to=reply_to,
            target=target,
            on=on,
        )
        with _on_disk():
            self._outbox.add(item)
        self._show(item)
        return item

    def retry(self, cid: str) -> Pending:
        """Try something that failed again, as new."""
        failed = self._failed(cid)
        item = replace(
            failed,
            cid=str(uuid.uuid4()),
            created=self._engine.clock.wall(),
            state="waiting",
            code=None,
            why=None,
        )
        with _on_disk():
            self._outbox.renew(cid, item)
        self._engine.publish(self._engine.store.drop_pending(failed.conv, cid))
        self._show(item)
        return item

    def discard(self, cid: str) -> None:
        """Forget something that failed."""
        failed = self._failed(cid)
        with _on_disk():
            self._outbox.remove([cid])
        self._engine.publish(self._engine.store.drop_pending(failed.conv, cid))

    def forget(self, conv: int) -> None:
        """Nothing can be said into this conversation any more."""
        items = self._engine.store.pending(conv)
        self._done.update(item.cid for item in items)
        for item in items:
            self._sender.settled(conv, item.cid)
            self._engine.publish(self._engine.store.drop_pending(conv, item.cid))
        self.flush()
        self._engine.recount()

    def clear(self) -> None:
        """Forget everything."""
        for conv in list(self._engine.store.pendings):
            self.forget(conv)
        self._outbox.clear()

    def connect(self) -> None:
        """Begin to send over the engine's connection."""
        if self._engine.connection is not None:
            self._sender.online(self._engine.connection)

    def flush(self) -> None:
        """Let go on disk what is settled."""
        if self._done:
            try:
                self._outbox.remove(self._done)
            except sqlite3.Error:
                log.exception("the outbox cannot be written")
            else:
                self._done.clear()

    async def close(self) -> None:
        """Stop sending and let the file go."""
        await self._sender.stop()
        self.flush()
        self._outbox.close()

    def _show(self, item: Pending) -> None:
        self._engine.publish(self._engine.store.put_pending(item))
        self._sender.put(item)
        self._engine.recount()

    def _failed(self, cid: str) -> Pending:
        for items in self._engine.store.pendings.values():
            if (item := items.get(cid)) is not None and item.state == "failed":
                return item
        raise RequestError("not_found", "That has not failed; it is sent, or on its way.")

    def _sent(self, item: Pending) -> None:
        if item.cid in self._engine.store.pendings.get(item.conv, {}):
            self._engine.publish(self._engine.store.put_pending(replace(item, state="sent")))

    def _refused(self, item: Pending, refusal: RequestError) -> None:
        if item.cid in self._engine.store.pendings.get(item.conv, {}):
            failed = replace(item, state="failed", code=refusal.code, why=refusal.message)
            try:
                self._outbox.fail(failed)
            except sqlite3.Error:
                # It will be sent again at the next start, and refused again.
                log.exception("the outbox cannot be written")
            self._engine.publish(self._engine.store.put_pending(failed))
        self._engine.recount()

    def _follow(self, changes: Sequence[Change]) -> None:
        for change in changes:
            match change:
                case Settled(conv=conv, cid=cid):
                    self._sender.settled(conv, cid)
                    self._done.add(cid)
                    self._engine.recount()
                case ConversationGone(conv=conv, unsent=unsent):
                    self._keep(conv, unsent)
                    self.forget(conv)
                case SignedIn(reset=True):
                    self._hold_back()
        if self._done:
            self._engine.tasks.start("settled", self._flush_soon())

    def _hold_back(self) -> None:
        """Do not send what names an entry by its seq: in a store with another epoch that may be another entry."""
        held = [item for items in self._engine.store.pendings.values() for item in items.values()]
        for item in held:
            if item.state != "failed" and (item.target is not None or item.reply_to is not None):
                self._sender.settled(item.conv, item.cid)
                self._refused(item, RequestError("not_found", ANOTHER_STORE))

    async def _flush_soon(self) -> None:
        await self._engine.clock.sleep(FLUSH_AFTER)
        self.flush()


@contextlib.contextmanager
def _on_disk() -> Iterator[None]:
    """What cannot be written to disk is not promised: the user hears of it and still has what they typed."""
    try:
        yield
    except sqlite3.Error as error:
        log.exception("the outbox cannot be written")
        raise RequestError("unavailable", f"This cannot be kept on disk, so it is not sent: {error}.") from None
