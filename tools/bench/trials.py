"""What is measured once and held against a wish: start-up, migrations, a crowd, a storm, a library, a week away."""

from __future__ import annotations

import socket
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tools.bench.client import Client, timed
from tools.bench.curves import LENGTHS, Bench
from tools.bench.filler import LIMITS
from tools.bench.load import Load, Seat
from tools.bench.rows import idle, members_of_many, seated
from tools.bench.systems import Nodes, cpu_seconds, memory, settled
from tools.bench.traces import compare, traces
from tools.bench.words import EACH, UNREAD, Library
from tools.bench.world import Room, World

IDLE = 10_000
SIGN_INS = 1_000
STORM = 5_000
MIGRATIONS = 1_000
WEIGHINGS = 5
"""How often they are made, and what they leave is weighed: Python takes memory from the system by the MiB, so that one
weighing in some shows a step where nothing is kept. What is kept shows in each."""
STARTS = 5
SIZE_OF_MESSAGE = "a message in the database, with its keys"
SIZE_OF_WORDS = "its ten words in search"
PAGE = 200


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure. ``most`` or ``least`` is what is wished of it."""

    name: str
    value: float
    unit: str
    most: float | None = None
    least: float | None = None

    def as_json(self) -> dict[str, Any]:
        """For the file of results."""
        made: dict[str, Any] = {"name": self.name, "value": float(f"{self.value:.4g}"), "unit": self.unit}
        if self.most is not None:
            made |= {"most": self.most, "good": self.value <= self.most}
        if self.least is not None:
            made |= {"least": self.least, "good": self.value >= self.least}
        return made


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial. ``make`` fills the database once; ``needs`` names a curve whose people it uses instead."""

    name: str
    title: str
    measure: Callable[[Nodes, Any, Bench], list[Finding]]
    make: Callable[[World], Any] | None = None
    needs: tuple[str, ...] = ()
    systems: tuple[str, ...] = ("sqlite", "mariadb")


def _start_up(system: Nodes, _: Any, bench: Bench) -> list[Finding]:
    took, used = [], []
    for _ in range(STARTS):
        system.stop()
        began = time.perf_counter()
        system.nodes[0].start(wait=False)
        while not _welcomes(system.ports[0]):
            if time.perf_counter() - began > 60:
                raise TimeoutError("the node did not listen within a minute")
            time.sleep(0.002)
        took.append(time.perf_counter() - began)
        used.append(cpu_seconds(system.programs[0]))
    return [
        Finding("from starting the process to the first welcome", statistics.median(took), "s", most=1.0),
        Finding("its CPU time until then", statistics.median(used), "s"),
    ]


