"""Starting on a database: made once by however many nodes, and clear words where it cannot be used."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
import trustme
import uvloop

from mrccsc_server.ports import StoreAway, StoreError
from mrccsc_server.storage import make_store, migrations
from mrccsc_server.storage.migrations import Migration
from mrccsc_server.storage.mysql import link, schema
from mrccsc_server.storage.mysql.url import parse
from mrccsc_shared.limits import Limits
from tests.server.storage.mysql.conftest import Raw, run
from tests.server.storage.scene import Opener, Scene
from tests.waiting import wait_until
from tools.cluster.mariadb import PASSWORD, USER, MariaDb, find_program
from tools.cluster.process import ProgramError, free_port

ROOT = Path(__file__).parents[4]

START = """
import asyncio, sys
from mrccsc_server.storage import make_store
from mrccsc_shared.limits import Limits

async def main():
    store = make_store(sys.argv[1], Limits())
    await store.open()
    print(store.log.epoch, store.log.secret.hex())
    await store.close()

asyncio.run(main())
"""


def with_password(url: str, password: str) -> str:
    return url.replace(f":{quote(PASSWORD, safe='')}@", f":{quote(password)}@")


async def complaint(url: str) -> StoreError:
    """Why a database cannot be opened."""
    store = make_store(url, Limits())
    with pytest.raises(StoreError) as raised:
        await store.open()
    await store.close()
    assert PASSWORD not in str(raised.value)
    assert "\n" not in str(raised.value)
    return raised.value


async def test_nodes_that_start_together_make_one_database(url: str, raw: Raw) -> None:
    starting = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", START, url, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        for _ in range(4)
    ]
    ends = await asyncio.gather(*(process.communicate() for process in starting))
    assert [errors.decode() for _, errors in ends] == [""] * 4
    assert len({output for output, _ in ends}) == 1
    assert run(raw, "SELECT value FROM meta WHERE name = 'schema'") == [(b"2",)]


async def test_a_migration_that_was_broken_off_is_done_again(
    opened: Opener, url: str, raw: Raw, monkeypatch: pytest.MonkeyPatch
) -> None:
    (whole, *_) = steps = migrations.load("mysql")
    for upto in range(1, len(whole.statements)):
        broken = Migration(whole.number, (*whole.statements[:upto], "CREATE NONSENSE;"))
        monkeypatch.setattr(migrations, "load", lambda _, broken=broken: [broken])
        assert "cannot be prepared" in str(await complaint(url))
    monkeypatch.setattr(migrations, "load", lambda _: steps)
    async with opened() as store:
        ann = await Scene(store).user("ann")
        await Scene(store).group(ann)


async def test_every_step_may_be_repeated(opened: Opener, raw: Raw) -> None:
    async with opened() as store:
        epoch = store.log.epoch
        ann = await Scene(store).user("ann")
        conv = await Scene(store).group(ann)
    run(raw, "DELETE FROM meta WHERE name = 'schema'")
    raw.commit()
    async with opened() as store:
        assert store.log.epoch == epoch
        assert await store.log.heads([conv]) == {conv: 1}


async def test_a_server_that_may_lose_what_it_acknowledges_is_warned_of(
    opened: Opener, mariadb: MariaDb, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened():
        assert "may lose" not in caplog.text
    mariadb.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 2")
    try:
        async with opened():
            assert "innodb_flush_log_at_trx_commit = 1" in caplog.text
    finally:
        mariadb.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 1")


async def test_a_newer_schema_is_left_alone(opened: Opener, url: str, raw: Raw) -> None:
    async with opened():
        pass
    run(raw, "UPDATE meta SET value = '99' WHERE name = 'schema'")
    raw.commit()
    error = await complaint(url)
    assert "newer version" in str(error)
    assert "99" in str(error)
    assert not isinstance(error, StoreAway)


@pytest.mark.parametrize("table", ["users (id INT)", "meta (id INT)"])
async def test_another_programs_database_is_left_alone(url: str, raw: Raw, table: str) -> None:
    run(raw, f"CREATE TABLE {table}")
    assert "belongs to another program" in str(await complaint(url))
    assert len(run(raw, "SHOW TABLES")) == 1


@pytest.mark.parametrize("scheme", ["mysql", "mysql+asyncmy"])
async def test_who_is_not_let_in_is_told_so(mariadb: MariaDb, database: str, scheme: str) -> None:
    url = mariadb.url(database, scheme)
    for error in (
        await complaint(with_password(url, "wrong")),
        await complaint(url.replace(f"{USER}:", "nobody:")),
        await complaint(with_password(url, "")),
    ):
        assert "does not let the user" in str(error)
        assert not isinstance(error, StoreAway)
    missing = await complaint(mariadb.url("missing", scheme))
    assert "There is no database missing" in str(missing)
    assert "CREATE DATABASE `missing`" in str(missing)
    assert not isinstance(missing, StoreAway)
    assert "Latin" in str(await complaint(with_password(url, "密码")))


@pytest.mark.parametrize("scheme", ["mysql", "mysql+asyncmy"])
async def test_a_database_that_is_away_is_told_from_one_that_is_wrong(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "CONNECT_TIME", 0.3)
    refused = await complaint(f"{scheme}://u:p@127.0.0.1:{free_port()}/chat")
    assert "cannot be reached" in str(refused)
    unknown = await complaint(f"{scheme}://u:p@no-such-host.invalid/chat")
    async with answering(b"") as port:
        silent = await complaint(f"{scheme}://u:p@127.0.0.1:{port}/chat")
    assert "does not answer" in str(silent)
    async with answering(None) as port:
        closing = await complaint(f"{scheme}://u:p@127.0.0.1:{port}/chat")
    assert all(isinstance(error, StoreAway) for error in (refused, unknown, silent, closing))
    async with answering(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n" * 10) as port:
        other = await complaint(f"{scheme}://u:p@127.0.0.1:{port}/chat")
    assert str(port) in str(other)


@asynccontextmanager
async def answering(greeting: bytes | None) -> AsyncIterator[int]:
    """A server that says this and nothing more; ``None``: that hangs up."""
    over = asyncio.Event()

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if greeting is not None:
            writer.write(greeting)
            await over.wait()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        over.set()
        server.close()
        await asyncio.sleep(0)


async def test_a_server_without_room_is_away(mariadb: MariaDb, url: str) -> None:
    mariadb.execute("CREATE USER crowd@'127.0.0.1' IDENTIFIED BY 'x' WITH MAX_USER_CONNECTIONS 1")
    mariadb.execute("GRANT ALL ON *.* TO crowd@'127.0.0.1'")
    crowded = f"mysql://crowd:x@{url.rpartition('@')[2]}"
    try:
        held = await link.connect(parse(urlsplit(crowded)), 1)
        error = await complaint(crowded)
        assert isinstance(error, StoreAway)
        assert "no more connections" in str(error)
        held.close()
    finally:
        mariadb.execute("DROP USER crowd@'127.0.0.1'")


async def test_a_migration_waits_for_that_of_another_node(
    opened: Opener, url: str, monkeypatch: pytest.MonkeyPatch, databases: Callable[[], str]
) -> None:
    monkeypatch.setattr(schema, "MIGRATION_TIME", 1.0)
    monkeypatch.setattr(schema, "LOCK_STEP", 1)
    address = parse(urlsplit(url))
    held = await link.connect(address, 0)
    await schema._lock(held, address)
    assert isinstance(await complaint(url), StoreAway)
    held.close()
    async with opened():
        pass


def test_who_lacks_mariadb_is_told_how_to_install_it() -> None:
    with pytest.raises(ProgramError, match="apt-get install mariadb-server"):
        find_program("no-such-program")


@pytest.mark.parametrize("version", ["10.5.22-MariaDB-1:10.5.22+maria~deb11", "5.7.44-log", "5.7.44"])
def test_a_server_that_is_too_old_is_refused(version: str) -> None:
    with pytest.raises(StoreError, match="too old"):
        schema.require_version(version)


@pytest.mark.parametrize(
    "version", ["10.6.0-MariaDB", "10.11.6-MariaDB-0+deb12u1", "11.4.2-MariaDB", "8.0.36", "9.1.0"]
)
def test_a_server_that_is_new_enough_is_used(version: str) -> None:
    schema.require_version(version)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://host/chat", "user@host:3306/name"),
        ("mysql://user@/chat", "user@host:3306/name"),
        ("mysql://user@host", "user@host:3306/name"),
        ("mysql://user@host/a/b", "user@host:3306/name"),
        ("mysql://user@host:port/chat", "user@host:3306/name"),
        ("mysql://user@host:99999/chat", "user@host:3306/name"),
        ("mysql://user@host/chat#x", "user@host:3306/name"),
        ("mysql://user@host/chat?pool", "user@host:3306/name"),
        ("mysql://user@host/chat?pool=0", "pool"),
        ("mysql://user@host/chat?pool=many", "pool"),
        ("mysql://user@host/chat?pool=²", "pool"),
        ("mysql://user@host/chat?ssl_ca=", "ssl_ca"),
        ("mysql://user@host/chat?speed=9", "speed"),
        ("mysql+mysqlclient://user@host/chat", "mysql+asyncmy://"),
        ("mysql://[::1/chat", "mysql://"),
    ],
)
def test_a_url_that_does_not_say_where_is_refused(url: str, said: str) -> None:
    with pytest.raises(StoreError) as raised:
        make_store(url, Limits())
    assert said in str(raised.value)


def test_a_url_says_all_there_is_to_say() -> None:
    address = parse(urlsplit("mariadb+asyncmy://an%40n:p%2Fw%3A%23@db.example:3307/ch%20at?pool=3&ssl_ca=/ca.pem"))
    assert (address.host, address.port, address.user, address.password) == ("db.example", 3307, "an@n", "p/w:#")
    assert (address.database, address.driver, address.pool, address.ssl_ca) == ("ch at", "asyncmy", 3, "/ca.pem")
    assert "p/w" not in repr(address)
    address = parse(urlsplit("mysql://ann@host/chat"))
    assert (address.port, address.password, address.driver, address.pool) == (3306, "", "aiomysql", 8)


async def test_asyncmy_is_asked_for_where_it_is_missing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "asyncmy", None)
    error = await complaint(url.replace("mysql://", "mysql+asyncmy://"))
    assert "mrccsc[asyncmy]" in str(error)
    assert not isinstance(error, StoreAway)


# -- TLS -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def secured(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MariaDb]:
    """A server with TLS, whose certificate is for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("secured")
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    for part in certificate.cert_chain_pems:
        part.write_to_path(folder / "cert.pem", append=True)
    authority.cert_pem.write_to_path(folder / "ca.pem")
    server = MariaDb(folder, options=(f"--ssl-cert={folder / 'cert.pem'}", f"--ssl-key={folder / 'key.pem'}"))
    server.start()
    server.create("chat")
    yield server
    server.kill()


