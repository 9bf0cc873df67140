"""The load against the relay: what it counts is what arrived."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.missing import without
from tools.bench.load import Load, LoadError, Seat, run
from tools.bench.systems import RELAYS, STORING_RELAYS, Relay
from tools.cluster.mariadb import MariaDb


class Relays(Relay):
    """Two relays as if they were two nodes of one system."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name, folder)
        other = Relay(name, folder)
        other.programs[0].name = "other"
        self.ports += other.ports
        self.programs += other.programs
        self._other = other

    def start(self) -> None:
        super().start()
        self._other.start()


@pytest.fixture(params=RELAYS)
def relays(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Relays]:
    if shutil.which("cc") is None:
        without("The load is written in C, and there is no compiler.")
    relays = Relays(request.param, tmp_path)
    relays.start()
    yield relays
    for program in relays.programs:
        program.kill()


def test_a_message_counts_once_it_is_with_all_others(relays: Relays, tmp_path: Path) -> None:
    seats = [Seat("r1", 1, sends=True), Seat("r1", 1), Seat("r1", 1), Seat("r2", 2, sends=True)]
    result = run("talk", seats, relays, tmp_path, warm=0.1, seconds=0.4, window=2)
    alone = run("talk", seats[3:], relays, tmp_path, warm=0.1, seconds=0.2)
    assert result.deliveries > 0
    assert alone.messages > 0
    assert alone.deliveries == 0
    assert 0 < result.p50 <= result.p99
    assert result.cpu[relays.name] > 0


@pytest.mark.parametrize("name", STORING_RELAYS)
def test_a_message_that_a_storing_relay_passed_on_is_stored(
    name: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if name == "relay-sqlite":
        file = tmp_path / "said.db"
        relay = Relay(name, tmp_path, f"sqlite://{file}")
    else:
        mariadb: MariaDb = request.getfixturevalue("mariadb")
        mariadb.create("relay")
        relay = Relay(name, tmp_path, mariadb.url("relay"), mariadb)
    relay.start()
    try:
        seats = [Seat("r1", 1, sends=True), Seat("r1", 1)]
        result = run("talk", seats, relay, tmp_path, warm=0, seconds=0.3, window=2)
    finally:
        relay.programs[0].kill()
    count = "SELECT COUNT(*) FROM said"
    if name == "relay-sqlite":
        with closing(sqlite3.connect(file)) as connection:
            ((stored,),) = connection.execute(count).fetchall()
    else:
        ((stored,),) = mariadb.execute(count, "relay")
    assert stored >= result.messages > 0


def test_texts_longer_than_what_is_read_at_once_arrive_whole(relays: Relays, tmp_path: Path) -> None:
    seats = [Seat("r1", 1, sends=True), Seat("r1", 1)]
    assert run("talk", seats, relays, tmp_path, warm=0.1, seconds=0.3, window=64, size=8_192).messages > 64


def test_sign_ins_are_begun_at_a_rate(relays: Relays, tmp_path: Path) -> None:
    seats = [Seat(f"r{number}", number) for number in range(1, 50)]
    result = run("signin", seats, relays, tmp_path, warm=0.1, seconds=0.5, window=20, size=100)
    free = run("signin", seats, relays, tmp_path, warm=0.1, seconds=0.5, window=20)
    # 0.6 seconds of 100 each, and the first.
    assert 0 < result.sign_ins <= 61
    assert free.sign_ins > 0


def test_a_lost_connection_is_an_error(relays: Relays, tmp_path: Path) -> None:
    with Load("talk", [Seat("r1", 1)], relays, tmp_path, warm=0, seconds=60) as load:
        load.wait_held()
        threading.Thread(target=relays.programs[0].kill).start()
        with pytest.raises(LoadError, match="cut 1 times"):
            load.rest()


def test_in_a_storm_they_come_back_at_the_other_node(relays: Relays, tmp_path: Path) -> None:
    talk = [Seat("r1", 1, sends=True, node=1), Seat("r1", 1, node=1)]
    crowd = [Seat(f"r{number}", number, node=0, other=1) for number in range(2, 302)]
    with Load("storm", [*talk, *crowd], relays, tmp_path, warm=0, seconds=60) as load:
        load.wait_held()
        threading.Thread(target=relays.programs[0].kill).start()
        told = load.rest().told
    assert told["lost"] == 300
    assert told["away"] == 0
    assert told["back_us"] >= told["return_p99_us"] * 0.95 > 0
    assert told["messages"] + told["messages_during"] > 0
