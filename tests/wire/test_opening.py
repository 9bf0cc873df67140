"""Registering, signing in and out, sessions and passwords."""

from __future__ import annotations

import re
import time

import pytest

from tests.wire.client import ABSENT, PASSWORD, cid
from tests.wire.conftest import Stage


@pytest.fixture(scope="module")
def server_limits() -> str:
    # Many a test here gives a wrong password, all from one address; test_limits.py tests what that costs.
    return "failure_free = 1_000_000"


async def test_registering_signs_in_to_an_empty_account(stage: Stage) -> None:
    someone = await stage.stranger()
    ready = await someone.ask(
        "account.register",
        username="First.Person_1-a",
        password=PASSWORD,
        display_name="Die Erste 女",
        device={"id": cid(), "name": "laptop"},
    )
    assert ready["user"]["username"] == "first.person_1-a"
    assert ready["user"]["display_name"] == "Die Erste 女"
    assert ready["friends"] == ready["requests"] == ready["blocked"] == ready["conversations"] == ready["missed"] == []
    assert ready["reset"] is False
    assert ready.get("more", False) is False
    assert len(ready["token"]) >= 43, "256 bits"


async def test_without_a_display_name_there_is_still_something_to_show(stage: Stage) -> None:
    someone = await stage.stranger()
    ready = await someone.ask("account.register", username="plainly", password=PASSWORD)
    assert 1 <= len(ready["user"]["display_name"]) <= 64


@pytest.mark.parametrize(
    "username",
    [
        "a",
        "a" * 33,
        "",
        " alice",
        "-alice",
        ".alice",
        "_alice",
        "ali ce",
        "alice\n",
        "ali\u200bce",
        "\uff41lice",
        "alic\u0435",
        "al\u0131ce",
        "\u212aelvin",
        "alice@home",
        "\u202ealice",
    ],
    ids=ascii,
)
async def test_user_names_are_plain_ascii(stage: Stage, username: str) -> None:
    someone = await stage.stranger()
    await someone.refused("invalid", "account.register", username=username, password=PASSWORD)


@pytest.mark.parametrize("username", ["b2", "0z", "a" * 32, "x.y_z-9", "UPPER.case"])
async def test_user_names_at_their_bounds(stage: Stage, username: str) -> None:
    someone = await stage.stranger()
    await someone.registers(username)
    assert someone.username == username.lower()


