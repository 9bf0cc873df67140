"""Reading back, from disk or the server, and closing gaps in what is held."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from mrccsc_shared.limits import MAX_PAGE
from mrccsc_shared.text import mentioned_names
from mrccsc_tui.engine.engine import Engine
from mrccsc_tui.engine.marks import Marks
from mrccsc_tui.link.errors import RequestError
from mrccsc_tui.state.cache import Cache
from mrccsc_tui.state.changes import Change, EntriesAppended, Gap, Stale, Stranger, Unsure
from mrccsc_tui.state.models import Amendment, HistoryPage
from mrccsc_tui.state.reducers.entries import prepend
from mrccsc_tui.state.wire import read_entry

ON_THE_WAY = 0.2
"""Seconds that missing entries get to arrive by themselves."""

RETRY_AFTER = 5.0
"""Seconds until a gap that could not be closed is tried again."""

BEGINNING = 15.0
"""Seconds that what a session began with waits for it: one that is just beginning cannot be asked yet."""

REFRESHES = 5
"""Times that counts are asked for in a row."""

FAR = 5_000
"""Entries that are loaded to reach a place in the held tail."""

MANY_ROWS, FEW_ROWS = 1_000, 200
"""Rows of a conversation that nobody looks at: with so many, so few are kept in memory."""

ENOUGH_ROWS = 20
MAX_PAGES = 10
"""A load goes on until it has gained so many rows, or read so many pages: a log may have long runs without rows."""


class History:
    """Fetches what the store lacks. Each conversation has at most one load of each kind in flight."""

    def __init__(self, engine: Engine, marks: Marks, cache: Cache | None) -> None:
        self._engine = engine
        self._marks = marks
        self._cache = cache
        self._loading: dict[int, asyncio.Task[None]] = {}
        self._looked_at: set[int] = set()
        self._open: int | None = None
        self._strangers_asked: set[int] = set()
        self._stale: set[int] = set()
        self._unsure: set[tuple[int, int]] = set()
        engine.subscribe(self._follow)

    # -- back in time -----------------------------------------------------------------------------------------------

    def look_at(self, conv: int | None) -> None:
        """Drop no row of this conversation until another is looked at; of that before, the early ones may go again."""
        left, self._open = self._open, conv
        if left is not None and left != conv:
            self._looked_at.discard(left)
            self._trim(left)
        if conv is not None:
            self._looked_at.add(conv)

    def _trim(self, conv: int) -> None:
        if conv not in self._looked_at and len(self._engine.store.timeline(conv)) > MANY_ROWS:
            self._engine.publish(self._engine.store.trim(conv, FEW_ROWS))

    async def load_older(self, conv: int, count: int) -> bool:
        """Lengthen the held tail by at least some rows, of which none is dropped; ``False`` when it is complete."""
        self._require(conv)
        self._looked_at.add(conv)
        await self._load_once(conv, count)
        conversation = self._engine.store.conversations.get(conv)
        return conversation is not None and conversation.more_before

    async def load_until(self, conv: int, seq: int) -> bool:
        """Lengthen the held tail until it has ``seq``; ``False`` when that is out of reach."""
        while True:
            self._require(conv)
            conversation = self._engine.store.conversations[conv]
            if seq < conversation.start or conversation.tail_start - seq > FAR:
                return False
            if conversation.tail_start <= seq:
                return True
            await self.load_older(conv, MAX_PAGE)
            now = self._engine.store.conversations.get(conv)
            if now is not None and now.tail_start == conversation.tail_start:
                # What the server gives does not fit to what is held: asking for ever would not help.
                return False

    async def around(self, conv: int, seq: int, count: int) -> HistoryPage:
        """A page around a seq that is not part of the held tail."""
        self._require(conv)
        limit = max(1, min(count, MAX_PAGE))
        frame = await self._engine.ask({"type": "history.get", "conv": conv, "around": seq, "limit": limit})
        entries = map(read_entry, frame["entries"])
        rows = tuple(entry for entry in entries if not isinstance(entry, Amendment))
        return HistoryPage(conv, rows, frame["head"], frame["more"])

    async def _load_once(self, conv: int, count: int) -> None:
        loading = self._loading.get(conv)
        # One that has ended stays for a turn of the loop; one that found all on disk may never have been away from it.
        if loading is None or loading.done():
            loading = self._loading[conv] = asyncio.create_task(self._load(conv, count))
            loading.add_done_callback(lambda done: self._loaded(conv, done))
        await asyncio.shield(loading)

    def _loaded(self, conv: int, done: asyncio.Task[None]) -> None:
        if self._loading.get(conv) is done:
            del self._loading[conv]
        # Whoever waited for it may have gone; a failure nobody waits for is no accident.
        if not done.cancelled():
            done.exception()

    async def _load(self, conv: int, count: int) -> None:
        store = self._engine.store
        before = len(store.timeline(conv))
        for _ in range(MAX_PAGES):
            if not store.conversations[conv].more_before:
                return
            try:
                await self._load_page(conv, max(1, min(count, MAX_PAGE)))
            except RequestError:
                if len(store.timeline(conv)) == before:
                    raise
                # What is on disk has come; the rest can wait.
                return
            if conv not in store.conversations or len(store.timeline(conv)) >= before + min(count, ENOUGH_ROWS):
                return

    async def _load_page(self, conv: int, limit: int) -> None:
        store = self._engine.store
        before = store.conversations[conv].tail_start
        page = [] if self._cache is None else self._cache.page(conv, before, limit)
        if page:
            self._engine.publish(prepend(store, conv, page))
            self._engine.publish(Unsure(conv, entry.seq) for entry in page if self._may_mention(conv, entry.seq))
        else:
            await self._engine.ask({"type": "history.get", "conv": conv, "before": before, "limit": limit})

    def _require(self, conv: int) -> None:
        if conv not in self._engine.store.conversations:
            raise RequestError("not_found", "You are not in that conversation.")

    # -- what the store lacks ---------------------------------------------------------------------------------------

    def new_session(self) -> None:
        """Names that were not known then may be known now; what could not be asked then is asked now."""
        self._strangers_asked.clear()
        self._engine.publish([Unsure(conv, seq) for conv, seq in sorted(self._unsure)])

    def _follow(self, changes: Sequence[Change]) -> None:
        tasks = self._engine.tasks
        for change in changes:
            match change:
                case EntriesAppended(conv=conv):
                    self._trim(conv)
                case Gap(conv=conv):
                    tasks.start(("gap", conv), self._close_gap(conv))
                case Stale(conv=conv):
                    self._stale.add(conv)
                    tasks.start(("stale", conv), self._refresh(conv))
                case Unsure(conv=conv, seq=seq):
                    self._unsure.add((conv, seq))
                    tasks.start(("unsure", conv, seq), self._look_again(conv, seq))
                case Stranger(conv=conv) if conv not in self._strangers_asked:
                    self._strangers_asked.add(conv)
                    tasks.start(("members", conv), self._name_strangers(conv))

    async def _close_gap(self, conv: int) -> None:
        await self._engine.clock.sleep(ON_THE_WAY)
        while (after := self._engine.store.gap(conv)) is not None and self._engine.connection is not None:
            request = {"type": "history.get", "conv": conv, "after": after, "limit": MAX_PAGE}
            try:
                page = await self._engine.ask(request)
            except RequestError as refusal:
                if not refusal.retryable:
                    raise
                page = None
            if not page or not page["entries"]:
                await self._engine.clock.sleep(RETRY_AFTER)

    async def _refresh(self, conv: int) -> None:
        for _ in range(REFRESHES):
            self._stale.discard(conv)
            await self._engine.online_within(BEGINNING)
            await self._marks.tell(conv)
            await self._engine.ask({"type": "conversation.list", "after": conv - 1, "limit": 1})
            if conv not in self._stale:
                return
            # The answer was older than what was read meanwhile, or the mark did not get through.

    async def _look_again(self, conv: int, seq: int) -> None:
        await self._engine.online_within(BEGINNING)
        while (conv, seq) in self._unsure:
            # Taken off before it is asked for: changed again meanwhile, it is put on again, for the answer is too old.
            self._unsure.discard((conv, seq))
            try:
                await self._engine.ask({"type": "history.get", "conv": conv, "around": seq, "limit": 1})
            except RequestError as refusal:
                if refusal.retryable or refusal.code in {"offline", "no_answer"}:
                    self._unsure.add((conv, seq))
                    return

    def _may_mention(self, conv: int, seq: int) -> bool:
        """An own word may have been kept, or changed, before the server had said whom it mentions."""
        me, held = self._engine.store.me, self._engine.store.message(conv, seq)
        if me is None or held is None or held.by != me.user or held.mentions:
            return False
        return bool(mentioned_names(held.raw))

    async def _name_strangers(self, conv: int) -> None:
        await self._engine.online_within(BEGINNING)
        await self.load_members(conv)

    async def load_members(self, conv: int) -> None:
        """Load all members of a group into the store."""
        conversation = self._engine.store.conversations.get(conv)
        if conversation is None or conversation.kind != "group":
            return
        after, more = None, True
        while more:
            request = {"type": "group.members", "conv": conv, "limit": MAX_PAGE}
            if after is not None:
                request["after"] = after
            page = await self._engine.ask(request)
            after = max((member["user"]["user"] for member in page["members"]), default=after)
            more = page["more"] and bool(page["members"])
