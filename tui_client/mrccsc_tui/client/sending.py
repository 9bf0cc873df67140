"""Saying something. What is said is on disk before these return, and is sent when the line is up."""

from __future__ import annotations

from mrccsc_shared.errors import Refusal
from mrccsc_shared.limits import MAX_TEXT
from mrccsc_shared.text import check_emoji, check_text
from mrccsc_tui.client.core import REPLY, ClientCore
from mrccsc_tui.link.errors import RequestError
from mrccsc_tui.state.models import Pending


class Sending(ClientCore):
    """Messages, edits, deletions, reactions, drafts."""

    def send(self, conv: int, text: str, reply_to: int | None = None) -> Pending:
        """Say something. Raises :class:`RequestError` (``invalid``, ``too_large``) for what no server would take."""
        return self._outgoing.add(self._known(conv), "send", self._checked(text), reply_to=reply_to)

    def edit(self, conv: int, seq: int, text: str) -> Pending:
        """Give an own message a new text."""
        return self._outgoing.add(self._known(conv), "edit", self._checked(text), target=seq)

    def delete(self, conv: int, seq: int) -> Pending:
        """Delete a message."""
        return self._outgoing.add(self._known(conv), "delete", target=seq)

    def react(self, conv: int, seq: int, emoji: str, on: bool | None = None) -> Pending:
        """Set or take back an emoji (``Reaction.raw`` for one that is there); without ``on`` the other of the two."""
        try:
            check_emoji(_encodable(emoji))
        except Refusal as refusal:
            raise RequestError(refusal.code.value, refusal.message) from None
        if on is None:
            message = self.store.message(conv, seq)
            mine = self.store.me.user if self.store.me is not None else 0
            on = message is None or not any(one.raw == emoji and mine in one.users for one in message.reactions)
        return self._outgoing.add(self._known(conv), "react", emoji, target=seq, on=on)

    def retry(self, cid: str) -> Pending:
        """Try something that failed again, as new (with a new cid, at the end of the queue)."""
        return self._outgoing.retry(cid)

    def discard(self, cid: str) -> None:
        """Forget something that failed. What may still be sent cannot be discarded."""
        self._outgoing.discard(cid)

    def draft(self, conv: int) -> str:
        """What was typed into a conversation and not sent; survives the client."""
        return self._notes.get(f"draft:{conv}") or ""

    def set_draft(self, conv: int, text: str) -> None:
        """Keep what is typed; cheap enough for every key. Empty text forgets it."""
        self._notes.put(f"draft:{conv}", _encodable(text) or None)

    def draft_reply(self, conv: int) -> int | None:
        """The seq of the message that the draft answers."""
        seq = self._notes.get(f"{REPLY}{conv}") or ""
        return int(seq) if seq.isdecimal() else None

    def set_draft_reply(self, conv: int, seq: int | None) -> None:
        """Keep with the draft which message it answers; ``None`` forgets it."""
        self._notes.put(f"{REPLY}{conv}", None if seq is None else str(seq))

    def recall(self, key: str) -> str | None:
        """A remembered setting of the screens, kept with the profile."""
        return self._notes.get(f"setting:{key}")

    def remember(self, key: str, value: str | None) -> None:
        """Keep a setting of the screens; ``None`` forgets it."""
        self._notes.put(f"setting:{key}", value)

    def _known(self, conv: int) -> int:
        if conv not in self.store.conversations:
            raise RequestError("not_found", "You are not in that conversation.")
        return conv

    def _checked(self, text: str) -> str:
        try:
            return check_text(_encodable(text), self._engine.max_text or MAX_TEXT)
        except Refusal as refusal:
            raise RequestError(refusal.code.value, refusal.message) from None


def _encodable(text: str) -> str:
    """The text without lone surrogates, which a terminal makes of bytes that are no UTF-8."""
    return text.encode("utf-8", "replace").decode()
