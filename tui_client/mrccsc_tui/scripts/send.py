"""``mrccsc-tui send TARGET TEXT…``: say one thing, and wait until the server has it."""

from __future__ import annotations

import asyncio
import sys

from mrccsc_tui.client import ChatClient
from mrccsc_tui.config import Profile
from mrccsc_tui.link.errors import RequestError
from mrccsc_tui.scripts.session import Unreachable, conversation_of, run_script, signed_in, until
from mrccsc_tui.state.models import Pending


def send(profile: Profile, target: str, words: list[str], seconds: float) -> int:
    """Send the words, or what comes from standard input. The result is an exit code."""
    text = " ".join(words) if words else sys.stdin.buffer.read().decode("utf-8", "replace").rstrip("\n")
    return run_script(_send(profile, target, text, seconds))


async def _send(profile: Profile, target: str, text: str, seconds: float) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    async with signed_in(profile, seconds) as client:
        try:
            async with asyncio.timeout_at(deadline):
                await _say(client, target, text)
        except TimeoutError:
            raise Unreachable(f"Not sent within {seconds:g} s; whether the server has it is not known.") from None


async def _say(client: ChatClient, target: str, text: str) -> None:
    conversation = await conversation_of(client, target, open_direct=True)
    sent = client.send(conversation.conv, text)

    def pending() -> Pending | None:
        return next((one for one in client.store.pending(sent.conv) if one.cid == sent.cid), None)

    def decided() -> bool:
        now = pending()
        return now is None or now.state == "failed" or client.status.phase == "stopped"

    await until(client, decided, None)
    left = pending()
    if left is not None and left.state == "failed":
        raise RequestError(left.code or "invalid", left.why or "The server refused it.")
    if left is not None:
        raise Unreachable("The session ended before the server had it.")