@pytest.mark.parametrize("scheme", ["mysql", "mysql+asyncmy"])
@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_tls_by_a_known_authority(secured: MariaDb, scheme: str, loop: str) -> None:
    async def main() -> None:
        store = make_store(f"{secured.url('chat', scheme)}?ssl_ca={secured.folder / 'ca.pem'}", Limits())
        await store.open()
        assert await store.healthy()
        async with store._database._pool.link() as used:
            (status,) = await used.send([b"SHOW SESSION STATUS LIKE 'Ssl_cipher'"])
            assert status.rows[0][1].startswith("TLS_")
        await store.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop if loop == "uvloop" else None) as runner:
        runner.run(main())


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("tls", [True, False])
def test_partings_are_noticed_on_both_sides(secured: MariaDb, loop: str, tls: bool) -> None:
    address = parse(urlsplit(secured.url("chat")))

    async def main() -> None:
        used = replace(address, ssl_ca=str(secured.folder / "ca.pem")) if tls else address
        hung_up, left = [await link.connect(used, 5) for _ in range(2)]
        idents = [(await one.send([b"SELECT CONNECTION_ID()"]))[0].rows[0][0] for one in (hung_up, left)]
        ((_, before),) = secured.execute("SHOW GLOBAL STATUS LIKE 'Aborted_clients'")
        await left.quit()
        assert not left.alive
        await wait_until(lambda: not running(idents[1]), "the end of the connection there")
        assert secured.execute("SHOW GLOBAL STATUS LIKE 'Aborted_clients'") == [("Aborted_clients", before)]
        secured.execute(f"KILL {idents[0]}")
        await wait_until(lambda: not hung_up.alive, "the end of the connection here")
        hung_up.close()

    def running(ident: int) -> object:
        return secured.execute(f"SELECT 1 FROM information_schema.processlist WHERE id = {ident}")

    with asyncio.Runner(loop_factory=uvloop.new_event_loop if loop == "uvloop" else None) as runner:
        runner.run(main())


@pytest.mark.parametrize("scheme", ["mysql", "mysql+asyncmy"])
async def test_tls_that_cannot_be_trusted_is_refused(secured: MariaDb, url: str, tmp_path: Path, scheme: str) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    strange = await complaint(f"{secured.url('chat', scheme)}?ssl_ca={tmp_path / 'other.pem'}")
    assert "certificate" in str(strange)
    assert not isinstance(strange, StoreAway)
    missing = await complaint(f"{secured.url('chat', scheme)}?ssl_ca={tmp_path / 'missing.pem'}")
    assert "missing.pem" in str(missing)
    plain = await complaint(f"{url.replace('mysql://', f'{scheme}://')}?ssl_ca={secured.folder / 'ca.pem'}")
    assert "offers no TLS" in str(plain)
