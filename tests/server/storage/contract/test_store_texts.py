"""What people type is stored as it came, whatever it means to a database."""

from __future__ import annotations

import pytest

from mrccsc_server.domain.operations import Change
from mrccsc_server.domain.state import Stored
from tests.server.storage.scene import ROOM, Scene, edit, new_cid, react, send, sign

TEXTS = [
    "👩‍👩‍👧‍👦 👍🏽 🇨🇭 \U0010ffff",
    "安全第一 カタカナ 한국어 𠀀𠮷",
    "a\0b\0",
    "'; DROP TABLE entry; --",
    "\"double\" `back` 'single'",
    "\\ \\' \\\" \\\\ \\n \\0 \\Z %s %% {} {0} ? ?? :name",
    "% _ %_",
    "line\nline\r\nline\u2028line\ttab\x1a\x7f\x9b\x1b[31m",
    "שלום \u202eevil\u202c \u200b\u200d\ufeff",
    "e\u0301 vs é, ß vs ss, ı vs i, ﬁ vs fi",
    " spaces at both ends  ",
    "trailing backslash \\",
    "x" * 8_192,
    "安" * 2_730,
    "\\'\0" * 2_700,
]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
async def test_a_text_reads_back_as_it_was_written(scene: Scene, text: str) -> None:
    ann, bob = await scene.users("ann", "bob")
    conv = await scene.group(ann, bob)
    seq = await scene.say(conv, ann, text)
    await scene.say(conv, ann, "plain")
    await scene.done(edit(conv, ann, seq + 1, text), send(conv, bob, text))
    log = await scene.log(conv)
    assert [entry["text"] for entry in log[2:]] == [text] * 4
    page = await scene.store.log.page(conv, bob, limit=10, max_bytes=ROOM)
    assert page.entries[-1].get("text") == text
    assert (await scene.view(conv, bob))["last"]["text"] == text[:200]


@pytest.mark.parametrize("text", [text for text in TEXTS if len(text) <= 64])
async def test_names_and_titles_read_back_as_they_were_written(scene: Scene, text: str) -> None:
    ann = await scene.user("ann", text)
    conv = await scene.group(ann, title=text)
    await scene.done(sign(Change(conv=conv, by=ann, cid=new_cid(), digest=b"", topic=text)))
    view = await scene.view(conv, ann)
    assert (view["title"], view["topic"]) == (text, text)
    account = await scene.store.accounts.by_id(ann)
    assert account is not None
    assert account.display_name == text
    await scene.store.accounts.set_status(ann, "away", text)
    account = await scene.store.accounts.by_name("ann")
    assert account is not None
    assert account.status_text == text
    await scene.store.sessions.open(ann, b"1" * 32, {"id": new_cid(), "name": text})
    (info,) = await scene.store.sessions.of_user(ann, 0)
    assert info["device"]["name"] == text


async def test_marks_that_look_alike_are_different(scene: Scene) -> None:
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    seq = await scene.say(conv, ann, "hello")
    emoji = ["👍", "👍🏽", "é", "e\u0301", "E", "e", "ß", "ss", "'", "\\", "%", "ﬁ", "fi", "ａ", "a", "安"]
    for mark in emoji:
        await scene.done(react(conv, ann, seq, mark))
    (message,) = await scene.store.log.range(conv, seq - 1, seq)
    assert list(message["reactions"]) == emoji


async def test_names_that_look_alike_are_different(scene: Scene) -> None:
    names = ["ann", "anne", "an_n", "an.n", "an-n", "a%n"]
    users = await scene.users(*names)
    for name, user in zip(names, users, strict=True):
        account = await scene.store.accounts.by_name(name)
        assert account is not None
        assert account.user == user
    for other in ("Ann", "ann ", " ann", "ånn", "ann\0", "ａnn", "", "%", "ann'"):
        assert await scene.store.accounts.by_name(other) is None


@pytest.mark.parametrize("text", ["\ud800", "\udc80\\", "\\ \0 \udfff"])
async def test_what_is_no_unicode_is_refused_alone(scene: Scene, text: str) -> None:
    ann = await scene.user("ann")
    conv = await scene.group(ann)
    outcomes = await scene.store.log.append([send(conv, ann, "one"), send(conv, ann, text), send(conv, ann, "two")])
    assert [isinstance(outcome, Stored) for outcome in outcomes] == [True, False, True]
    assert [entry.get("text") for entry in await scene.log(conv)] == [None, "one", "two"]
