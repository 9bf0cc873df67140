"""Faults that are planted into the real server and client, to see the checker find them: one mutant a promise.

Each is a wrapper around a port, or takes the place of one step of a service. All of them live here and nowhere else.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from pydantic_core import from_json, to_json

from mrccsc_server.cluster.memory import MemoryHub, carry_soon
from mrccsc_server.domain import state as state_module
from mrccsc_server.domain.operations import Operation, Send
from mrccsc_server.domain.planning import Outcome, Plan
from mrccsc_server.domain.state import Facts, Needs, Stored
from mrccsc_server.ports import Cluster, EntryHint, ReadMark, Snapshot, SnapshotRequest, Store
from mrccsc_server.services.live import Live
from mrccsc_server.services.roster import Arrival, LiveConversation, LiveUser
from mrccsc_server.services.sweep import Sweep
from mrccsc_server.storage import log as stored_log
from mrccsc_server.storage.recent import Recent
from mrccsc_shared.codec import encode as encode_frame
from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_tui.state.log import Log as HeldLog
from mrccsc_tui.state.store import Store as HeldStore
from tests.chaos.nodes import Patch, Spoil


class PowerCut(Exception):
    """The transaction ends before its commit."""


class Luck(Random):
    """Chance that strikes nobody before the play has begun: people are to settle in first."""

    live = False

    def random(self) -> float:
        """A value in [0, 1); before the play, one that is never too low."""
        return super().random() if self.live else 1.0


@dataclass
class Ground:
    """Where a mutant is planted: how to patch, the hub, chance, and what to do to each node's ports."""

    patch: Patch
    hub: MemoryHub
    chance: Luck
    spoilers: list[Spoil]

    def spoil(self, store: Store, cluster: Cluster) -> None:
        """Put all wrappers around a node's ports."""
        for one in self.spoilers:
            one(store, cluster)


