"""The rows of the table: each makes its people and puts one load on every system."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tools.bench.load import Load, LoadError, Mode, Result, Seat, run
from tools.bench.systems import RELAYS, STORING_RELAYS, Nodes, System, memory, settled
from tools.bench.world import Room, User, World

Figure = Literal["messages", "deliveries", "sign_ins", "bytes"]

NODES = ("sqlite", "mariadb", "mariadb-2")
ALL = (*RELAYS, *STORING_RELAYS, *NODES)
ONE_NODE = ("sqlite", "mariadb")

FIRST = 500
"""Connections that are there before memory is weighed."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. ``make`` seats people on so many nodes; ``relay`` seats the same load at a relay."""

    name: str
    title: str
    mode: Mode
    make: Callable[[World, int], list[Seat]]
    relay: Callable[[], list[Seat]] | None
    figure: Figure = "messages"
    window: int = 1
    systems: tuple[str, ...] = (*RELAYS, *NODES)
    quick: bool = True
    """Whether it is measured in a hurry too."""


def seated(rooms: Iterable[Room], nodes: int, *, only_senders: bool = False) -> list[Seat]:
    """The first member of each room sends, the others read. Those of one room are spread over the nodes in turn, and
    each room begins at the next node.
    """
    return [
        Seat(user.token, room.conv, place == 0, (place + number) % nodes)
        for number, room in enumerate(rooms)
        for place, user in enumerate(room.members[:1] if only_senders else room.members)
    ]


def idle(users: Sequence[User], nodes: int = 1) -> list[Seat]:
    """People who only hold a connection, over the nodes in turn."""
    return [Seat(user.token, place, node=place % nodes) for place, user in enumerate(users)]


def relay_rooms(count: int, size: int) -> Callable[[], list[Seat]]:
    """Rooms as the relays know them: the token is the room."""
    return lambda: [Seat(f"r{room}", room, place == 0) for room in range(1, count + 1) for place in range(size)]


def pairs(count: int, name: str, *, only_senders: bool = False) -> Callable[[World, int], list[Seat]]:
    """Direct conversations of people who do nothing else."""

    def make(world: World, nodes: int) -> list[Seat]:
        return seated(world.pairs(world.users(name, count * 2)), nodes, only_senders=only_senders)

    return make


def groups(count: int, size: int) -> Callable[[World, int], list[Seat]]:
    """Groups of people who are in no other."""

    def make(world: World, nodes: int) -> list[Seat]:
        name = f"of{count}x{size}"
        return seated(world.groups(name, count, size, world.users(name, count * size)), nodes)

    return make


def members_of_many(users: int, each: int, size: int = 10) -> Callable[[World, int], list[Seat]]:
    """People who sign in, each in so many groups."""

    def make(world: World, nodes: int) -> list[Seat]:
        people = world.users("comer", users)
        world.groups("many", users * each // size, size, people)
        return idle(people, nodes)

    return make


ROWS = [
    Row("pairs", "1:1, 100 pairs", "talk", pairs(100, "pair"), relay_rooms(100, 2), systems=ALL),
    Row(
        "pairs-16", "1:1, 100 pairs, 16 in flight", "talk", pairs(100, "deep"), relay_rooms(100, 2), window=16,
        systems=ALL,
    ),
    Row("pair", "1:1, one pair, the machine idle", "talk", pairs(1, "lone"), relay_rooms(1, 2), systems=ALL),
    Row(
        "offline", "to offline users, 100 senders, 16 in flight", "talk", pairs(100, "alone", only_senders=True),
        relay_rooms(100, 1), window=16,
    ),
    Row("groups-5x100", "5 groups of 100", "talk", groups(5, 100), relay_rooms(5, 100), "deliveries", 4),
    Row("groups-50x10", "50 groups of 10", "talk", groups(50, 10), relay_rooms(50, 10), "deliveries", 4, quick=False),
    Row("group-500", "1 group of 500", "talk", groups(1, 500), relay_rooms(1, 500), "deliveries", 4, quick=False),
    Row(
        "signin", "sign-ins by token, user with 20 conversations", "signin", members_of_many(400, 20),
        relay_rooms(400, 1), "sign_ins", 32,
    ),
    Row(
        "memory", "memory of an idle signed-in connection", "hold",
        lambda world, nodes: idle(world.users("quiet", FIRST + 2_000), nodes), None, "bytes", systems=ONE_NODE,
    ),
]  # fmt: skip


def figure(row: Row, result: Result) -> float:
    """The one figure of a round: a rate a second, or bytes of one connection."""
    if row.figure == "bytes":
        return result.told["bytes"] / result.told["held"]  # type: ignore[no-any-return]
    return getattr(result, row.figure) / result.seconds  # type: ignore[no-any-return]


def measure(row: Row, system: System, seats: Sequence[Seat], folder: Path, *, warm: float, seconds: float) -> Result:
    """One round of a row. Raises :class:`LoadError`."""
    if row.mode == "hold":
        return weigh(system, seats, folder)
    size = 0 if row.mode == "signin" else 64
    result = run(row.mode, seats, system, folder, warm=warm, seconds=seconds, window=row.window, size=size)
    if not figure(row, result):
        raise LoadError("nothing arrived")
    return result


def weigh(system: System, seats: Sequence[Seat], folder: Path) -> Result:
    """What a fresh node's memory grows by with all but the first connections, which pay for what is made once."""
    assert isinstance(system, Nodes)
    system.restart()
    with Load("hold", seats[:FIRST], system, folder, warm=0, seconds=120) as first:
        first.wait_held()
        before = settled(lambda: memory(system.programs[0]))
        with Load("hold", seats[FIRST:], system, folder, warm=0, seconds=120) as others:
            others.wait_held()
            grown = settled(lambda: memory(system.programs[0])) - before
    return Result(seconds=1, told={"bytes": grown, "held": len(seats) - FIRST})
