"""The measurements. Each row makes its people, starts a system and puts a load on it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from mrccsc_server.ports import Store
from tools.bench import world
from tools.bench.systems import System, compiled, cpu_seconds, memory
from tools.bench.world import Room, User

SIZE = 64
"""Bytes of a text."""

Mode = Literal["talk", "signin", "hold"]


@dataclass(frozen=True, slots=True)
class Seat:
    """One connection of the load: who, in which conversation, whether they send, and at which node."""

    token: str
    conv: int
    sends: bool
    node: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. ``figure`` is what its result is called; ``per`` is what a second is counted in."""

    name: str
    title: str
    mode: Mode
    seats: Callable[[Store], Any]
    figure: Literal["messages", "deliveries", "sign_ins", "bytes"] = "messages"
    window: int = 1
    nodes: int = 1
    relay: Callable[[], list[Seat]] | None = None
    """The same load for the relay, where it can carry it."""


@dataclass(slots=True)
class Result:
    """What one round of a row gave. Rates are a second, times in microseconds, ``cpu`` in seconds by program."""

    rate: float
    p50: int = 0
    p99: int = 0
    cpu: dict[str, float] = field(default_factory=dict)
    messages: int = 0

    def as_json(self) -> dict[str, Any]:
        """For the file of results."""
        return asdict(self)


def seated(rooms: Iterable[Room], *, nodes: int = 1, only_senders: bool = False) -> list[Seat]:
    """The first member of each room sends, the others read, spread over the nodes in turn."""
    return [
        Seat(user.token, room.conv, place == 0, place % nodes)
        for room in rooms
        for place, user in enumerate(room.members[:1] if only_senders else room.members)
    ]


def relay_rooms(count: int, size: int) -> list[Seat]:
    """Rooms as the relay knows them: the token is the room."""
    return [Seat(f"r{room}", room, place == 0) for room in range(1, count + 1) for place in range(size)]


def pairs(count: int, *, nodes: int = 1, only_senders: bool = False) -> Callable[[Store], Any]:
    """Direct conversations of people who do nothing else."""

    async def make(store: Store) -> list[Seat]:
        users = await world.make_users(store, "pair", count * 2)
        rooms = await world.make_pairs(store, users)
        return seated(rooms, nodes=nodes, only_senders=only_senders)

    return make


def groups(count: int, size: int, *, nodes: int = 1) -> Callable[[Store], Any]:
    """Groups of people who are in no other."""

    async def make(store: Store) -> list[Seat]:
        users = await world.make_users(store, "member", count * size)
        return seated(await world.make_groups(store, "group", count, size, users), nodes=nodes)

    return make


def members_of_many(users: int, each: int, size: int = 10) -> Callable[[Store], Any]:
    """People who sign in, each in so many groups."""

    async def make(store: Store) -> list[Seat]:
        people = await world.make_users(store, "comer", users)
        await world.make_groups(store, "group", users * each // size, size, people)
        return [Seat(user.token, number, sends=False) for number, user in enumerate(people)]

    return make


def idlers(count: int) -> Callable[[Store], Any]:
    """People in no conversation at all."""

    async def make(store: Store) -> list[Seat]:
        people: Sequence[User] = await world.make_users(store, "idler", count)
        return [Seat(user.token, number, sends=False) for number, user in enumerate(people)]

    return make


ROWS = [
    Row("pairs", "1:1, 100 pairs", "talk", pairs(100), relay=lambda: relay_rooms(100, 2)),
    Row("pairs-16", "1:1, 100 pairs, 16 in flight", "talk", pairs(100), window=16, relay=lambda: relay_rooms(100, 2)),
    Row("pair", "1:1, one pair (latency when idle)", "talk", pairs(1), relay=lambda: relay_rooms(1, 2)),
    Row("across", "1:1 across two nodes, 100 pairs", "talk", pairs(100, nodes=2), nodes=2),
    Row("offline", "to offline users, 100 senders, 16 in flight", "talk", pairs(100, only_senders=True), window=16),
    Row("groups-5x100", "5 groups of 100", "talk", groups(5, 100), "deliveries", 4, relay=lambda: relay_rooms(5, 100)),
    Row("groups-50x10", "50 groups of 10", "talk", groups(50, 10), "deliveries", 4, relay=lambda: relay_rooms(50, 10)),
    Row("group-500", "1 group of 500", "talk", groups(1, 500), "deliveries", 4, relay=lambda: relay_rooms(1, 500)),
    Row("signin", "sign-ins by token, 20 conversations each", "signin", members_of_many(400, 20), "sign_ins", 32),
    Row("idle", "memory of an idle signed-in connection", "hold", idlers(2_000), "bytes"),
]


def measure(row: Row, system: System, seats: Sequence[Seat], folder: Path, *, warm: float, seconds: float) -> Result:
    """One round of a row. Ends the program when the load was refused anything: such a figure means nothing."""
    plan = folder / f"{row.name}.users"
    plan.write_text(
        "".join(f"{seat.token} {seat.conv} {int(seat.sends)} {system.ports[seat.node]}\n" for seat in seats)
    )
    command = [
        compiled("load", folder), row.mode, "127.0.0.1", system.ports[0], plan, warm, seconds, row.window, SIZE,
    ]  # fmt: skip
    before = {program.name: cpu_seconds(program) for program in system.programs}
    weight = memory(system.programs[0])
    load = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, text=True)
    assert load.stdout is not None
    if row.mode == "hold":
        load.stdout.readline()
        time.sleep(1)
        grown = memory(system.programs[0]) - weight
        load.kill()
        load.wait()
        return Result(rate=grown / len(seats))
    lines = load.stdout.read().splitlines()
    if load.wait() != 0:
        raise SystemExit(f"{row.name} on {system.name}: the load was refused or cut; see above. {lines}")
    told = json.loads(lines[-1])
    cpu = {program.name: cpu_seconds(program) - before[program.name] for program in system.programs}
    rate = told[row.figure] / told["seconds"]
    return Result(rate, told["p50_us"], told["p99_us"], cpu, told["messages"])
