"""How cost grows: one quantity at a time, from small to as large as the server allows."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tools.bench.client import Client, timed
from tools.bench.load import Load, Result, Seat, run
from tools.bench.rows import seated
from tools.bench.systems import Nodes, System, cpu_seconds, memory, settled
from tools.bench.words import WORDS, make_library
from tools.bench.world import Room, World

Expect = Literal["flat", "linear"]

TOLERANCE = {"flat": 0.25, "linear": 1.15}
"""The growth exponent up to which a curve is as expected: y ~ x^exponent over its upper half. Flat leaves room for the
depth of trees and caches that are outgrown, linear for noise.
"""

FRIENDLY = 1.5
"""A curve whose last point costs at most so many times its first is flat, whatever its exponent."""


@dataclass(frozen=True, slots=True)
class Series:
    """One measured quantity of a curve; what it must touch grows ``expect``."""

    name: str
    unit: str
    expect: Expect


@dataclass(slots=True)
class Bench:
    """How long to measure, and where files go."""

    folder: Path
    warm: float = 0.5
    seconds: float = 2.0
    cache: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Curve:
    """One curve. ``make`` fills the database once, ``point`` measures at one x what the series name."""

    name: str
    title: str
    x: str
    xs: tuple[int, ...]
    series: tuple[Series, ...]
    make: Callable[[World], Any]
    point: Callable[[System, Any, int, Bench], dict[str, float]]
    systems: tuple[str, ...] = ("sqlite", "mariadb")


def verdict(series: Series, points: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """The growth exponent over the upper half of a curve, by least squares of the logarithms, and whether that is as
    expected.
    """
    upper = [(math.log(x), math.log(y)) for x, y in points[len(points) // 2 - (len(points) > 2) :] if y > 0]
    if len(upper) < 2:
        return {"exponent": None, "good": True}
    mean_x, mean_y = (statistics.mean(part) for part in zip(*upper, strict=True))
    exponent = sum((x - mean_x) * (y - mean_y) for x, y in upper) / sum((x - mean_x) ** 2 for x, _ in upper)
    growth = points[-1][1] / points[0][1] if points[0][1] else math.inf
    good = exponent <= TOLERANCE[series.expect] or (series.expect == "flat" and growth <= FRIENDLY)
    return {"exponent": round(exponent, 3), "growth": round(growth, 2), "good": good}


def _node_cpu(result: Result, units: int) -> float:
    """Microseconds of the nodes' time for one unit."""
    return sum(seconds for name, seconds in result.cpu.items() if name.startswith("node")) * 1e6 / max(units, 1)


def _talk(system: System, seats: Sequence[Seat], bench: Bench, **settings: int) -> Result:
    return run("talk", seats, system, bench.folder, warm=bench.warm, seconds=bench.seconds, **settings)


MEMBERS = (2, 10, 50, 200, 1_000, 5_000)


def _make_members(world: World) -> dict[int, Room]:
    users = world.users("one", max(MEMBERS))
    return {size: world.group(f"of {size}", users[:size]) for size in MEMBERS}


def _point_members(system: System, rooms: dict[int, Room], x: int, bench: Bench) -> dict[str, float]:
    result = _talk(system, seated([rooms[x]], 1), bench, window=4)
    return {"cpu": _node_cpu(result, result.messages), "latency": result.p50 / 1000}


SIZES = (16, 64, 256, 1_024, 4_096, 8_192)


def _make_pairs(world: World) -> list[Room]:
    return world.pairs(world.users("two", 200))


def _point_size(system: System, rooms: list[Room], x: int, bench: Bench) -> dict[str, float]:
    result = _talk(system, seated(rooms, 1), bench, size=x)
    return {"cpu": _node_cpu(result, result.messages), "latency": result.p50 / 1000}


GROUPS = (1, 10, 50, 100, 200, 500)


def _make_memberships(world: World) -> dict[int, str]:
    """One user in the first x of 500 groups, for each x; every group has five others."""
    users = {x: world.users(f"in-{x}", 1)[0] for x in GROUPS}
    others = world.users("other", 5)
    for number in range(max(GROUPS)):
        world.group(f"group {number}", [*others, *(user for x, user in users.items() if x > number)], ["Hello."] * 20)
    return {x: user.token for x, user in users.items()}


def _point_memberships(system: System, tokens: dict[int, str], x: int, bench: Bench) -> dict[str, float]:
    took = []
    before = cpu_seconds(system.programs[0])
    repeats = 40 if x <= 100 else 20
    for _ in range(repeats):
        began = time.perf_counter()
        with Client(system.ports[0]) as client:
            beginning = client.resume(tokens[x])
            while beginning.get("more"):
                after = beginning["conversations"][-1]["conv"]
                beginning = client.ask("conversation.list", after=after, limit=200)
            took.append((time.perf_counter() - began) * 1000)
    cpu = (cpu_seconds(system.programs[0]) - before) * 1e6 / repeats
    return {"latency": statistics.median(took), "cpu": cpu}


LENGTHS = (1_000, 10_000, 100_000, 1_000_000)


def _make_histories(world: World) -> dict[int, Room]:
    users = world.users("old", 2)
    return {
        length: world.group(f"of {length}", users, (f"Number {number}." for number in range(length)))
        for length in LENGTHS
    }


