"""``mrccsc-tui send TARGET TEXT…``: say one thing, and wait until the server has it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from mrccsc_tui.client import ChatClient
from mrccsc_tui.config import Profile
from mrccsc_tui.link.errors import RequestError
from mrccsc_tui.scripts.session import Unreachable, conversation_of, password_for, run_script, signed_in, until
from mrccsc_tui.state.changes import Change, ConversationGone, PendingChanged, Settled
from mrccsc_tui.state.models import Pending


def send(profile: Profile, target: str, words: list[str], seconds: float) -> int:
    """Send the words, or what comes from standard input. The result is an exit code: 0 only if the server has them."""
    text = " ".join(words) if words else sys.stdin.buffer.read().decode("utf-8", "replace").rstrip("\n")
    return run_script(lambda: _send(profile, target, text, seconds))


async def _send(profile: Profile, target: str, text: str, seconds: float) -> None:
    password = await password_for(profile)
    # Not before: a password command may ask a person, who takes their time.
    deadline = asyncio.get_running_loop().time() + seconds
    delivery = Delivery()
    try:
        async with signed_in(profile, password, seconds) as client, asyncio.timeout_at(deadline):
            await delivery.say(client, target, text)
    except TimeoutError:
        # What is known is asked only here, behind the end of the line: until then it might still have been sent.
        if not delivery.stored:
            raise Unreachable(f"The server did not confirm it within {seconds:g} s; {delivery.known}.") from None


class Delivery:
    """One text, and what has become of it. ``stored``: the server has said that it has it."""

    def __init__(self) -> None:
        self.stored = False
        self._gone = False
        self._item: Pending | None = None
        """As it was seen last: it vanishes with its conversation."""

    @property
    def known(self) -> str:
        """What is known of a text that the server has not confirmed."""
        if self._item is None or self._item.state == "waiting":
            return "nothing was sent"
        return "whether the server has it is not known"

    async def say(self, client: ChatClient, target: str, text: str) -> None:
        """Return once the server has it.

        Raises :class:`RequestError` when it was refused or one is in that conversation no more, and
        :class:`Unreachable` when the session is over.
        """
        conversation = await conversation_of(client, target, open_direct=True)
        item = self._item = client.send(conversation.conv, text)

        def follow(changes: Sequence[Change]) -> None:
            for change in changes:
                match change:
                    case PendingChanged(cid=item.cid):
                        pending = client.store.pending(item.conv)
                        self._item = next((one for one in pending if one.cid == item.cid), self._item)
                    case Settled(cid=item.cid):
                        self.stored = True
                    case ConversationGone(conv=item.conv):
                        self._gone = True

        def decided() -> bool:
            return self.stored or self._gone or self._failed is not None or client.status.phase == "stopped"

        # To the end of the client: what it does when it is told to stop counts, too.
        client.subscribe(follow)
        await until(client, decided, None)
        if self.stored:
            return
        if self._failed is not None:
            raise RequestError(self._failed.code or "invalid", self._failed.why or "The server refused it.")
        if self._gone:
            raise RequestError("not_found", f'You are no longer in "{conversation.title}"; {self.known}.')
        raise Unreachable(f"The session ended before the server confirmed it; {self.known}.")

    @property
    def _failed(self) -> Pending | None:
        return self._item if self._item is not None and self._item.state == "failed" else None
