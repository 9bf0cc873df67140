"""The operator's view, and what is said of a bus that cannot be used."""

from __future__ import annotations

import logging
import sys

import pytest

from mrccsc_server.clock import SystemClock
from mrccsc_server.cluster import ClusterError, make_cluster
from mrccsc_server.cluster.operator import operator
from mrccsc_server.ports import Command
from tests.server.cluster.actors import LIMITS, Actor, info
from tests.server.cluster.conftest import Stage
from tests.waiting import wait_until
from tools.cluster.process import free_port
from tools.cluster.redis import RedisServer


async def test_an_operator_sees_and_commands_nodes(play: Stage, own_server: RedisServer) -> None:
    async with operator(own_server.url()) as nodes:
        assert await nodes.all() == []
        b, a = await play.node("b"), await play.node("a")
        assert [node.incarnation for node in await nodes.all()] == [a.me.incarnation, b.me.incarnation]
        assert await nodes.command(b.me.incarnation, Command("drain"))
        await wait_until(lambda: b.commands == [Command("drain")], "the command")
        assert not await nodes.command("nobody", Command("drain"))
        assert (a.gaps, a.commands) == (0, [])
        own_server.kill()
        with pytest.raises(ClusterError, match="Redis"):
            await nodes.all()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("memory:", "alone"),
        ("redis://:secret@127.0.0.1:{port}/0", "does not accept connections"),
        ("rediss://u:secret@127.0.0.1:{port}/0", "does not accept connections"),
        ("redis://:secret@/0", "A Redis URL is"),
    ],
)
async def test_an_operator_without_a_cluster_is_told_why(url: str, says: str) -> None:
    with pytest.raises(ClusterError, match=says) as caught:
        async with operator(url.format(port=free_port())):
            pass
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "redis",
        "http://localhost",
        "redis://",
        "redis://:secret@:6379/0",
        "redis://:secret@host:port/0",
        "redis://:secret@host:99999/0",
        "redis://:secret@host/one",
        "redis://:secret@host/-1",
        "redis://:secret@host/0?ca=/etc/ca.pem",
        "rediss://:secret@host/0?key=/etc/ca.pem",
        "rediss://:secret@host/0?ca=/nowhere/ca.pem",
        "redis://user@host/0",
        "redis://[::1/0",
    ],
)
def test_a_bad_url_is_one_sentence_without_secrets(url: str) -> None:
    with pytest.raises(ClusterError) as caught:
        make_cluster(url, info("a"), LIMITS, SystemClock())
    assert "secret" not in str(caught.value)
    assert str(caught.value).endswith((".", "[?ca=FILE]"))


@pytest.mark.parametrize(
    "url",
    [
        "memory:",
        "redis://localhost",
        "redis://:p%40ss@localhost:6379/3",
        "redis://default:pass@[::1]:6379",
        "redis://user:pass@localhost/",
        "rediss://user:pass@localhost",
    ],
)
def test_a_good_url_is_taken(url: str) -> None:
    make_cluster(url, info("a"), LIMITS, SystemClock())


@pytest.mark.parametrize(
    ("url", "package", "extra"),
    [
        ("redis://user:secret@localhost", "redis", "rediss"),
        ("rediss://localhost", "redis", "rediss"),
        ("redis://localhost", "asyncio_redis", "server"),
    ],
)
def test_a_missing_package_is_named(url: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ClusterError, match=rf"mrccsc\[.*{extra}\]"):
        make_cluster(url, info("a"), LIMITS, SystemClock())


async def test_a_wrong_password_is_told_without_it(own_server: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    own_server.password = "wrong-one"
    me = info("a")
    actor = Actor(make_cluster(own_server.url(), me, LIMITS, SystemClock()), me)
    with caplog.at_level(logging.INFO):
        await actor.cluster.bus.open()
        await actor.close()
    assert not actor.cluster.bus.connected
    (record,) = [record for record in caplog.records if record.name.startswith("mrccsc")]
    assert "password" in record.getMessage()
    assert "wrong-one" not in caplog.text


@pytest.mark.parametrize("kind", ["plain", "tls"])
async def test_why_redis_lets_nobody_in_is_told(kind: str, request: pytest.FixtureRequest) -> None:
    server: RedisServer = request.getfixturevalue(f"{kind}_server")
    without_password = server.url().replace(server.url().partition("//")[2].rpartition("@")[0] + "@", "")
    for url, says in (
        (without_password, "refuses the password"),
        (server.url(db=99), "no database of that number"),
    ):
        with pytest.raises(ClusterError, match=says):
            async with operator(url):
                pass


async def test_a_certificate_that_is_not_trusted(tls_server: RedisServer) -> None:
    url = tls_server.url().partition("?")[0]
    with pytest.raises(ClusterError, match="certificate"):
        async with operator(url):
            pass


async def test_a_server_of_another_kind(plain_server: RedisServer, tls_server: RedisServer) -> None:
    with pytest.raises(ClusterError):
        async with operator(f"rediss://u:p@127.0.0.1:{plain_server.port}"):
            pass
    with pytest.raises(ClusterError):
        async with operator(f"redis://127.0.0.1:{tls_server.port}") as nodes:
            await nodes.all()
