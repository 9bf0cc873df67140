"""TLS: the server proves who it is, or there is no line at all."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from mrccsc_tui.arguments import parse
from mrccsc_tui.cli import find_profile
from mrccsc_tui.client import ChatClient, RequestError
from mrccsc_tui.config import Config, Profile
from mrccsc_tui.link import connection
from mrccsc_tui.profile import Session, save_session
from tests.client.party import PASSWORD
from tests.waiting import wait_until
from tests.wire.server import Server


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ca") / "ca.pem"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Path) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("tls")
    issuer = trustme.CA()
    issuer.cert_pem.write_to_path(authority)
    issued = issuer.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    for part in issued.cert_chain_pems:
        part.write_to_path(folder / "cert.pem", append=True)
    server = Server(folder, "--tls-cert", str(folder / "cert.pem"), "--tls-key", str(folder / "key.pem")).start()
    yield server
    server.stop()


async def failure(profile: Profile) -> str:
    client = ChatClient(profile)
    await client.start()
    with pytest.raises(RequestError) as failed:
        await client.register("eve", PASSWORD)
    await client.stop()
    return failed.value.message


async def test_a_trusted_server_is_chatted_with(server: Server, authority: Path) -> None:
    client = ChatClient(Profile("ann", "127.0.0.1", server.port, tls=True, ca=authority))
    await client.start()
    await client.register("ann", PASSWORD)
    assert client.status.encrypted
    assert "not encrypted" not in client.status.words(client.now())
    await client.stop()


async def test_a_server_that_hangs_is_left_without_its_farewell(
    server: Server, authority: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TLS ends with a farewell of both sides, for which asyncio waits half a minute."""
    client = ChatClient(Profile("hans", "127.0.0.1", server.port, tls=True, ca=authority))
    await client.start()
    await client.register("hans", PASSWORD)
    reasons = []
    client.subscribe(lambda _: reasons.append(client.status.reason))
    server.signal(signal.SIGSTOP)
    asking = asyncio.create_task(client.sessions())
    try:
        monkeypatch.setattr(connection, "DOUBT", 0.1)
        await wait_until(lambda: "The server fell silent." in reasons, "the line being given up")
    finally:
        server.signal(signal.SIGCONT)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await client.stop()


async def test_a_profile_that_was_signed_in_keeps_what_it_trusts(server: Server, authority: Path) -> None:
    client = ChatClient(Profile("kept", "127.0.0.1", server.port, tls=True, ca=authority))
    await client.start()
    await client.register("kept", PASSWORD)
    await client.stop()

    def found(*arguments: str) -> Profile:
        return find_profile(parse(["--profile", "kept", *arguments]), Config({}, Path("config.toml")))

    again = found("export", "@nobody")
    assert (again.host, again.port, again.tls, again.ca) == ("127.0.0.1", server.port, True, authority)
    assert found("--host", "other.example", "--tls").ca is None
    assert (found("--ca", "new.pem").host, found("--ca", "new.pem").ca) == ("127.0.0.1", Path("new.pem"))


def test_certificates_that_are_named_are_asked_for_by_a_profile_that_was_plain() -> None:
    save_session("plain", Session("127.0.0.1", 8000, tls=False, user=1, username="ann", token="t"))
    found = find_profile(parse(["--profile", "plain", "--ca", "ca.pem"]), Config({}, Path("config.toml")))
    assert found.tls


async def test_an_untrusted_server_is_not(server: Server) -> None:
    message = await failure(Profile("eve", "127.0.0.1", server.port, tls=True))
    assert "not trusted" in message
    assert "--ca" in message


async def test_a_server_of_another_name_is_not(server: Server, authority: Path) -> None:
    message = await failure(Profile("eve", "localhost", server.port, tls=True, ca=authority))
    assert "not trusted" in message
    assert "--ca" not in message


async def test_a_plain_client_on_the_tls_port_is_told(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    # Long before the time to greet is over: it is the server that gives up.
    monkeypatch.setattr("mrccsc_tui.link.connection.WELCOME_TIME", 3_600)
    assert "TLS" in await failure(Profile("eve", "127.0.0.1", server.port))


async def test_certificates_that_are_none_are_named(server: Server, tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("nothing")
    message = await failure(Profile("eve", "127.0.0.1", server.port, tls=True, ca=nonsense))
    assert "nonsense.pem holds no usable certificates" in message


async def test_a_server_that_speaks_no_tls_gets_no_plain_word(tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    plain = Server(folder).start()
    assert "does not speak TLS" in await failure(Profile("eve", "127.0.0.1", plain.port, tls=True))
    assert plain.stop() == 0
