"""What every bus promises about hints."""

from __future__ import annotations

import asyncio

import pytest

from mrccsc_server.domain.state import Duplicate, Stored
from mrccsc_server.ports import (
    ContactHint,
    ConversationHint,
    EntryHint,
    HeadHint,
    Hint,
    PresenceHint,
    SessionsEnded,
    UserHint,
    ViewHint,
)
from mrccsc_server.services.renewal import encode_contact
from mrccsc_server.services.roster import encode_view
from mrccsc_shared.messages.contact import Contact
from mrccsc_shared.messages.conversation import Conversation
from tests.server.cluster.actors import message
from tests.server.cluster.conftest import Stage

FRAME = '{"type":"typing","conv":5,"user":9,"text":"ä\\n\U0001f600"}\n'.encode()
VIEW: Conversation = {
    "conv": 5,
    "kind": "group",
    "title": "Ä \u2028 title",
    "visibility": "private",
    "role": "member",
    "muted": False,
    "from": 4,
    "head": 3,
    "read": 0,
    "unread": 0,
    "mentions": 0,
    "members": 3,
}
CONTACT: Contact = {"user": {"user": 7, "username": "ann", "display_name": "Änn"}, "relation": "friend"}
JOIN = EntryHint(
    Stored({"conv": 5, "seq": 4, "kind": "join", "by": 7, "at": 1, "user": 9, "reason": "invited"}, view=VIEW)
)
LEAVE = EntryHint(
    Stored({"conv": 5, "seq": 5, "kind": "leave", "by": 9, "at": 1, "user": 9, "reason": "left"}, gone="left")
)


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
    assert not b.heard, "a node never gets its own"
    assert not c.heard


@pytest.mark.parametrize(
    "hint",
    [
        message(5, 1, 'quotes " and \u2028 and \U0001f600 and \\ and \x7f and \n'),
        JOIN,
        LEAVE,
        HeadHint(5, 9),
        UserHint((8, 9, 2**53 - 1), FRAME),
        ViewHint((8, 9), 5, encode_view(VIEW)),
        ContactHint((8, 9), 7, encode_contact(CONTACT)),
        PresenceHint(4, (9,)),
        ConversationHint(5, FRAME, 7),
        SessionsEnded(9, (1, 2**53 - 1)),
        SessionsEnded(9, ()),
    ],
    ids=lambda hint: type(hint).__name__,
)
async def test_a_hint_arrives_as_it_was_sent(stage: Stage, hint: Hint) -> None:
    a, b = await stage.node("a"), await stage.node("b")
    await b.cluster.bus.follow((9,), (5,))
    a.cluster.bus.publish([hint])
    await b.hears(hint)


async def test_a_join_also_reaches_those_who_follow_the_user(stage: Stage) -> None:
    a, b, c = await stage.node("a"), await stage.node("b"), await stage.node("c")
    await b.cluster.bus.follow((9,), (5,))
    await c.cluster.bus.follow((9,), ())
    a.cluster.bus.publish([JOIN, message(5, 5)])
    await b.hears(JOIN, message(5, 5))
    await c.hears(JOIN)


async def test_what_is_no_new_entry_or_for_nobody_does_not_travel(stage: Stage) -> None:
    a, b = await stage.node("a"), await stage.node("b")
    await b.cluster.bus.follow((9,), (5,))
    hints: list[Hint] = [EntryHint(Duplicate(4, 4)), UserHint((), FRAME), PresenceHint(4, ()), message(5, 1)]
    a.cluster.bus.publish(hints)
    await b.hears(message(5, 1))


async def test_hints_keep_the_order_of_their_publisher(stage: Stage) -> None:
    a, b = await stage.node("a"), await stage.node("b")
    await b.cluster.bus.follow((9,), (5, 6, 7))
    hints: list[Hint] = []
    for seq in range(1, 200):
        some: list[Hint] = [message(5 + seq % 3, seq), UserHint((9,), b'{"n":%d}\n' % seq)]
        hints += some
        a.cluster.bus.publish(some)
        if seq % 7 == 0:
            await asyncio.sleep(0)
    await b.hears(*hints)


async def test_hints_come_as_soon_as_follow_has_returned(stage: Stage) -> None:
    a, b = await stage.node("a"), await stage.node("b")
    for conv in range(1, 30):
        await b.cluster.bus.follow((), (conv,))
        a.cluster.bus.publish([message(conv, 1)])
    await b.hears(*[message(conv, 1) for conv in range(1, 30)])


async def test_following_twice_is_following_once(stage: Stage) -> None:
    a, b = await stage.node("a"), await stage.node("b")
    await asyncio.gather(b.cluster.bus.follow((9,), (5,)), b.cluster.bus.follow((9,), (5,)))
    await b.cluster.bus.follow((9,), (5,))
    a.cluster.bus.publish([JOIN])
    await b.hears(JOIN)
    b.cluster.bus.unfollow((9,), (5,))
    await b.cluster.bus.follow((), (6,))
    a.cluster.bus.publish([JOIN, message(6, 1)])
    await b.hears(message(6, 1))


async def test_following_again_at_once_is_following(stage: Stage) -> None:
    a, b = await stage.node("a"), await stage.node("b")
    await b.cluster.bus.follow((), (5,))
    b.cluster.bus.unfollow((), (5,))
    await b.cluster.bus.follow((), (5,))
    a.cluster.bus.publish([message(5, 1)])
    await b.hears(message(5, 1))


async def test_a_closed_node_hears_nothing(stage: Stage) -> None:
    a, b, c = await stage.node("a"), await stage.node("b"), await stage.node("c")
    await a.meets("b", "c")
    await b.cluster.bus.follow((), (5,))
    await c.cluster.bus.follow((), (5,))
    b.cluster.bus.publish([message(5, 1)])
    await b.close()
    await c.hears(message(5, 1))
    a.cluster.bus.publish([message(5, 2)])
    await c.hears(message(5, 2))
    await a.meets("c")
    assert not b.heard


async def test_a_big_hint_travels(stage: Stage) -> None:
    a, b = await stage.node("a"), await stage.node("b")
    await b.cluster.bus.follow((), (5,))
    big = [message(5, seq, "x" * 60_000) for seq in range(1, 12)]
    a.cluster.bus.publish(big)
    await b.hears(*big)
