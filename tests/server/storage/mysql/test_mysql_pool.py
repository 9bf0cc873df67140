"""Connections: few, taken in turn, none that is dead, none for ever."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from mrccsc_server.storage.database import Reader
from mrccsc_server.storage.mysql.database import MysqlDatabase
from mrccsc_server.storage.mysql.link import IDLE_TIME, Link, connect
from mrccsc_server.storage.mysql.pool import Pool
from mrccsc_server.storage.mysql.url import Address, parse
from mrccsc_shared.errors import ErrorCode
from mrccsc_shared.limits import Limits
from tests.server.storage.mysql.conftest import Raw, run
from tests.server.storage.scene import code_of
from tests.waiting import wait_until
from tools.cluster.mariadb import MariaDb


def address(url: str, pool: int = 8) -> Address:
    return parse(urlsplit(f"{url}?pool={pool}"))


async def ident(reader: Reader) -> int:
    return (await reader.rows("SELECT CONNECTION_ID()"))[0][0]


async def opened_database(url: str, limits: Limits | None = None, pool: int = 8) -> MysqlDatabase:
    database = MysqlDatabase(address(url, pool), limits or Limits())
    await database.open()
    return database


async def test_there_are_only_so_many_connections_and_who_came_first_is_first(url: str, mariadb: MariaDb) -> None:
    database = await opened_database(url, pool=3)
    order: list[int] = []

    async def ask(number: int) -> int:
        async def work(reader: Reader) -> int:
            order.append(number)
            await reader.rows("SELECT SLEEP(0.01)")
            return await ident(reader)

        return await database.read(work)

    used = await asyncio.gather(*map(ask, range(30)))
    await database.close()
    assert len(set(used)) == 3
    assert sorted(order[:3]) == [0, 1, 2], "whose connections are opened at the same time"
    assert order[3:] == list(range(3, 30))


async def test_a_connection_that_was_killed_is_not_noticed(url: str, mariadb: MariaDb) -> None:
    database = await opened_database(url)
    for _ in range(3):
        killed = await database.read(ident)
        mariadb.execute(f"KILL {killed}")
        assert await database.read(ident) != killed
    await database.close()


async def test_a_query_that_is_killed_is_run_again(url: str, mariadb: MariaDb) -> None:
    database = await opened_database(url)
    tries: list[int] = []

    async def work(reader: Reader) -> int:
        tries.append(await ident(reader))
        await reader.rows("SELECT SLEEP(?)", 30 if len(tries) == 1 else 0)
        return len(tries)

    reading = asyncio.ensure_future(database.read(work))
    await wait_until(lambda: tries, "the query")
    await asyncio.to_thread(mariadb.execute, f"KILL {tries[0]}")
    assert await reading == 2
    await database.close()


async def test_idle_connections_take_leave(url: str) -> None:
    moment = 0.0
    made: list[Link] = []

    async def make() -> Link:
        made.append(await connect(address(url), 5))
        return made[-1]

    pool = Pool(make, 4, monotonic=lambda: moment)
    async with pool.link() as first, pool.link() as second:
        assert first is not second
    async with pool.link() as again:
        assert again is made[0], "the one used last"
    moment += IDLE_TIME / 2
    async with pool.link() as again:
        assert again is made[0]
    moment += IDLE_TIME / 2
    async with pool.link() as again:
        assert again is made[0]
    assert not made[1].alive
    moment += IDLE_TIME
    async with pool.link() as fresh:
        assert fresh is made[2]
    await pool.close()
    assert not any(link.alive for link in made)


async def test_a_transaction_that_was_left_open_is_not_passed_on(url: str) -> None:
    pool = Pool(lambda: connect(address(url), 5), 1)
    async with pool.link() as first:
        await first.send([b"START TRANSACTION"])
    async with pool.link() as second:
        assert second is not first
    await pool.close()


async def test_a_read_past_its_deadline_is_broken_off_here_and_there(url: str, raw: Raw) -> None:
    database = await opened_database(url, Limits(database_time=0.5))
    assert await code_of(database.read(lambda reader: reader.rows("SELECT SLEEP(30)"))) is ErrorCode.UNAVAILABLE
    await wait_until(
        lambda: not run(raw, "SELECT 1 FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(30)%'"),
        "the end of the query",
    )
    assert await database.read(ident)
    await database.close()


async def test_beyond_the_read_queue_reads_are_refused(url: str) -> None:
    database = await opened_database(url, Limits(read_queue=2), pool=1)
    reads = [database.read(lambda reader: reader.rows("SELECT SLEEP(0.1)")) for _ in range(5)]
    results = await asyncio.gather(*reads, return_exceptions=True)
    assert [getattr(result, "code", None) for result in results] == [None] * 3 + [ErrorCode.OVERLOADED] * 2
    assert await database.read(ident)
    await database.close()