def _point_history(system: System, rooms: dict[int, Room], x: int, bench: Bench) -> dict[str, float]:
    room = rooms[x]
    result = _talk(system, seated([room], 1), bench)
    with Client(system.ports[0]) as client:
        client.resume(room.members[0].token)
        end = [timed(client, "history.get", conv=room.conv, limit=50)[0] for _ in range(60)]
        middle = [
            timed(client, "history.get", conv=room.conv, around=room.head // 2 + number, limit=50)[0]
            for number in range(60)
        ]
    return {"append": result.p50 / 1000, "end": statistics.median(end), "middle": statistics.median(middle)}


CONNECTIONS = (10, 100, 1_000, 10_000)


def _make_connections(world: World) -> list[Seat]:
    talkers = seated(world.pairs(world.users("talker", 10)), 1)
    return [*talkers, *(Seat(user.token, -1 - number) for number, user in enumerate(world.users("idler", 10_000)))]


def _point_connections(system: System, seats: list[Seat], x: int, bench: Bench) -> dict[str, float]:
    if x == max(CONNECTIONS):
        # Memory that earlier points have given back to the allocator would hide what connections take.
        system.restart()
    before = settled(lambda: memory(system.programs[0]))
    if x == min(CONNECTIONS):
        result = _talk(system, seats[:x], bench)
        return {"latency": result.p50 / 1000, "cpu": _node_cpu(result, result.messages)}
    with Load("hold", seats[10:x], system, bench.folder, warm=0, seconds=600) as load:
        load.wait_held()
        held = memory(system.programs[0]) - before
        result = _talk(system, seats[:10], bench)
    point = {"latency": result.p50 / 1000, "cpu": _node_cpu(result, result.messages)}
    return {**point, "memory": held / (x - 10) / 1024} if x == max(CONNECTIONS) else point


def _make_spread(world: World) -> tuple[list[Room], list[Room]]:
    return world.pairs(world.users("apart", 200)), world.groups("wide", 10, 30, world.users("wide", 300))


def _point_nodes(system: System, rooms: tuple[list[Room], list[Room]], x: int, bench: Bench) -> dict[str, float]:
    assert isinstance(system, Nodes)
    system.stop()
    for node in system.nodes[:x]:
        node.start()
    pairs = _talk(system, seated(rooms[0], x), bench)
    groups = _talk(system, seated(rooms[1], x), bench, window=4)
    return {
        "pairs": sum(pairs.cpu.values()) * 1e6 / pairs.messages,
        "groups": sum(groups.cpu.values()) * 1e6 / groups.messages,
        "latency": pairs.p50 / 1000,
    }


def _point_search(system: System, library: Any, x: int, bench: Bench) -> dict[str, float]:
    with Client(system.ports[0]) as client:
        client.resume(library.token)
        took = [timed(client, "search.messages", query=library.rare[x], limit=20)[0] for _ in range(20)]
    return {"latency": statistics.median(took)}


_CPU = Series("cpu", "µs of the node's CPU per message", "linear")

CURVES = [
    Curve(
        "members", "Members of a group, all connected", "members", MEMBERS,
        (_CPU, Series("latency", "ms until the last of them has it, 4 in flight", "linear")),
        _make_members, _point_members,
    ),
    Curve(
        "size", "Size of a message, 100 pairs", "bytes", SIZES,
        (_CPU, Series("latency", "ms, p50", "linear")), _make_pairs, _point_size,
    ),
    Curve(
        "conversations", "Conversations of a user who signs in", "conversations", GROUPS,
        (
            Series("latency", "ms from connecting until all are there", "linear"),
            Series("cpu", "µs of the node's CPU per sign-in", "linear"),
        ),
        _make_memberships, _point_memberships,
    ),
    Curve(
        "history", "Length of a conversation", "entries", LENGTHS,
        (
            Series("append", "ms of a message, p50, one pair", "flat"),
            Series("end", "ms of the newest 50 entries", "flat"),
            Series("middle", "ms of 50 entries in the middle", "flat"),
        ),
        _make_histories, _point_history,
    ),
    Curve(
        "connections", "Connections, ten of which talk", "connections", CONNECTIONS,
        (
            Series("latency", "ms of a message, p50, five pairs", "flat"),
            Series("cpu", "µs of the node's CPU per message", "flat"),
            Series("memory", "KiB of the node's memory per connection", "flat"),
        ),
        _make_connections, _point_connections,
    ),
    Curve(
        "nodes", "Nodes on the same two cores", "nodes", (1, 2, 3),
        (
            Series("pairs", "µs of CPU of all programs per message, 100 pairs", "linear"),
            Series("groups", "µs of CPU of all programs per message, 10 groups of 30", "linear"),
            Series("latency", "ms, p50, 100 pairs", "linear"),
        ),
        _make_spread, _point_nodes, systems=("mariadb-3",),
    ),
    Curve(
        "search", "How often a word was said, among ten million words", "messages with it", WORDS,
        (Series("latency", "ms of the newest 20 of them", "flat"),),
        make_library, _point_search,
    ),
]  # fmt: skip
