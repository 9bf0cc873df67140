"""What the contract's list of bad input names and no other test does. The map of the whole list is in
docs/reliability.md.
"""

from __future__ import annotations

import asyncio
import json
import re
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.wire.client import Client, cid
from tests.wire.conftest import Stage
from tests.wire.server import Server
from tools.cluster.process import free_port

STORM = 300
"""Sign-ins at once."""

MARKS = "a" + "\u0301" * 4_000
"""One letter under as many combining marks as a message has room for."""


@pytest.fixture(scope="module")
def metrics_port() -> int:
    """Where the module's server shows its metrics."""
    return free_port()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, metrics_port: int) -> Iterator[Server]:
    """A server with its limits as they are by default."""
    server = Server(tmp_path_factory.mktemp("server"), "--http", f"127.0.0.1:{metrics_port}").start()
    yield server
    assert server.stop() == 0
    assert "Traceback" not in "".join(server.output)


@pytest.fixture
async def stage(server: Server) -> AsyncIterator[Stage]:
    """The stage of one test; the server must live afterwards."""
    asyncio.get_running_loop().set_debug(False)
    company: list[Client] = []
    yield Stage(server, company)
    for client in company:
        await client.close()
    assert server.is_running


@pytest.mark.parametrize("where", ["before", "after", "around"])
async def test_a_range_that_is_the_largest_there_is(stage: Stage, where: str) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    await alice.says(conv, "hello")
    page = await alice.ask("history.get", conv=conv, limit=200, **{where: 2**53 - 1})
    assert len(page["entries"]) == (0 if where == "after" else 2)
    assert page["head"] == 2
    await alice.refused("invalid", "history.get", conv=conv, limit=200, **{where: 2**53})
    await alice.refused("invalid", "history.get", conv=conv, limit=2**53 - 1, **{where: 1})


async def test_thousands_of_combining_marks(stage: Stage) -> None:
    """In a text they are a text like any other; where names have their length, they count as characters."""
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    ack = await alice.says(conv, MARKS)
    assert (await bob.entry(conv, ack["seq"]))["text"] == MARKS
    await alice.refused("invalid", "account.update", display_name=MARKS)
    await alice.refused("invalid", "group.create", title=MARKS, visibility="private")
    answer = await alice.answer("search.messages", query=MARKS[:200], limit=10)
    assert answer["type"] in {"search.results", "error"}
    await alice.says(conv, "still here")


async def test_a_password_of_a_megabyte(stage: Stage) -> None:
    someone, (alice,) = await stage.stranger(), await stage.people("alice")
    line = json.dumps({"type": "session.login", "id": 1, "username": "alice", "password": "x" * 1_000_000})
    await someone.write(line.encode()[:200_000])
    await someone.sees_end(code="protocol_error")
    await alice.settle()


@pytest.mark.parametrize("forged", [{"by": 1}, {"seq": 1}, {"role": "owner"}, {"at": 1}, {"kind": "leave"}])
async def test_what_a_client_may_not_say_of_itself(stage: Stage, forged: dict[str, object]) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    await alice.refused("invalid", "message.send", conv=conv, cid=cid(), text="hello", **forged)
    await bob.sees_no("entry")
    assert [entry["kind"] for entry in await alice.history(conv)] == ["create"]


async def test_a_storm_of_sign_ins_is_refused_in_words_and_harms_nobody_inside(stage: Stage) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.opens(bob)
    strangers = [await stage.stranger() for _ in range(50)]
    answers = [
        asyncio.ensure_future(one.answer("session.login", username=f"nobody-{turn}", password="wrong password"))
        for turn in range(STORM // len(strangers))
        for one in strangers
    ]
    for number in range(20):
        await alice.says(conv, f"inside {number}")
    codes = {(await answer)["code"] for answer in answers}
    assert codes <= {"bad_credentials", "rate_limited", "overloaded"}
    assert "rate_limited" in codes, "guessing is slowed"
    assert len(await bob.history(conv)) == 21


async def test_bad_lines_are_counted(stage: Stage, metrics_port: int) -> None:
    before = await asyncio.to_thread(_counted, metrics_port)
    (alice,) = await stage.people("alice")
    for line in (b"rubbish\n", b"[]\n", b"\xff\n"):
        await alice.writes_rubbish(line)
    await alice.refused("invalid", "ping", nonsense=1)
    await alice.refused("unknown_type", "nonsense")
    assert await asyncio.to_thread(_counted, metrics_port) >= before + 5


def _counted(port: int) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return sum(map(float, re.findall(r"^mrccsc_malformed_lines\w*\{.*\} (\S+)$", text, re.MULTILINE)))


def test_the_map_of_bad_input_names_tests_that_exist() -> None:
    """docs/reliability.md says which test is about what."""
    root = Path(__file__).parents[2]
    text = (root / "docs" / "reliability.md").read_text()
    section = text.partition("## Bad input")[2].partition("\n## ")[0]
    named = re.findall(r"`(tests/[\w/]+\.py)`", section)
    assert len(set(named)) >= 10
    for path in named:
        assert (root / path).is_file(), path
