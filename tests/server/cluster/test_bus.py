"""What every bus promises about hints."""

from __future__ import annotations

from mrccsc_server.domain.state import Stored
from mrccsc_server.ports import ConversationHint, EntryHint, HeadHint, PresenceHint, SessionsEnded, UserHint
from mrccsc_shared.messages.conversation import Conversation
from tests.server.cluster.actors import message
from tests.server.cluster.conftest import Stage

FRAME = b'{"type":"typing","conv":5,"user":9}\n'


async def test_a_hint_reaches_those_who_follow_its_conversation_and_nobody_else(stage: Stage) -> None:
    a, b, c = await stage.node("a"), await stage.node("b"), await stage.node("c")
    await b.cluster.bus.follow((), (5,))
    await c.cluster.bus.follow((5,), (6,))
    await a.cluster.bus.follow((), (5, 6))
    a.cluster.bus.publish([message(5, 1), message(6, 1)])
    await b.hears(message(5, 1))
    await c.hears(message(6, 1))
    b.cluster.bus.publish([message(5, 2)])
    await a.hears(message(5, 2))
    assert not b.heard
    assert not c.heard
