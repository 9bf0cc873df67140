"""Who may do what in a group: the protocol's table, cell by cell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from tests.wire.client import Client, Frame, cid
from tests.wire.conftest import Stage

YES = "yes"


@dataclass
class Cast:
    """A private group with somebody in each part, and one message by each who can speak."""

    conv: int
    owner: Client
    admin: Client
    member: Client
    outsider: Client
    other_admin: Client
    other_member: Client
    friend: Client
    said: dict[str, int]


async def players(stage: Stage) -> list[Client]:
    """The people of a cast: the owner is the members' friend, and ``friend`` is nearly everyone's."""
    members = await stage.friends("owner", "admin", "member", "other_admin", "other_member")
    outsider, friend = await stage.people("outsider", "friend")
    for one in (*members[:3], outsider):
        await one.befriends(friend)
    return [*members, outsider, friend]


async def set_the_stage(stage: Stage, visibility: str = "private", people: list[Client] | None = None) -> Cast:
    """A group of its own, played by ``people`` or by new ones."""
    owner, admin, member, other_admin, other_member, outsider, friend = people or await players(stage)
    conv = await owner.founds("team", admin, member, other_admin, other_member, visibility=visibility)
    for one in (admin, other_admin):
        await owner.ask("group.role", conv=conv, user=one.id, role="admin", cid=cid())
    names = ("owner", "admin", "member", "other_admin", "other_member")
    speakers = zip(names, (owner, admin, member, other_admin, other_member), strict=True)
    said = {name: (await one.says(conv, f"by {name}"))["seq"] for name, one in speakers}
    return Cast(conv, owner, admin, member, outsider, other_admin, other_member, friend, said)


Act = Callable[[Client, Cast, str], Awaitable[Frame]]


def asks(kind: str, **fields: object) -> Act:
    """A request on the group; a field ``user="admin"`` means that person's id, ``seq="own"`` the own message."""

    async def act(who: Client, cast: Cast, role: str) -> Frame:
        values = dict(fields)
        if "user" in values:
            values["user"] = getattr(cast, str(values["user"])).id
        if values.get("seq") == "own":
            values["seq"] = cast.said.get(role, cast.said["member"])
        elif isinstance(values.get("seq"), str):
            values["seq"] = cast.said[str(values["seq"])]
        if kind.startswith("message."):
            values["cid"] = cid()
        return await who.answer(kind, conv=cast.conv, **values)

    return act


NOBODY = "not_found"
# request, then what happens for owner, admin, member and someone who is not a member
TABLE: list[tuple[str, Act, tuple[str, str, str, str]]] = [
    ("read", asks("history.get", limit=10), (YES, YES, YES, NOBODY)),
    ("search", asks("search.messages", query="by", limit=10), (YES, YES, YES, NOBODY)),
    ("mark as read", asks("read.mark", seq=1), (YES, YES, YES, NOBODY)),
    ("type", asks("typing"), (YES, YES, YES, NOBODY)),
    ("mute", asks("conversation.mute", muted=True), (YES, YES, YES, NOBODY)),
    ("send", asks("message.send", text="hello"), (YES, YES, YES, NOBODY)),
    ("react", asks("message.react", seq="other_member", emoji="x", on=True), (YES, YES, YES, NOBODY)),
    ("edit own", asks("message.edit", seq="own", text="better"), (YES, YES, YES, NOBODY)),
    (
        "edit another's",
        asks("message.edit", seq="other_member", text="x"),
        ("forbidden", "forbidden", "forbidden", NOBODY),
    ),
    ("delete own", asks("message.delete", seq="own"), (YES, YES, YES, NOBODY)),
    ("delete a member's", asks("message.delete", seq="other_member"), (YES, YES, "forbidden", NOBODY)),
    ("delete an admin's", asks("message.delete", seq="other_admin"), (YES, YES, "forbidden", NOBODY)),
    ("list members", asks("group.members", limit=10), (YES, YES, YES, NOBODY)),
    ("invite", asks("group.invite", user="friend"), (YES, YES, YES, NOBODY)),
    ("title", asks("group.update", title="other"), (YES, YES, "forbidden", NOBODY)),
    ("topic", asks("group.update", topic="other"), (YES, YES, "forbidden", NOBODY)),
    ("visibility", asks("group.update", visibility="public"), (YES, YES, "forbidden", NOBODY)),
    ("remove a member", asks("group.remove", user="other_member"), (YES, YES, "forbidden", NOBODY)),
    ("remove an admin", asks("group.remove", user="other_admin"), (YES, "forbidden", "forbidden", NOBODY)),
    ("ban a member", asks("group.ban", user="other_member"), (YES, YES, "forbidden", NOBODY)),
    ("ban an admin", asks("group.ban", user="other_admin"), (YES, "forbidden", "forbidden", NOBODY)),
    ("unban", asks("group.unban", user="friend"), (YES, YES, "forbidden", NOBODY)),
    ("make an admin", asks("group.role", user="other_member", role="admin"), (YES, "forbidden", "forbidden", NOBODY)),
    ("unmake an admin", asks("group.role", user="other_admin", role="member"), (YES, "forbidden", "forbidden", NOBODY)),
    ("hand over", asks("group.role", user="other_member", role="owner"), (YES, "forbidden", "forbidden", NOBODY)),
    ("leave", asks("group.leave"), ("forbidden", YES, YES, NOBODY)),
    ("join", asks("group.join"), (YES, YES, YES, NOBODY)),
]
ROLES = ("owner", "admin", "member", "outsider")


