"""What the contract's list of bad input names and no other test does. The map of the whole list is in
docs/reliability.md.
"""

from __future__ import annotations

import asyncio
import json
import re
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from mrccsc_shared.errors import CloseCode, ErrorCode
from tests.wire.client import Client, cid
from tests.wire.conftest import Stage
from tests.wire.server import Server
from tools.cluster.process import free_port

STORM = 1_000
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


@pytest.fixture
async def apart(tmp_path: Path) -> AsyncIterator[Stage]:
    """A server of this test's own: all tests come from one address, and others are not to be refused for a storm."""
    server = Server(tmp_path).start()
    company: list[Client] = []
    yield Stage(server, company)
    for client in company:
        await client.close()
    assert server.stop() == 0


async def test_a_storm_of_sign_ins_is_refused_in_words_and_harms_nobody_inside(apart: Stage) -> None:
    alice, bob = await apart.friends("alice", "bob")
    conv = await alice.opens(bob)
    strangers = [await apart.stranger() for _ in range(50)]
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


async def test_a_million_cursors_are_a_line_over_the_cap(stage: Stage) -> None:
    (alice,) = await stage.people("alice")
    someone = await stage.stranger()
    cursors = {str(conv): 1 for conv in range(1, 1_000_001)}
    request = {"type": "session.resume", "id": 1, "token": alice.token, "epoch": alice.epoch, "cursors": cursors}
    await someone.write(json.dumps(request).encode()[:500_000])
    await someone.sees_end(code="protocol_error")
    await alice.settle()


async def test_thousands_of_keys(stage: Stage) -> None:
    """As many as a line holds are refused as a request; ten thousand are a line over the cap."""
    (alice,) = await stage.people("alice")
    await alice.refused("invalid", "ping", **{f"k{number}": 0 for number in range(4_000)})
    await alice.settle()
    line = json.dumps({"type": "ping", "id": 1, **{f"k{number}": 0 for number in range(10_000)}}).encode()
    assert len(line) > 65_536
    await alice.write(line + b"\n")
    await alice.sees_end(code="protocol_error")


@pytest.mark.parametrize("char", ["\x1b", "\x9b", "\x1b]52;c;eA==\x07", "\n", "\u2028", "\u202e", "\u200b"], ids=ascii)
async def test_no_name_or_title_holds_what_steers_a_terminal(stage: Stage, char: str) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.founds("team", bob)
    await alice.refused("invalid", "account.update", display_name=f"a{char}b")
    await alice.refused("invalid", "group.create", cid=cid(), title=f"a{char}b", visibility="private")
    await alice.refused("invalid", "group.update", conv=conv, cid=cid(), title=f"a{char}b")
    await bob.sees_no("entry")


@pytest.mark.parametrize("markup", ["[@click=app.quit]x[/]", "[link=http://x]y[/link]", "[/", "[TODO]"])
async def test_markup_is_text_like_any_other(stage: Stage, markup: str) -> None:
    alice, bob = await stage.friends("alice", "bob")
    conv = await alice.founds(markup, bob)
    ack = await alice.says(conv, markup)
    assert (await bob.entry(conv, ack["seq"]))["text"] == markup
    assert (await bob.conversation(conv))["title"] == markup


async def test_500_silent_connections_from_one_address(tmp_path: Path) -> None:
    """A cap of them is let in, the others hear why; who is inside goes on."""
    asyncio.get_running_loop().set_debug(False)
    server = Server(tmp_path).start()
    company: list[Client] = []
    try:
        (alice,) = await Stage(server, company).people("alice")
        first = await asyncio.gather(*(_first_line(server.port) for _ in range(500)))
        kinds = Counter(frame.get("code", frame["type"]) for frame, _ in first)
        assert 0 < kinds["welcome"] <= 100
        assert kinds["welcome"] + kinds["overloaded"] + kinds["cut"] == 500
        assert kinds["overloaded"] > 300
        await alice.settle()
        for _, writer in first:
            writer.close()
    finally:
        for one in company:
            await one.close()
        assert server.stop() == 0
    assert "Traceback" not in "".join(server.output)


async def _first_line(port: int) -> tuple[dict[str, Any], asyncio.StreamWriter]:
    """What a connection is told that says nothing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        line = await asyncio.wait_for(reader.readline(), 30)
    except ConnectionResetError:
        line = b""
    return json.loads(line or b'{"type":"cut"}'), writer


CODES = {*ErrorCode, *CloseCode}
OTHERS = {"answered", "closed", "as text", "shown safely", "escaped", "no answer"}
"""What becomes of bad input that is neither refused nor a reason to close."""


def test_the_map_of_bad_input_names_tests_that_exist() -> None:
    """docs/reliability.md says of every item which test is about it, and how the server answers."""
    root = Path(__file__).parents[2]
    section = (root / "docs" / "reliability.md").read_text().partition("## Bad input")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if "::" in line]
    assert len(rows) >= 60
    for row in rows:
        item, answer, named = row
        outcomes = re.findall(r"`([^`]+)`", answer) + [word for word in OTHERS if word in answer]
        assert outcomes, f"{item}: no outcome"
        for code in re.findall(r"`([^`]+)`", answer):
            assert code in CODES, f"{item}: {code} is no code"
        for path, name in re.findall(r"`([\w/]+\.py)::(\w+)`", named):
            text = (root / "tests" / path).read_text()
            assert re.search(rf"def {name}\(", text), f"{item}: there is no {name} in {path}"
        assert "::" in named, item