class Log:
    """A log (or the database below it) whose steps a mutant may replace."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


# -- what is told before it is durable ----------------------------------------------------------------------------


class CutDatabase(Log):
    """A database where every tenth batch ends before its commit. What is told of it too early is told all the same."""

    def __init__(self, inner: Any, chance: Random, tell: Callable[[list[Outcome]], None] | None, ack: bool) -> None:
        super().__init__(inner)
        self._chance = chance
        self._tell = tell
        self._ack = ack

    async def write(self, work: Callable[[Any], Coroutine[Any, Any, Any]], **named: Any) -> Any:
        """Only batches of the log are repeatable."""
        if not named.get("repeatable"):
            return await self._inner.write(work, **named)
        loop = asyncio.get_running_loop()
        early: asyncio.Future[Any] = loop.create_future()
        cut = self._chance.random() < 0.1

        def tell(appended: Any) -> None:
            if self._tell is not None:
                self._tell(appended.outcomes)
            if not early.done():
                early.set_result(appended)

        async def cut_off(transaction: Any) -> Any:
            appended = await work(transaction)
            loop.call_soon_threadsafe(tell, appended)
            if cut:
                raise PowerCut
            return appended

        committing = asyncio.ensure_future(self._inner.write(cut_off, **named))
        if not self._ack:
            return await committing
        # Whatever becomes of it.
        committing.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.wait([early, committing], return_when=asyncio.FIRST_COMPLETED)
        return early.result() if early.done() else committing.result()


def cut_power(ground: Ground) -> None:
    """The fault alone: batches end before their commit, and nobody was told of them."""
    ground.spoilers.append(lambda store, _: _cut(store, ground.chance, None, ack=False))


def ack_before_commit(ground: Ground) -> None:
    """Answer as soon as the rows are written."""
    ground.spoilers.append(lambda store, _: _cut(store, ground.chance, None, ack=True))


def hint_before_commit(ground: Ground) -> None:
    """Tell the other nodes as soon as the rows are written."""

    def spoil(store: Store, cluster: Cluster) -> None:
        def tell(outcomes: list[Outcome]) -> None:
            cluster.bus.publish([EntryHint(outcome) for outcome in outcomes if isinstance(outcome, Stored)])

        _cut(store, ground.chance, tell, ack=False)

    ground.spoilers.append(spoil)


def _cut(store: Any, chance: Random, tell: Callable[[list[Outcome]], None] | None, *, ack: bool) -> None:
    store.log._database = CutDatabase(store.log._database, chance, tell, ack)


# -- what is stored -----------------------------------------------------------------------------------------------


def no_unique_key(ground: Ground) -> None:
    """Know no cid again, neither by looking nor by a key."""
    commit_late(ground)
    ground.patch(Plan, "_known", lambda _self, _op: None)

    def spoil(store: Any, _: Cluster) -> None:
        connection = sqlite3.connect(store.log._database.path)
        connection.execute("DROP INDEX IF EXISTS entry_cid")
        connection.commit()
        connection.close()

    ground.spoilers.append(spoil)


class Late(Log):
    """Takes its time before a commit, so that who lost the line meanwhile comes back before it."""

    async def append(self, operations: Sequence[Operation]) -> list[Outcome]:
        """See the port."""
        await asyncio.sleep(0.05)
        outcomes: list[Outcome] = await self._inner.append(operations)
        return outcomes


def commit_late(ground: Ground) -> None:
    """The fault alone: commits take their time."""
    _on_log(ground, Late)


def reserve_seqs(ground: Ground) -> None:
    """Take a seq that nothing is stored at, as a counter beside the transaction would."""
    reserved: list[int] = []

    def reserve(facts: Facts, _: Needs) -> None:
        for conversation in facts.conversations.values():
            if not reserved and ground.chance.random() < 0.1:
                conversation.head += 1
                reserved.append(conversation.conv)

    _on_facts(ground, reserve)


def check_membership_outside(ground: Ground) -> None:
    """Judge by what was known of the membership in the minute before the transaction."""
    seen: dict[tuple[int, int], float] = {}

    def outdate(facts: Facts, need: Needs) -> None:
        now = time.monotonic()
        # Those who come in are looked at as they are.
        askers = {(conv, user) for conv, user in need.members if user not in need.users | need.groups}
        for key, member in list(facts.members.items()):
            if member.state == "member":
                seen[key] = now
            elif key in askers and seen.get(key, 0) > now - 60:
                facts.members[key] = replace(member, state="member")

    _on_facts(ground, outdate)

    # So that who is removed on one node goes on talking on the other for a moment.
    def carry(deliver: Any, hint: Any) -> None:
        asyncio.get_running_loop().call_later(0.05, carry_soon, deliver, hint)

    ground.hub.carry = carry


def _on_facts(ground: Ground, change: Callable[[Facts, Needs], None]) -> None:
    load = stored_log.load_facts

    async def load_facts(transaction: Any, need: Needs) -> Any:
        facts, bodies = await load(transaction, need)
        change(facts, need)
        return facts, bodies

    ground.patch(stored_log, "load_facts", load_facts)
    # Else only what a node does not remember passes here.
    ground.patch(Recent, "take", lambda *_: {})


class Shuffled(Log):
    """Stores a batch from its end, and takes no heed of what is to follow what."""

    async def append(self, operations: Sequence[Operation]) -> list[Outcome]:
        """See the port."""
        free = [replace(op, after=None) if isinstance(op, Send) else op for op in operations]
        outcomes: list[Outcome] = await self._inner.append(free[::-1])
        return outcomes[::-1]


def forget_the_order(ground: Ground) -> None:
    """Let what one device said be stored in any order."""
    _on_log(ground, Shuffled)


class Liar(Log):
    """Refuses now and then what it has stored."""

    def __init__(self, inner: Any, chance: Random) -> None:
        super().__init__(inner)
        self._chance = chance

    async def append(self, operations: Sequence[Operation]) -> list[Outcome]:
        """See the port."""
        outcomes: list[Outcome] = await self._inner.append(operations)
        refusal = Refusal(ErrorCode.INVALID)
        return [refusal if self._chance.random() < 0.1 else outcome for outcome in outcomes]


def refuse_what_is_stored(ground: Ground) -> None:
    """Say no, and have stored it."""
    _on_log(ground, lambda log: Liar(log, ground.chance))


class Hasty(Log):
    """Leaves the newest of what was missed out of a snapshot."""

    async def snapshots(self, requests: Sequence[SnapshotRequest]) -> list[Snapshot]:
        """See the port."""
        snapshots: list[Snapshot] = await self._inner.snapshots(requests)
        return [replace(snapshot, missed=list(map(_without_newest, snapshot.missed))) for snapshot in snapshots]


def _without_newest(missed: bytes) -> bytes:
    one = from_json(missed)
    return to_json({**one, "entries": one["entries"][:-1]})


def cut_the_catch_up(ground: Ground) -> None:
    """Give less than was missed, and do not say so."""
    _on_log(ground, Hasty)


def _on_log(ground: Ground, wrap: Callable[[Any], Any]) -> None:
    def spoil(store: Any, _: Cluster) -> None:
        store.log = wrap(store.log)

    ground.spoilers.append(spoil)


def read_below_from(ground: Ground) -> None:
    """Let a member read what was before their time."""
    ground.patch(stored_log, "first_readable", lambda *_: 1)


def lose_read_marks(ground: Ground) -> None:
    """Say that a mark is stored, and do not store it."""

    def spoil(store: Any, _: Cluster) -> None:
        async def mark_read(conv: int, user: int, seq: int, unread: bool) -> ReadMark:
            return ReadMark(conv, user, seq, None, True, None)

        store.conversations.mark_read = mark_read

    ground.spoilers.append(spoil)


# -- what is delivered --------------------------------------------------------------------------------------------


def lose_hints_without_a_sweep(ground: Ground) -> None:
    """Rely on hints, of which none of an entry arrives: what they do not bring is never looked for."""

    async def never(_: Sweep) -> None:
        await asyncio.Event().wait()

    ground.patch(Sweep, "run", never)

    def carry(deliver: Any, hint: Any) -> None:
        if not (ground.chance.live and isinstance(hint, EntryHint)):
            carry_soon(deliver, hint)

    ground.hub.carry = carry


def lose_hints(ground: Ground) -> None:
    """The fault alone: four of five hints of entries are lost."""

    def carry(deliver: Any, hint: Any) -> None:
        if not isinstance(hint, EntryHint) or ground.chance.random() > 0.8:
            carry_soon(deliver, hint)

    ground.hub.carry = carry


def skip_a_seq(ground: Ground) -> None:
    """Let the cursor of a conversation on a node go one too far now and then."""
    apply = Live._apply

    def skipping(self: Live, conversation: LiveConversation, arrival: Arrival) -> None:
        apply(self, conversation, arrival)
        late = arrival.stored.entry["kind"] == "message" and ground.chance.random() < 0.05
        if late and conversation.applied is not None:
            conversation.applied += 1

    ground.patch(Live, "_apply", skipping)


def deliver_twice(ground: Ground) -> None:
    """Let a hint that came twice be delivered twice."""
    apply = Live._apply

    def again(self: Live, conversation: LiveConversation, arrival: Arrival) -> None:
        apply(self, conversation, arrival)
        if arrival.done is None and ground.chance.random() < 0.2:
            apply(self, conversation, arrival)

    ground.patch(Live, "_apply", again)


def keep_former_members(ground: Ground) -> None:
    """Tell who was removed that they are gone, and go on delivering."""

    def dismiss(self: LiveUser, conv: int, _seq: int, reason: Any) -> bool:
        line = encode_frame({"type": "conversation.gone", "conv": conv, "reason": reason})
        for session in self.sessions:
            session.sink.send(line)
        return True

    ground.patch(LiveUser, "dismiss", dismiss)


def cut_texts(ground: Ground) -> None:
    """Deliver a long text shorter than it is stored."""
    encode = state_module.encode_entry

    def shortened(entry: Any) -> bytes:
        return encode({**entry, "text": entry["text"][:100]} if entry.get("text") else entry)

    ground.patch(state_module, "encode_entry", shortened)


def call_everybody_offline(ground: Ground) -> None:
    """Show everybody as offline."""
    ground.patch(ground.hub, "seen", lambda user: {"user": user, "status": "offline"})


# -- the client ---------------------------------------------------------------------------------------------------


def resume_from_beyond(ground: Ground) -> None:
    """A client that says it has one entry more than it has, and takes what comes then for the next."""
    cursors, receive = HeldStore.cursors, HeldLog.receive

    def beyond(self: HeldStore) -> dict[int, int]:
        return {conv: cursor + 1 for conv, cursor in cursors(self).items()} if ground.chance.live else cursors(self)

    def take(self: HeldLog, entry: Any) -> Any:
        self.cursor = max(self.cursor, entry.seq - 1)
        return receive(self, entry)

    ground.patch(HeldStore, "cursors", beyond)
    ground.patch(HeldLog, "receive", take)


Plant = Callable[[Ground], None]

MUTANTS: dict[Plant, set[str]] = {
    ack_before_commit: {"I1"},
    hint_before_commit: {"I5"},
    no_unique_key: {"I2"},
    reserve_seqs: {"I4"},
    check_membership_outside: {"I11"},
    forget_the_order: {"I8"},
    refuse_what_is_stored: {"I3"},
    cut_the_catch_up: {"I6"},
    read_below_from: {"I11"},
    lose_read_marks: {"I12"},
    lose_hints_without_a_sweep: {"I10"},
    skip_a_seq: {"I6"},
    deliver_twice: {"I7"},
    keep_former_members: {"I11"},
    cut_texts: {"I5"},
    call_everybody_offline: {"I14"},
    resume_from_beyond: {"I6"},
}
"""Each mutant, with the invariants of which at least one must be found broken."""

FAULTS: list[Plant] = [cut_power, lose_hints, commit_late]
"""What the true code survives: the same faults under which the mutants fail."""