def _welcomes(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            return connection.recv(64).startswith(b'{"type":"welcome"')
    except OSError:
        return False


def _make_crowd(world: World) -> tuple[list[Seat], list[Seat], list[Seat]]:
    crowd = idle(world.users("crowd", IDLE))
    talkers = seated(world.pairs(world.users("speaker", 40)), 1)
    return crowd, talkers, members_of_many(1_000, 20)(world, 1)


def _crowd(system: Nodes, seats: tuple[list[Seat], list[Seat], list[Seat]], bench: Bench) -> list[Finding]:
    crowd, talkers, comers = seats
    seconds = bench.seconds * 3
    before = settled(lambda: memory(system.programs[0]))
    with Load("hold", crowd, system, bench.folder, warm=0, seconds=600) as held:
        began = time.perf_counter()
        held.wait_held()
        all_there = time.perf_counter() - began
        weight = (memory(system.programs[0]) - before) / len(crowd)
        with (
            Load("talk", talkers, system, bench.folder, warm=1, seconds=seconds) as talk,
            Load("signin", comers, system, bench.folder, warm=1, seconds=seconds, window=200, size=SIGN_INS) as signing,
        ):
            signed, talked = signing.result(), talk.result()
    return [
        Finding("connections held", len(crowd), "", least=IDLE),
        Finding("memory of one of them", weight / 1024, "KiB"),
        Finding("signing all of them in", all_there, "s"),
        Finding("sign-ins meanwhile, of 1,000 begun a second", signed.sign_ins / signed.seconds, "/s", least=990),
        Finding("a sign-in, p50", signed.p50 / 1000, "ms"),
        Finding("a sign-in, p99", signed.p99 / 1000, "ms"),
        Finding("messages meanwhile, 20 pairs", talked.messages / talked.seconds, "/s"),
        Finding("a message, p50", talked.p50 / 1000, "ms"),
        Finding("a message, p99", talked.p99 / 1000, "ms"),
    ]


def _make_storm(world: World) -> tuple[list[Seat], list[Seat]]:
    talkers = [
        Seat(seat.token, seat.conv, seat.sends, seat.node + 1)
        for seat in seated(world.pairs(world.users("steady", 100)), 2)
    ]
    users = world.users("stormy", STORM)
    world.groups("stormy", STORM // 2, 10, users)
    return talkers, [Seat(user.token, -number - 1, node=0, other=1 + number % 2) for number, user in enumerate(users)]


def _storm(system: Nodes, seats: tuple[list[Seat], list[Seat]], bench: Bench) -> list[Finding]:
    system.start()
    talkers, stormers = seats
    with Load("storm", [*talkers, *stormers], system, bench.folder, warm=1, seconds=90) as load:
        load.wait_held()
        time.sleep(1 + bench.seconds)
        system.nodes[0].kill()
        told = load.rest().told
    system.start()
    return [
        Finding("connections that lost their node", told["lost"], "", least=STORM),
        Finding("until all are signed in at the others", told["back_us"] / 1e6, "s"),
        Finding("one of them, p50", told["return_p50_us"] / 1e6, "s"),
        Finding("one of them, p99", told["return_p99_us"] / 1e6, "s"),
        Finding("a message before, 50 pairs, p50", told["p50_us"] / 1000, "ms"),
        Finding("a message before, p99", told["p99_us"] / 1000, "ms"),
        Finding("messages meanwhile", told["messages_during"] / max(told["back_us"] / 1e6, 1e-6), "/s", least=1),
        Finding("a message meanwhile, p50", told["during_p50_us"] / 1000, "ms"),
        Finding("a message meanwhile, p99", told["during_p99_us"] / 1000, "ms"),
        Finding("the slowest message meanwhile", told["during_max_us"] / 1000, "ms"),
    ]


def _make_migrant(world: World) -> str:
    users = world.users("migrant", 20)
    world.groups("migrant", 20, 20, users)
    world.pairs(users)
    return users[0].token


def _migrations(system: Nodes, token: str, bench: Bench) -> list[Finding]:
    """One who always signs in at the other node before they leave this one."""
    system.start()

    def migrate(times: int) -> float:
        at: Client | None = None
        began = time.perf_counter()
        for number in range(times):
            there = Client(system.ports[number % 2])
            there.resume(token)
            if at is not None:
                at.close()
            at = there
        took = time.perf_counter() - began
        if at is not None:
            at.close()
        return took

    def weigh() -> tuple[int, int]:
        first, second = system.programs[:2]
        return settled(lambda: memory(first)), settled(lambda: memory(second))

    # What a node makes once is no trace, nor what it remembers up to a bound, like the forms of statements.
    migrate(MIGRATIONS * 4)
    # Longer than a user stays seen after the last connection is gone.
    still = {"still": LIMITS.presence_grace + 3, "patience": 90.0}
    before = settled(lambda: traces(system), **still)
    weights = [weigh()]
    took = 0.0
    for _ in range(WEIGHINGS):
        took += migrate(MIGRATIONS)
        weights.append(weigh())
    differences = settled(lambda: compare(before, traces(system)), **still)
    grown = [statistics.median(after[n] - earlier[n] for earlier, after in pairwise(weights)) for n in (0, 1)]
    if differences:
        print("  traces: " + "; ".join(differences), flush=True)
    return [
        Finding("migrations", MIGRATIONS * WEIGHINGS / took, "/s"),
        Finding("traces left in Redis and the nodes' gauges", len(differences), "", most=0),
        Finding("growth of the first node's memory, median of five times", grown[0] / 1024, "KiB", most=256),
        Finding("growth of the second node's memory", grown[1] / 1024, "KiB", most=256),
    ]


def _library(system: Nodes, made: Mapping[str, Any], bench: Bench) -> list[Finding]:
    histories: dict[int, Room] = made["history"]
    library: Library = made["search"]
    system.start()
    longest = histories[max(LENGTHS)]
    with Client(system.ports[0]) as client:
        client.resume(longest.members[0].token)

        def page(**where: int) -> float:
            return _median(lambda: timed(client, "history.get", conv=longest.conv, limit=PAGE, **where)[0], times=40)

        newest, middle, oldest = page(), page(around=longest.head // 2), page(after=1)
    with Client(system.ports[0]) as client:
        client.resume(library.token)

        def search(query: str, **where: int) -> float:
            return _median(lambda: timed(client, "search.messages", query=query, limit=20, **where)[0], times=10)

        rarest = search(library.rare[1])
        both = search(" ".join(library.common))
        rare_and_common = search(f"{library.rare[10_000]} {library.common[0]}")
        never = search("unsaid")
        within = search(library.rare[10_000], conv=library.rooms[0].conv)
    return [
        Finding(f"a page of {PAGE} from a million messages: the newest", newest, "ms"),
        Finding("in the middle", middle, "ms"),
        Finding("the oldest", oldest, "ms"),
        Finding("words to search", library.words, "", least=10_000_000),
        Finding("search: a word said once", rarest, "ms"),
        Finding("search: two words that most messages have", both, "ms"),
        Finding("search: a rarer and a common word", rare_and_common, "ms"),
        Finding("search: a word never said", never, "ms"),
        Finding("search: within one conversation", within, "ms"),
        *_return(system, library),
        *_sizes(system, len(library.rooms)),
    ]


def _sizes(system: Nodes, groups: int) -> list[Finding]:
    """What messages take on the disk, by MariaDB's own account; of SQLite's file one cannot tell what is whose."""
    if system.mariadb is None:
        return []
    sizes = {
        str(table): int(str(data)) + int(str(keys))
        for table, data, keys in system.mariadb.execute(
            "SELECT table_name, data_length, index_length FROM information_schema.tables WHERE table_schema = 'mariadb'"
        )
    }
    ((messages,),) = system.mariadb.execute("SELECT MAX(id) FROM body", "mariadb")
    return [
        Finding(SIZE_OF_MESSAGE, (sizes["entry"] + sizes["body"]) / int(str(messages)), "bytes"),
        Finding(SIZE_OF_WORDS, sizes["search_token"] / (groups * EACH), "bytes"),
    ]


def _return(system: Nodes, library: Library) -> list[Finding]:
    """The reader of 500 groups signs in, and comes back after a week away."""
    signing = _median(lambda: _sign_in(system, library.token), times=10)
    cursors = {room.conv: room.head - UNREAD for room in library.rooms}
    began = time.perf_counter()
    with Client(system.ports[0]) as client:
        ready = client.resume(library.token, cursors)
        took = time.perf_counter() - began
        at_once = sum(len(missed["entries"]) for missed in ready["missed"])
        fetched = at_once
        told = {missed["conv"]: missed["entries"] for missed in ready["missed"]}
        for room in library.rooms:
            after = cursors[room.conv]
            upto = told[room.conv][0]["seq"] - 1 if told.get(room.conv) else room.head
            while after < upto:
                entries = client.ask("history.get", conv=room.conv, after=after, limit=PAGE)["entries"]
                fetched += sum(entry["seq"] <= upto for entry in entries)
                after = entries[-1]["seq"]
        whole = time.perf_counter() - began
        received = client.received
    missed_in_all = UNREAD * len(library.rooms)
    return [
        Finding(f"sign-in of a user with {len(library.rooms)} groups", signing, "ms"),
        Finding("resume after a week: until session.ready", took * 1000, "ms"),
        Finding("entries in it", at_once, ""),
        Finding("until every missed entry is there", whole, "s"),
        Finding("missed entries", fetched, "", least=missed_in_all),
        Finding("bytes of all that", received / 2**20, "MiB"),
    ]


def _sign_in(system: Nodes, token: str) -> float:
    began = time.perf_counter()
    with Client(system.ports[0]) as client:
        beginning = client.resume(token)
        while beginning.get("more"):
            beginning = client.ask("conversation.list", after=beginning["conversations"][-1]["conv"], limit=PAGE)
        return (time.perf_counter() - began) * 1000


def _median(measure: Callable[[], float], times: int) -> float:
    return statistics.median(measure() for _ in range(times))


_BIG = ("history", "search")

TRIALS = [
    Trial("start-up", "Start-up on a database of two million messages", _start_up, needs=_BIG),
    Trial("library", "A library of ten million words", _library, needs=_BIG),
    Trial("crowd", "10,000 connections", _crowd, _make_crowd),
    Trial("migrations", "1,000 migrations of one user", _migrations, _make_migrant, systems=("mariadb-3",)),
    Trial("storm", "5,000 clients after a node's death", _storm, _make_storm, systems=("mariadb-3",)),
]