async def test_a_name_is_taken_without_regard_to_case(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    someone = await stage.stranger()
    await someone.refused("exists", "account.register", username=alice.username.upper(), password=PASSWORD)
    await someone.logs_in(alice.username.upper())
    assert someone.id == alice.id


@pytest.mark.parametrize(
    "name",
    ["", " ", "\u3000", "a" * 65, "a\nb", "a\u202eb", "a\u200bb", "a\u2066b", "\u2028", "a\x1b[1m", "\x85", "a\x00"],
    ids=ascii,
)
async def test_display_names_show_what_they_are(stage: Stage, name: str) -> None:
    someone = await stage.stranger()
    answer = await someone.answer("account.register", username="neverborn", password=PASSWORD, display_name=name)
    assert answer["code"] in ("invalid", "too_large")
    await someone.refused("bad_credentials", "session.login", username="neverborn", password=PASSWORD)


async def test_display_names_of_any_script(stage: Stage) -> None:
    for number, name in enumerate(["\U0001f600" * 64, "Ångström", "محمد", "小明", "Zoë Müller", "x"]):
        someone = await stage.stranger()
        await someone.registers(f"script{number}", display_name=name)
        assert someone.ready["user"]["display_name"] == name


@pytest.mark.parametrize("password", ["", "short12", "x" * 257, "x" * 3_000])
async def test_passwords_have_8_to_256_characters(stage: Stage, password: str) -> None:
    someone = await stage.stranger()
    answer = await someone.answer("account.register", username="nopassword", password=password)
    assert answer["code"] in ("invalid", "too_large")


async def test_passwords_of_any_script(stage: Stage) -> None:
    someone = await stage.stranger()
    someone.password = "пароль🔑🔑" * 25
    await someone.registers("anyscript")
    other = await someone.other_device()
    assert other.id == someone.id


async def test_a_wrong_password_and_an_unknown_user_are_answered_alike(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    someone = await stage.stranger()
    wrong = await someone.refused("bad_credentials", "session.login", username=alice.username, password="wrong wrong")
    unknown = await someone.refused("bad_credentials", "session.login", username="nobody-here", password="wrong wrong")
    assert wrong["message"] == unknown["message"]
    await someone.refused("bad_credentials", "session.login", username="not a user name!", password="wrong wrong")


async def test_a_login_finds_what_was_there(stage: Stage) -> None:
    alice, bob, carol, dave = await stage.people("alice", "bob", "carol", "dave")
    await alice.befriends(bob)
    await carol.ask("contact.request", username=alice.username)
    await alice.ask("contact.block", user=dave.id)
    conv = await alice.opens(bob)
    await alice.says(conv, "hello")
    group = await alice.founds("team", bob)
    other = await alice.other_device()
    assert other.token != alice.token
    assert other.session != alice.session
    assert [contact["user"]["user"] for contact in other.ready["friends"]] == [bob.id]
    assert other.ready["friends"][0]["conv"] == conv
    assert other.ready["friends"][0]["presence"]["status"] == "online"
    assert [(contact["user"]["user"], contact["relation"]) for contact in other.ready["requests"]] == [
        (carol.id, "incoming")
    ]
    assert [contact["user"]["user"] for contact in other.ready["blocked"]] == [dave.id]
    assert {conversation["conv"] for conversation in other.ready["conversations"]} == {conv, group}
    assert carol.id not in [contact["user"]["user"] for contact in other.ready["friends"]]
    probe = await carol.other_device()
    assert [(contact["user"]["user"], contact["relation"]) for contact in probe.ready["requests"]] == [
        (alice.id, "outgoing")
    ]


REQUESTS = {
    "conversation.list": {"limit": 10},
    "session.logout": {},
    "session.list": {},
    "session.revoke": {"session": 1},
    "account.update": {"display_name": "x"},
    "account.password": {"old": PASSWORD, "new": PASSWORD},
    "user.search": {"query": "a", "limit": 10},
    "contact.request": {"username": "alice"},
    "contact.accept": {"user": 1},
    "contact.decline": {"user": 1},
    "contact.remove": {"user": 1},
    "contact.block": {"user": 1},
    "contact.unblock": {"user": 1},
    "direct.open": {"user": 1},
    "group.create": {"title": "x", "visibility": "public"},
    "group.find": {"limit": 10},
    "group.join": {"conv": 1},
    "group.leave": {"conv": 1},
    "group.invite": {"conv": 1, "user": 1},
    "group.remove": {"conv": 1, "user": 1},
    "group.ban": {"conv": 1, "user": 1},
    "group.unban": {"conv": 1, "user": 1},
    "group.role": {"conv": 1, "user": 1, "role": "admin"},
    "group.update": {"conv": 1, "title": "x"},
    "group.members": {"conv": 1, "limit": 10},
    "conversation.mute": {"conv": 1, "muted": True},
    "presence.set": {"status": "away"},
    "message.send": {"conv": 1, "cid": "3d594650-3436-453a-8ab3-2f1ec5f3a3a3", "text": "x"},
    "message.edit": {"conv": 1, "cid": "3d594650-3436-453a-8ab3-2f1ec5f3a3a3", "seq": 2, "text": "x"},
    "message.delete": {"conv": 1, "cid": "3d594650-3436-453a-8ab3-2f1ec5f3a3a3", "seq": 2},
    "message.react": {"conv": 1, "cid": "3d594650-3436-453a-8ab3-2f1ec5f3a3a3", "seq": 2, "emoji": "👍", "on": True},
    "history.get": {"conv": 1, "limit": 10},
    "read.mark": {"conv": 1, "seq": 1},
    "typing": {"conv": 1},
    "search.messages": {"query": "x", "limit": 10},
}


async def test_nothing_is_done_before_the_sign_in(stage: Stage) -> None:
    someone = await stage.stranger()
    for kind, fields in REQUESTS.items():
        await someone.refused("unauthenticated", kind, **fields)
    assert (await someone.ask("ping"))["type"] == "pong"


async def test_every_field_is_required_and_strict(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    for kind, fields in REQUESTS.items():
        for name, value in fields.items():
            if (kind, name) not in {("account.update", "display_name"), ("group.update", "title")}:
                lacking = {key: item for key, item in fields.items() if key != name}
                await alice.refused("invalid", kind, **lacking)
            wrong: list[object] = [[], {}, 1.5]
            wrong += [str(value), float(value), -1, 2**53, 2**63] if type(value) is int else []
            wrong += [1] if isinstance(value, str) else []
            wrong += [1, "true"] if isinstance(value, bool) else [True] if type(value) is int else []
            for bad in wrong:
                await alice.refused("invalid", kind, **{**fields, name: bad})


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "3D594650-3436-453A-8AB3-2F1EC5F3A3A3",
        "3d5946503436453a8ab32f1ec5f3a3a3",
        "{3d594650-3436-453a-8ab3-2f1ec5f3a3a3}",
        "3d594650-3436-453a-8ab3-2f1ec5f3a3a",
        "3d594650-3436-453a-8ab3-2f1ec5f3a3a3\n",
        "zd594650-3436-453a-8ab3-2f1ec5f3a3a3",
        "urn:uuid:3d594650-3436-453a-8ab3-2f1ec5f3a3a3",
    ],
)
async def test_a_cid_has_one_form(stage: Stage, bad: str) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    await alice.refused("invalid", "message.send", conv=conv, cid=bad, text="x")


async def test_a_second_sign_in_is_invalid(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    await alice.refused("invalid", "session.login", username=alice.username, password=PASSWORD)
    await alice.refused("invalid", "session.resume", token=alice.token)
    await alice.refused("invalid", "account.register", username="another-one", password=PASSWORD)
    await alice.settle()


async def test_a_token_signs_in_several_connections_at_once(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    others = [await alice.another() for _ in range(3)]
    assert {other.id for other in others} == {alice.id}
    assert {other.session for other in others} == {alice.session}
    assert all("token" not in other.ready for other in others)
    await alice.settle()


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "\u0000", "ü" * 100])
async def test_a_token_that_is_none(stage: Stage, token: str) -> None:
    someone = await stage.stranger()
    answer = await someone.answer("session.resume", token=token)
    assert answer["code"] in ("bad_credentials", "invalid")
    assert (await someone.ask("ping"))["type"] == "pong"


async def test_logging_out_ends_the_session(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    twin = await alice.another()
    other = await alice.other_device()
    assert (await alice.ask("session.logout"))["type"] == "ok"
    await alice.sees_end(code="logged_out", reconnect=False)
    await twin.sees_close()
    await other.settle()
    someone = await stage.stranger()
    await someone.refused("bad_credentials", "session.resume", token=alice.token)


async def test_logging_out_everywhere_ends_all_sessions(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    other = await alice.other_device()
    assert (await alice.ask("session.logout", everywhere=True))["type"] == "ok"
    await alice.sees_end(code="logged_out")
    await other.sees_end(reconnect=False)
    someone = await stage.stranger()
    await someone.refused("bad_credentials", "session.resume", token=other.token)
    await someone.logs_in(alice.username)


async def test_sessions_are_listed_with_their_devices(stage: Stage) -> None:
    before = time.time() * 1000 - 60_000
    (alice,) = await stage.people("alice")
    device = {"id": cid(), "name": "Büro 🖥"}
    other = await alice.other_device(device=device)
    sessions = (await alice.ask("session.list"))["sessions"]
    assert {session["session"] for session in sessions} == {alice.session, other.session}
    for session in sessions:
        assert session["current"] is (session["session"] == alice.session)
        assert before < session["created"] <= session["last_seen"] + 1000
    by_id = {session["session"]: session for session in sessions}
    assert by_id[other.session]["device"] == device
    assert "device" not in by_id[alice.session]


async def test_a_session_can_be_revoked(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    other = await alice.other_device()
    assert (await alice.ask("session.revoke", session=other.session))["type"] == "ok"
    await other.sees_end(code="revoked", reconnect=False)
    assert [session["session"] for session in (await alice.ask("session.list"))["sessions"]] == [alice.session]
    someone = await stage.stranger()
    await someone.refused("bad_credentials", "session.resume", token=other.token)


async def test_revoking_the_own_session_ends_its_connections(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    twin = await alice.another()
    assert (await alice.ask("session.revoke", session=alice.session))["type"] == "ok"
    await alice.sees_end(code="logged_out", reconnect=False)
    await twin.sees_end(code="revoked", reconnect=False)
    someone = await stage.stranger()
    await someone.refused("bad_credentials", "session.resume", token=alice.token)


async def test_nobody_revokes_another_users_session(stage: Stage) -> None:
    alice, bob = await stage.people("alice", "bob")
    await alice.refused("not_found", "session.revoke", session=bob.session)
    await alice.refused("not_found", "session.revoke", session=2**53 - 1)
    await bob.settle()


async def test_a_new_password_ends_all_other_sessions(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    twin = await alice.another()
    other = await alice.other_device()
    await alice.refused("bad_credentials", "account.password", old="not the old one", new="a new password")
    answer = await alice.answer("account.password", old=PASSWORD, new="short")
    assert answer["code"] in ("invalid", "too_large")
    assert (await alice.ask("account.password", old=PASSWORD, new="a new password"))["type"] == "ok"
    await other.sees_end(code="revoked", reconnect=False)
    await alice.settle()
    await twin.settle()
    someone = await stage.stranger()
    await someone.refused("bad_credentials", "session.login", username=alice.username, password=PASSWORD)
    await someone.refused("bad_credentials", "session.resume", token=other.token)
    someone.password = "a new password"
    await someone.logs_in(alice.username)


async def test_a_new_display_name_is_seen_at_the_next_sign_in(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    assert (await alice.ask("account.update", display_name="Alice in Chains"))["type"] == "ok"
    assert (await alice.ask("account.update"))["type"] == "ok"
    other = await alice.another()
    assert other.ready["user"]["display_name"] == "Alice in Chains"
    friend = await bob.another()
    assert friend.ready["friends"][0]["user"]["display_name"] == "Alice in Chains"
    await alice.refused("invalid", "account.update", display_name="a\u202eb")
    await alice.refused("invalid", "account.update", display_name=" ")


async def test_the_rest_of_the_conversations(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    convs = sorted([await alice.founds(f"group {number}") for number in range(7)])
    first = await alice.ask("conversation.list", limit=3)
    assert [conversation["conv"] for conversation in first["conversations"]] == convs[:3]
    assert first["more"] is True
    rest = await alice.ask("conversation.list", after=convs[2], limit=200)
    assert [conversation["conv"] for conversation in rest["conversations"]] == convs[3:]
    assert rest["more"] is False
    exact = await alice.ask("conversation.list", after=convs[2], limit=4)
    assert exact["more"] is False
    for limit in (0, 201, -1):
        await alice.refused("invalid", "conversation.list", limit=limit)
    full = await alice.another()
    assert rest["conversations"] == [
        conversation for conversation in full.ready["conversations"] if conversation["conv"] > convs[2]
    ]


async def test_hundreds_of_conversations_come_whole(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    futures = [
        alice.post("group.create", cid=cid(), title="😀" * 64, topic="😀" * 256, visibility="public")
        for _ in range(450)
    ]
    convs = {(await alice.wait(future))["conversation"]["conv"] for future in futures}
    assert len(convs) == 450
    other = await alice.another()
    listed = [conversation["conv"] for conversation in other.ready["conversations"]]
    more = other.ready.get("more", False)
    assert more, "450 conversations of 1.4 kB do not fit into one line"
    while more:
        page = await other.ask("conversation.list", after=listed[-1], limit=200)
        assert page["conversations"], "more was promised"
        listed += [conversation["conv"] for conversation in page["conversations"]]
        more = page["more"]
    assert listed == sorted(convs)


async def test_a_reason_is_for_people(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    await alice.ask("session.logout")
    closing = await alice.sees_end(code="logged_out", after=ABSENT)
    assert re.match(r"[A-Z].*\.$", closing["reason"])
