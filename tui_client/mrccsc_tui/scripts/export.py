"""``mrccsc-tui export [TARGET]``: print what was said, as one JSON object a line, oldest first."""

from __future__ import annotations

import json

from mrccsc_tui.client import ChatClient
from mrccsc_tui.config import Profile
from mrccsc_tui.scripts.session import conversation_of, password_for, run_script, signed_in
from mrccsc_tui.scripts.tail import with_names
from mrccsc_tui.state.models import Conversation


def export(profile: Profile, target: str | None) -> int:
    """Print one conversation, or all of them one after the other. The result is an exit code."""
    return run_script(lambda: _export(profile, target))


async def _export(profile: Profile, target: str | None) -> None:
    async with signed_in(profile, await password_for(profile)) as client:
        if target is None:
            chosen = sorted(client.store.conversations.values(), key=lambda one: one.conv)
        else:
            chosen = [await conversation_of(client, target)]
        for conversation in chosen:
            await _print(client, conversation)


async def _print(client: ChatClient, conversation: Conversation) -> None:
    if conversation.kind == "group":
        await client.load_members(conversation.conv)
    after = conversation.start - 1
    while after < conversation.head:
        page = await client.load_after(conversation.conv, after)
        if not page:
            return
        for entry in page:
            print(json.dumps(with_names(client, entry)))  # noqa: T201
        after = page[-1].seq
