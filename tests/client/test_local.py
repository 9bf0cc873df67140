"""A server of one's own: started when none runs, found when one does, started again when it was killed."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from mrccsc_tui import local, paths
from mrccsc_tui.client import ChatClient, RequestError
from mrccsc_tui.config import ConfigError, Profile
from tests.client.party import PASSWORD
from tests.waiting import wait_until


def facts() -> dict[str, int]:
    found: dict[str, int] = json.loads((paths.server_data_folder() / "server.json").read_text())
    return found


def alive(pid: int) -> bool:
    """The process runs. One that has ended is laid to rest, being a child of this one."""
    with suppress(ChildProcessError):
        if os.waitpid(pid, os.WNOHANG) != (0, 0):
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture(autouse=True)
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Servers of these tests end soon after their last client, and in any case with the test."""
    monkeypatch.setattr(local, "LINGER", 2)
    yield
    for server in local._started:
        server.terminate()
        server.wait(30)
    local._started.clear()


def quiet(_message: str) -> None:
    return


async def test_a_server_is_started_once_for_all_clients_and_ends_after_the_last() -> None:
    with ThreadPoolExecutor() as pool:
        found = await asyncio.gather(
            *(asyncio.get_running_loop().run_in_executor(pool, local.ensure_server, quiet) for _ in range(3))
        )
    assert len(set(found)) == 1
    assert found[0].port == facts()["port"]
    pid = facts()["pid"]
    clients = [ChatClient(Profile(name, "127.0.0.1", found[0].port, local=True)) for name in ("local", "local-2")]
    for number, client in enumerate(clients):
        await client.start()
        await client.register(f"person-{number}", PASSWORD)
    assert await asyncio.to_thread(local.ensure_server, quiet) == found[0]
    for client in clients:
        await client.stop()
    await wait_until(lambda: not alive(pid), "the server ending by itself")


async def test_a_server_that_was_killed_is_started_again_and_knows_its_people() -> None:
    server = await asyncio.to_thread(local.ensure_server, quiet)
    client = ChatClient(Profile("local", server.host, server.port, local=True), connect=local.LocalDial(server))
    await client.start()
    await client.register("ann", PASSWORD)
    first = facts()["pid"]
    os.kill(first, signal.SIGKILL)
    await wait_until(lambda: not client.status.online, "the loss")
    client.reconnect_now()
    await wait_until(lambda: client.status.online, "being back")
    assert facts()["pid"] != first
    assert client.store.me is not None
    assert client.store.me.username == "ann"
    await client.stop()


async def test_another_server_that_is_away_is_not_mistaken_for_the_local_one() -> None:
    server = local.LocalServer("127.0.0.1", 1)
    client = ChatClient(Profile("local", server.host, server.port, local=True), connect=local.LocalDial(server))
    await client.start()
    client.set_server("127.0.0.1", 2)
    assert not client.profile.local
    with pytest.raises(RequestError, match="Nothing listens"):
        await client.login("ann", PASSWORD)
    await client.stop()
    assert not local._started


async def test_the_session_goes_on_when_the_port_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr(local, "PORT", taken.getsockname()[1])
        server = await asyncio.to_thread(local.ensure_server, quiet)
        assert server.port != local.PORT
        client = ChatClient(Profile("local", server.host, server.port, local=True))
        await client.start()
        await client.register("ann", PASSWORD)
        await client.stop()
    other = ChatClient(Profile("local", server.host, 1, local=True))
    await other.start()
    assert other.has_token
    assert other.store.me is not None
    await other.stop()


def test_a_server_that_cannot_start_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    data = paths.server_data_folder()
    data.mkdir(parents=True)
    (data / "mrccsc.db").mkdir()
    with pytest.raises(ConfigError, match="The server did not start: "):
        local.ensure_server(quiet)
    monkeypatch.setattr(local.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match=r"pip install 'mrccsc\[server\]'"):
        local.ensure_server(quiet)


def test_the_log_is_where_it_is_looked_for() -> None:
    local.ensure_server(quiet)
    assert "accepts on" in Path(paths.server_log()).read_text()