@pytest.mark.parametrize("role", ROLES)
async def test_the_table(stage: Stage, role: str) -> None:
    """Each cell on a group of its own, so that one act cannot spoil the next."""
    wrong = []
    people = await players(stage)
    for name, act, expected in TABLE:
        cast = await set_the_stage(stage, people=people)
        who = getattr(cast, role)
        answer = await act(who, cast, role)
        outcome = answer["code"] if answer["type"] == "error" else YES
        if outcome != expected[ROLES.index(role)]:
            wrong.append(f"{role}, {name}: {outcome}, not {expected[ROLES.index(role)]}")
        for one in people:
            one.forget()
    assert wrong == []


@pytest.mark.parametrize("role", ["admin", "member", "outsider"])
async def test_the_owner_is_beyond_reach(stage: Stage, role: str) -> None:
    cast = await set_the_stage(stage)
    who = getattr(cast, role)
    expected = NOBODY if role == "outsider" else "forbidden"
    for kind in ("group.remove", "group.ban"):
        await who.refused(expected, kind, conv=cast.conv, user=cast.owner.id)
    await who.refused(expected, "group.role", conv=cast.conv, user=cast.owner.id, role="member")


async def test_nobody_promotes_themselves(stage: Stage) -> None:
    cast = await set_the_stage(stage)
    for who in (cast.admin, cast.member):
        for role in ("owner", "admin", "member"):
            await who.refused("forbidden", "group.role", conv=cast.conv, user=who.id, role=role)


async def test_a_stranger_and_a_public_group(stage: Stage) -> None:
    """Who is no member of a public group may find and join it, and nothing else."""
    cast = await set_the_stage(stage, "public")
    for name, act, expected in TABLE:
        if name != "join":
            answer = await act(cast.outsider, cast, "outsider")
            assert answer.get("code") == expected[3], name
    assert (await cast.outsider.ask("group.join", conv=cast.conv))["type"] == "conversation"


async def test_what_is_refused_writes_nothing(stage: Stage) -> None:
    cast = await set_the_stage(stage)
    before = await cast.owner.history(cast.conv)
    for _, act, expected in TABLE:
        for role in ("member", "outsider"):
            if expected[ROLES.index(role)] != YES:
                await act(getattr(cast, role), cast, role)
    assert await cast.owner.history(cast.conv) == before


async def test_a_former_member_is_not_a_member(stage: Stage) -> None:
    cast = await set_the_stage(stage)
    await cast.owner.ask("group.remove", conv=cast.conv, user=cast.member.id, cid=cid())
    for name, act, expected in TABLE:
        answer = await act(cast.member, cast, "member")
        assert answer.get("code") == expected[3], name


async def test_an_admin_who_is_unmade_loses_the_rights_at_once(stage: Stage) -> None:
    cast = await set_the_stage(stage)
    await cast.owner.ask("group.role", conv=cast.conv, user=cast.admin.id, role="member", cid=cid())
    await cast.admin.refused("forbidden", "group.update", conv=cast.conv, title="mine")
    await cast.admin.refused("forbidden", "group.remove", conv=cast.conv, user=cast.other_member.id)


async def test_inviting_who_is_no_friend_or_has_blocked_the_inviter(stage: Stage) -> None:
    cast = await set_the_stage(stage)
    await cast.member.refused("forbidden", "group.invite", conv=cast.conv, user=cast.outsider.id)
    await cast.friend.ask("contact.block", user=cast.member.id)
    await cast.member.refused("forbidden", "group.invite", conv=cast.conv, user=cast.friend.id)
    assert (await cast.owner.ask("group.invite", conv=cast.conv, user=cast.friend.id))["type"] == "ok"
