"""One connection to a real server: what it brings, and when it counts as lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from mrccsc_server.storage.database import Unstorable
from mrccsc_server.storage.mysql.errors import Failed, Lost
from mrccsc_server.storage.mysql.link import Link, connect
from mrccsc_server.storage.mysql.url import parse
from tests.server.storage.mysql.proxy import Proxy, proxied
from tests.waiting import wait_until
from tools.cluster.mariadb import MariaDb

STALE = b"\x07\0\0\1\0\0\0\2\0\0\0"
"""A well-formed packet that says: done."""


@pytest.fixture(params=["mysql", "mysql+asyncmy"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def linked(url: str) -> AsyncIterator[Link]:
    link = await connect(parse(urlsplit(url)), 5)
    try:
        yield link
    finally:
        await link.quit()


@asynccontextmanager
async def linked_by(mariadb: MariaDb, database: str) -> AsyncIterator[tuple[Proxy, Link]]:
    async with proxied(mariadb.port) as proxy:
        url = mariadb.url(database).replace(f":{mariadb.port}/", f":{proxy.port}/")
        async with linked(url) as link:
            yield proxy, link


@pytest.fixture
def roomy(mariadb: MariaDb) -> Iterator[None]:
    """Packets may be far longer than one of the protocol."""
    ((before,),) = mariadb.execute("SELECT @@GLOBAL.max_allowed_packet")
    mariadb.execute("SET GLOBAL max_allowed_packet = 67108864")
    yield
    mariadb.execute(f"SET GLOBAL max_allowed_packet = {before}")


async def test_each_statement_has_its_result(mariadb: MariaDb, database: str, scheme: str) -> None:
    async with linked(mariadb.url(database, scheme)) as link:
        made, inserted, rows, none, ended = await link.send(
            [
                b"CREATE TEMPORARY TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, a TEXT, b BLOB, d INT)",
                b"INSERT INTO t (a, b, d) VALUES ('\xc3\xa4', X'00ff', -7), (NULL, NULL, NULL)",
                b"SELECT * FROM t ORDER BY id",
                b"SELECT * FROM t WHERE id < 0",
                b"UPDATE t SET d = 1",
            ]
        )
        assert (made.found, made.ident, list(made.rows)) == (0, 0, [])
        assert (inserted.found, inserted.ident) == (2, 1)
        assert list(rows.rows) == [(1, "ä", b"\0\xff", -7), (2, None, None, None)]
        assert list(none.rows) == []
        assert ended.found == 2


@pytest.mark.parametrize("size", [2**24 - 12, 2**24 - 11, 2**24, 40_000_000])
async def test_what_is_longer_than_a_packet_goes_there_and_back(
    mariadb: MariaDb, database: str, roomy: None, size: int
) -> None:
    """By the driver of choice: asyncmy loses the thread there."""
    async with linked(mariadb.url(database)) as link:
        text = b"x" * size
        sent, after = await link.send([b"SELECT '" + text + b"', LENGTH('" + text[:1000] + b"')", b"SELECT 7"])
        ((back, length),) = sent.rows
        assert back == text.decode()
        assert length == min(size, 1000)
        assert list(after.rows) == [(7,)]


async def test_many_rows_come_whole(mariadb: MariaDb, database: str, scheme: str) -> None:
    async with linked(mariadb.url(database, scheme)) as link:
        (result,) = await link.send([b"SELECT seq, REPEAT(seq, 30), NULL FROM seq_1_to_20000"])
        assert list(result.rows) == [(row, f"{row}" * 30, None) for row in range(1, 20_001)]


async def test_the_first_error_ends_it_and_the_link_is_good_for_more(
    mariadb: MariaDb, database: str, scheme: str
) -> None:
    async with linked(mariadb.url(database, scheme)) as link:
        await link.send([b"CREATE TEMPORARY TABLE t (id INT PRIMARY KEY)"])
        with pytest.raises(Unstorable):
            await link.send(
                [
                    b"START TRANSACTION",
                    b"INSERT INTO t VALUES (1)",
                    b"SELECT id FROM t",
                    b"INSERT INTO t VALUES (1)",
                    b"INSERT INTO t VALUES (2)",
                ]
            )
        assert link.alive
        assert link.in_transaction
        with pytest.raises(Failed, match="nonsense") as failed:
            await link.send([b"SELECT 1", b"nonsense"])
        assert not isinstance(failed.value, Lost)
        (result, _) = await link.send([b"SELECT id FROM t", b"COMMIT"])
        assert list(result.rows) == [(1,)]
        assert not link.in_transaction


async def test_a_file_of_this_machine_is_not_given(mariadb: MariaDb, database: str, scheme: str) -> None:
    async with linked(mariadb.url(database, scheme)) as link:
        with pytest.raises(Failed):
            await link.send(
                [b"CREATE TEMPORARY TABLE t (a TEXT)", b"LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE t"]
            )


async def test_a_server_that_hangs_up_is_noticed_while_nothing_is_asked(
    mariadb: MariaDb, database: str, scheme: str
) -> None:
    async with linked(mariadb.url(database, scheme)) as link:
        ((ident,),) = (await link.send([b"SELECT CONNECTION_ID()"]))[0].rows
        mariadb.execute(f"KILL {ident}")
        await wait_until(lambda: not link.alive, "the end of the connection")
        with pytest.raises(Lost):
            await link.send([b"SELECT 1"])


async def test_a_server_that_hangs_up_is_noticed_by_who_waits(mariadb: MariaDb, database: str, scheme: str) -> None:
    async with linked(mariadb.url(database, scheme)) as link:
        ((ident,),) = (await link.send([b"SELECT CONNECTION_ID()"]))[0].rows
        waiting = asyncio.ensure_future(link.send([b"SELECT SLEEP(30)"]))
        await wait_until(
            lambda: mariadb.execute(
                f"SELECT 1 FROM information_schema.processlist WHERE id = {ident} AND info LIKE '%SLEEP%'"
            ),
            "the query",
        )
        await asyncio.to_thread(mariadb.execute, f"KILL {ident}")
        with pytest.raises(Lost):
            await waiting
        assert not link.alive


async def test_who_stops_waiting_breaks_it_off(mariadb: MariaDb, database: str, scheme: str) -> None:
    async with linked(mariadb.url(database, scheme)) as link:
        waiting = asyncio.ensure_future(link.send([b"SELECT SLEEP(30)"]))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not link.alive
        with pytest.raises(Lost):
            await link.send([b"SELECT 1"])


async def test_a_server_that_speaks_without_being_asked_is_not_listened_to(mariadb: MariaDb, database: str) -> None:
    async with linked_by(mariadb, database) as (proxy, link):
        proxy.say(STALE)
        await wait_until(lambda: not link.alive, "the end of the connection")


async def test_an_answer_out_of_order_is_no_answer(mariadb: MariaDb, database: str) -> None:
    async with linked_by(mariadb, database) as (proxy, link):
        waiting = asyncio.ensure_future(link.send([b"SELECT SLEEP(30)"]))
        await asyncio.sleep(0)
        proxy.say(STALE[:3] + b"\5" + STALE[4:])
        with pytest.raises(Lost, match="out of order"):
            await waiting
        assert not link.alive
