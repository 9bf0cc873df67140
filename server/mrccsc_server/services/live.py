"""The users, connections and conversations that are live on this node, and delivery to them.

Everything here runs on the event loop without awaiting, so each call is one step for all who watch. What it promises:

- The entries of a conversation reach a session in ascending seq, each once, from its start (the head that it was told
  of) on, and none after the leave entry of its user. The acks of what it asked for stand in that same order.
- However hints arrive (late, doubled, in any order, or never), an entry is delivered only when all below it are. What
  is ahead waits, and :class:`.gap_handler.GapHandler` hears that something is to be fetched.
- A session that is being opened is *held*: what concerns it is kept and sorted out against its snapshot by
  :meth:`Live.release`, so that nothing falls between the snapshot and live delivery, and nothing comes twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from mrccsc_server.domain.state import Stored
from mrccsc_server.services.committing import Committing
from mrccsc_server.services.gap_handler import GapHandler
from mrccsc_server.services.roster import SAID, Arrival, LiveConversation, LiveUser, encode_view
from mrccsc_server.services.session import Session
from mrccsc_shared.entry import Entry
from mrccsc_shared.errors import CloseCode
from mrccsc_shared.messages.conversation import Conversation


class Live:
    """Who is here, and what they are in."""

    def __init__(self, gap_handler: GapHandler) -> None:
        self._gap_handler = gap_handler
        self._users: dict[int, LiveUser] = {}
        self._conversations: dict[int, LiveConversation] = {}
        self.committing = Committing()
        """Entries of it that are seen elsewhere first wait for their acks: see :meth:`end_commit`."""
        self.observers: list[Callable[[Entry], None]] = []
        """Called for every entry that was delivered here, save what was said (:data:`.roster.SAID`)."""

    @property
    def users(self) -> Collection[int]:
        """The users with a session here."""
        return self._users.keys()

    @property
    def conversations(self) -> Collection[int]:
        """The conversations with a member here."""
        return self._conversations.keys()

    def sessions(self, user: int) -> list[Session]:
        """The sessions of a user here."""
        live = self._users.get(user)
        return list(live.sessions) if live else []

    def all_sessions(self) -> list[Session]:
        """All sessions here."""
        return [session for user in self._users.values() for session in user.sessions]

    def here(self, session: Session) -> bool:
        """Whether a session has entered and not left."""
        live = self._users.get(session.user)
        return live is not None and session in live.sessions

    def members(self, conv: int) -> list[int]:
        """The members of a conversation that are here."""
        conversation = self._conversations.get(conv)
        return [live.user for live in conversation.users] if conversation else []

    def is_inside(self, user: int, conv: int) -> bool:
        """Whether all sessions of a user were told of a conversation, or are about to be."""
        live, conversation = self._users.get(user), self._conversations.get(conv)
        return live is not None and conversation in live.conversations and live.is_inside(conv)

    def knows(self, session: Session, conv: int) -> bool:
        """Whether a session was told of a conversation that its user is in, or is about to be."""
        live, conversation = self._users.get(session.user), self._conversations.get(conv)
        return live is not None and conversation in live.conversations and not session.is_outside(conv)

    def applied(self, conv: int) -> int | None:
        """The seq up to which a conversation was delivered here; ``None`` where that is not known."""
        conversation = self._conversations.get(conv)
        return None if conversation is None else conversation.applied

    def hole(self, conv: int) -> tuple[int, int] | None:
        """The first range after < seq ≤ upto of a conversation that must be fetched."""
        conversation = self._conversations.get(conv)
        return None if conversation is None else conversation.hole

    # -- coming and going ------------------------------------------------------------------------------------------

    def enter(self, session: Session) -> None:
        """Take in a session, held until :meth:`release`."""
        live = self._users.setdefault(session.user, LiveUser(session.user))
        live.sessions.append(session)

    def watch(self, session: Session, convs: Iterable[int]) -> None:
        """Let the session's user hear of these conversations from now on. Before the snapshot is read."""
        if live := self._users.get(session.user):
            for conv in convs:
                self._link(live, conv)

    def release(self, session: Session, ready: bytes, heads: Mapping[int, int]) -> bool:
        """Send the snapshot, then what was held and is not in it; from then on deliver at once.

        ``heads`` are the heads of all conversations of the user, as they were read with the snapshot. False, and
        nothing was sent, when what the session would hear next of one of them does not follow on its head: then a newer
        snapshot must be read.
        """
        live = self._users.get(session.user)
        if live is None or session not in live.sessions:
            return True
        strange = [conv for conv in heads if conv not in self._conversations]
        linked = {conv: self._link(live, conv) for conv in heads}
        for conv in strange:
            self._gap_handler.entered(conv)
        first = session.first_held(heads)
        for conv, head in heads.items():
            # What it would hear first: of what is held, or else of what is yet to be delivered here.
            if first.get(conv, (linked[conv].applied or 0) + 1) > head + 1:
                return False
        session.release(ready, heads)
        for conversation in live.conversations:
            if conversation.conv not in heads and conversation.conv not in first:
                session.put_outside(conversation.conv)
        for conv, head in heads.items():
            conversation = linked[conv]
            if conversation.applied != head or conversation.expected != head or conversation.pending:
                self._come_to(conversation, head)
        self._settle(live, session)
        return True

    def leave(self, session: Session) -> bool:
        """Forget a session; whether it was its user's last one here."""
        live = self._users.get(session.user)
        if live is None or session not in live.sessions:
            return False
        live.sessions.remove(session)
        if live.sessions:
            return False
        del self._users[session.user]
        for conversation in list(live.conversations):
            self._unlink(live, conversation)
        return True

    # -- what is committed -----------------------------------------------------------------------------------------

    def end_commit(self, convs: Collection[int]) -> None:
        """The outcomes of a commit of these conversations are known, and were delivered where there were any."""
        for conv in self.committing.end(convs):
            if (conversation := self._conversations.get(conv)) is not None:
                self._advance(conversation)

    def deliver(self, arrival: Arrival, *, fetched: bool = False) -> None:
        """Deliver a committed entry to all members here and answer it, at once or when its turn has come."""
        entry = arrival.stored.entry
        conv, seq = entry["conv"], entry["seq"]
        conversation = self._conversations.get(conv)
        if conversation is None:
            conversation = self._enter_by(arrival)
        if conversation is None:
            arrival.answer()
        elif conversation.applied is not None and seq <= conversation.applied:
            if entry["kind"] == "join" and entry["user"] in self._users and not self.is_inside(entry["user"], conv):
                self._gap_handler.unseen(conv, entry["user"])
            arrival.answer()
        elif seq - 1 == conversation.applied and not conversation.pauses and not self._is_withheld(arrival):
            if conversation.pending:
                conversation.pending.pop(seq, None)
            self._apply(conversation, arrival)
            if conversation.pending or conversation.expected > seq:
                self._advance(conversation)
        else:
            conversation.take(arrival, bounded=not fetched and arrival.done is None)
            self._advance(conversation)

    def expect(self, conv: int, head: int) -> None:
        """A conversation's log has come to ``head``."""
        if conversation := self._conversations.get(conv):
            self._expect(conversation, head)

    # -- what else is sent -----------------------------------------------------------------------------------------

    def introduce(self, user: int, view: Conversation, origin: Session | None = None) -> None:
        """Tell a user's sessions of a conversation as it is at its head: of a new one, or of facts that changed.

        The session ``origin`` is told by its answer.
        """
        live = self._users.get(user)
        if live is None:
            return
        conv, head = view["conv"], view["head"]
        inside = self.is_inside(user, conv)
        if conv not in self._conversations:
            self._gap_handler.entered(conv)
        conversation = self._link(live, conv)
        if not inside and conversation.applied is not None and conversation.applied > head:
            # Too old to begin at.
            self._gap_handler.unseen(conv, user)
            return
        live.show(view, origin)
        self._come_to(conversation, head)

    def to_users(self, users: Iterable[int], line: bytes, but: Session | None = None) -> None:
        """Send a line to all sessions of some users, save one."""
        for user in users:
            if live := self._users.get(user):
                for session in live.sessions:
                    if session is not but:
                        session.send(line)

    def to_members(self, conv: int, line: bytes, but_user: int) -> None:
        """Send a line to all members here but one user."""
        if conversation := self._conversations.get(conv):
            for live in conversation.users:
                if live.user != but_user:
                    for session in live.sessions:
                        if not session.is_outside(conv):
                            session.send(line)

    def refresh(self, conv: int, views: Mapping[int, Conversation]) -> None:
        """Send the facts of a conversation anew to those who are still in it."""
        for user, view in views.items():
            self.send_facts(user, conv, encode_view(view))

    def send_facts(self, user: int, conv: int, line: bytes, but: Session | None = None) -> None:
        """Send changed facts of a conversation to those sessions of a user that were told of it, save one."""
        live, conversation = self._users.get(user), self._conversations.get(conv)
        if live is not None and conversation in live.conversations:
            for session in live.sessions:
                if session is not but:
                    session.send_facts(conv, line)

    # -- newcomers without a view ----------------------------------------------------------------------------------

    def admit(self, conv: int, users: Iterable[int]) -> list[int]:
        """Hold a conversation up while views of it are read for those of ``users`` who need one; who they are.

        :meth:`settle_in` must follow, unless there are none.
        """
        needy = [live for user in users if (live := self._users.get(user)) and not self.is_inside(user, conv)]
        for live in needy:
            self._link(live, conv)
        if needy:
            self._conversations[conv].pauses += 1
        return [live.user for live in needy]

    def settle_in(self, conv: int, users: Iterable[int], views: Mapping[int, Conversation]) -> None:
        """Tell the newcomers who are members of the conversation, and go on. Who has no view is no member."""
        conversation = self._conversations.get(conv)
        if conversation is None:
            return
        conversation.pauses = max(0, conversation.pauses - 1)
        heads = [0]
        for user in users:
            live = self._users.get(user)
            if live is None or conversation not in live.conversations:
                continue
            if view := views.get(user):
                if conversation.applied is not None and view["head"] < conversation.applied:
                    self._gap_handler.unseen(conv, user)
                    continue
                live.show_new(view)
                heads.append(view["head"])
            elif live.is_outside(conv):
                self._unlink(live, conversation)
        if len(heads) > 1 and conv in self._conversations:
            self._come_to(conversation, max(heads))
        elif conv in self._conversations:
            self._advance(conversation)

    def restart(self, conv: int) -> None:
        """The log is shorter than what was delivered: another store is in its place. Let its members begin anew."""
        for user in self.members(conv):
            for session in self.sessions(user):
                session.sink.close(CloseCode.GOING_AWAY)

    # -- within ----------------------------------------------------------------------------------------------------

    def _enter_by(self, arrival: Arrival) -> LiveConversation | None:
        """The conversation that becomes live by an entry, if it does at once."""
        entry, origin = arrival.stored.entry, arrival.origin
        if entry["kind"] == "join" and (live := self._users.get(entry["user"])) is not None:
            if arrival.done is not None and arrival.stored.view is not None:
                conversation = self._link(live, entry["conv"])
                conversation.applied = entry["seq"] - 1
                self._gap_handler.entered(conversation.conv)
                return conversation
            # A hint may be an old one, from a stay that has ended.
            self._gap_handler.unseen(entry["conv"], live.user)
        elif origin is not None and entry["kind"] != "leave" and self.here(origin):
            self._gap_handler.unseen(entry["conv"], origin.user)
        return None

    def _is_withheld(self, arrival: Arrival) -> bool:
        return arrival.done is None and self.committing.withhold(arrival.stored.entry)

    def _advance(self, conversation: LiveConversation) -> None:
        """Deliver what has its turn, and say so when something is missing."""
        while (
            not conversation.pauses
            and conversation.applied is not None
            and (arrival := conversation.pending.get(conversation.applied + 1)) is not None
            and not self._is_withheld(arrival)
        ):
            del conversation.pending[conversation.applied + 1]
            self._apply(conversation, arrival)
        if conversation.conv in self._conversations and conversation.hole is not None:
            self._gap_handler.behind(conversation.conv)

    def _expect(self, conversation: LiveConversation, head: int) -> None:
        if head > conversation.expected:
            conversation.expected = head
            self._advance(conversation)

    def _come_to(self, conversation: LiveConversation, head: int) -> None:
        """Start delivery at ``head`` if there is no position yet; else note that the log reaches ``head``."""
        if conversation.applied is None:
            conversation.applied = head
            conversation.answer_upto(head)
        conversation.expected = max(conversation.expected, head)
        if conversation.applied < conversation.expected or conversation.pending:
            self._advance(conversation)

    def _apply(self, conversation: LiveConversation, arrival: Arrival) -> None:
        stored, conv = arrival.stored, conversation.conv
        entry = stored.entry
        seq, said = entry["seq"], entry["kind"] in SAID
        if not said:
            self._show_joined(conv, stored, arrival.origin)
        conversation.applied = seq
        line = stored.line
        skipped = arrival.origin if arrival.acked else None
        for live in conversation.users:
            for session in live.sessions:
                if session is not skipped:
                    session.send_entry(conv, seq, line)
        if not said:
            self._dismiss_left(conversation, stored)
        arrival.answer()
        if not said:
            for observe in self.observers:
                observe(entry)

    def _show_joined(self, conv: int, stored: Stored, origin: Session | None) -> None:
        if stored.entry["kind"] == "join" and (joined := self._users.get(stored.entry["user"])) is not None:
            if stored.view is None:
                self._gap_handler.unseen(conv, joined.user)
            else:
                self._link(joined, conv)
                joined.show(stored.view, origin)

    def _dismiss_left(self, conversation: LiveConversation, stored: Stored) -> None:
        entry = stored.entry
        if entry["kind"] == "leave":
            left = self._users.get(entry["user"])
            gone = stored.gone or entry["reason"]
            if left in conversation.users and not left.dismiss(conversation.conv, entry["seq"], gone):
                self._unlink(left, conversation)

    def _settle(self, live: LiveUser, session: Session) -> None:
        """Put right where a session that was just released stands."""
        alone = len(live.sessions) == 1
        for conversation in list(live.conversations):
            conv = conversation.conv
            if alone and not session.is_outside(conv):
                continue
            if live.is_outside(conv):
                self._unlink(live, conversation)
            elif not live.is_inside(conv):
                self._gap_handler.unseen(conv, live.user)
        session.keep_floors((conversation.conv, conversation.applied or 0) for conversation in live.conversations)

    def _link(self, live: LiveUser, conv: int) -> LiveConversation:
        conversation = self._conversations.get(conv)
        if conversation is None:
            conversation = self._conversations[conv] = LiveConversation(conv)
        if conversation not in live.conversations:
            conversation.users.add(live)
            live.conversations.add(conversation)
            for session in live.sessions:
                session.put_outside(conv)
        return conversation

    def _unlink(self, live: LiveUser, conversation: LiveConversation) -> None:
        live.conversations.discard(conversation)
        conversation.users.discard(live)
        for session in live.sessions:
            session.forget(conversation.conv)
        if not conversation.users and self._conversations.pop(conversation.conv, None) is not None:
            conversation.answer_upto(conversation.expected)
