"""Registration by invite, and none at all; silence before the sign-in."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wire.client import PASSWORD, Client
from tests.wire.server import COMMAND, Server


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    running: list[Server] = []
    yield running
    for server in running:
        assert server.stop() == 0, "".join(server.output)


def operate(server: Server, *arguments: str, stdin: str | None = None) -> str:
    """Run an operator's command on the server's data folder."""
    done = subprocess.run(
        [COMMAND, *arguments, "--data-dir", str(server.folder / "data")],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


async def test_an_invite_opens_the_door_once(folder: Path, servers: list[Server], company: list[Client]) -> None:
    server = Server(folder, "--registration", "invite").start()
    servers.append(server)
    someone = await Client("someone", server.port, company).connect()
    assert someone.welcome["registration"] == "invite"
    await someone.refused("bad_invite", "account.register", username="someone", password=PASSWORD)
    await someone.refused("bad_invite", "account.register", username="someone", password=PASSWORD, invite="guess")
    code = operate(server, "invite").split()[-1]
    await someone.registers("someone", invite=code)
    another = await Client("another", server.port, company).connect()
    await another.refused("bad_invite", "account.register", username="another", password=PASSWORD, invite=code)
    await another.logs_in("someone")


async def test_a_refused_registration_keeps_the_invite(
    folder: Path, servers: list[Server], company: list[Client]
) -> None:
    server = Server(folder, "--registration", "invite").start()
    servers.append(server)
    codes = [operate(server, "invite").split()[-1] for _ in range(2)]
    someone = await Client("someone", server.port, company).connect()
    await someone.registers("someone", invite=codes[0])
    another = await Client("another", server.port, company).connect()
    await another.refused("exists", "account.register", username="someone", password=PASSWORD, invite=codes[1])
    await another.refused("invalid", "account.register", username="-", password=PASSWORD, invite=codes[1])
    await another.registers("another", invite=codes[1])


async def test_a_closed_door(folder: Path, servers: list[Server], company: list[Client]) -> None:
    server = Server(folder).start()
    someone = await Client("someone", server.port, company).connect()
    await someone.registers("someone")
    assert server.stop() == 0
    server.options += ["--registration", "closed"]
    servers.append(server.start())
    someone = await Client("someone", server.port, company).connect()
    assert someone.welcome["registration"] == "closed"
    await someone.refused("closed_registration", "account.register", username="another", password=PASSWORD)
    await someone.logs_in("someone")


async def test_who_does_not_sign_in_is_shown_out(folder: Path, servers: list[Server], company: list[Client]) -> None:
    server = Server(folder, limits="sign_in_time = 0.5").start()
    servers.append(server)
    silent = await Client("silent", server.port, company).connect()
    chatty = await Client("chatty", server.port, company).connect()
    chatty.notify("ping")
    resident = await Client("resident", server.port, company).connect()
    await resident.registers("resident")
    await silent.sees_end(code="auth_timeout")
    await chatty.sees_end(code="auth_timeout")
    await resident.settle()


async def test_a_dead_link_is_noticed(folder: Path, servers: list[Server], company: list[Client]) -> None:
    server = Server(folder, limits="heartbeat = 0.4").start()
    servers.append(server)
    silent = await Client("silent", server.port, company).connect()
    assert silent.welcome["heartbeat"] == 0.4
    await silent.registers("silent")
    await silent.sees_end(code="idle", reconnect=True)
    assert any(line["type"] == "ping" for line in silent.lines), "the server said nothing within its heartbeat"


async def test_a_server_that_stops_says_so(folder: Path, company: list[Client]) -> None:
    server = Server(folder).start()
    resident = await Client("resident", server.port, company).connect()
    await resident.registers("resident")
    stranger = await Client("stranger", server.port, company).connect()
    assert server.stop() == 0
    await resident.sees_end(code="going_away", reconnect=True)
    await stranger.sees_close()


async def test_a_new_epoch_resets_every_client(folder: Path, servers: list[Server], company: list[Client]) -> None:
    server = Server(folder).start()
    alice = await Client("alice", server.port, company).connect()
    await alice.registers("alice")
    conv = await alice.founds("notes")
    await alice.says(conv, "one")
    epoch = alice.epoch
    await alice.close()
    assert server.stop() == 0
    operate(server, "new-epoch")
    servers.append(server.start())
    again = await Client("alice", server.port, company).connect()
    await again.resumes(alice.token, epoch=epoch, cursors={str(conv): 1})
    assert again.ready["reset"] is True
    assert again.ready["missed"] == []
    assert again.epoch != epoch
    assert [conversation["head"] for conversation in again.ready["conversations"]] == [2]


async def test_the_operator_sets_a_password(folder: Path, servers: list[Server], company: list[Client]) -> None:
    server = Server(folder).start()
    servers.append(server)
    alice = await Client("alice", server.port, company).connect()
    await alice.registers("alice")
    assert "alice" in operate(server, "users")
    await alice.close()
