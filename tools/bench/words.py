"""A library: a million messages of ten words in 500 groups, with what search knows of them.

Word number i is in a share of the messages that falls as 1/i, as in languages; a few words of known frequency are
added.
The rows of search are made in the order of its table, which no other way of filling it would be fast enough for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from random import Random

from mrccsc_server.domain import tokens
from mrccsc_server.storage.indexing import author
from tools.bench.filler import MariaDbFiller
from tools.bench.world import Room, User, World

GROUPS = 500
EACH = 2_000
"""Messages of a group."""

UNREAD = 220
"""Messages of each group that came in the week that the reader was away."""

TOTAL = 9_100_000
"""Words beside the one that all messages begin with; with that there are ten million."""

VOCABULARY = 50_000
WORDS = (1, 100, 10_000, 100_000)
"""How many messages have the words of known frequency."""

_POSTING = ("token", "conv", "at", "seq")


@dataclass(frozen=True, slots=True)
class Library:
    """Where it is: the reader is in all groups and has said nothing."""

    token: str
    rooms: list[Room]
    rare: dict[int, str]
    """A word by the number of messages that have it."""
    common: tuple[str, str]
    """The two words that most messages have."""
    words: int
    """All words of all messages."""


def make_library(world: World, groups: int = GROUPS, each: int = EACH, total: int = TOTAL) -> Library:
    """Fill a database with it."""
    count = groups * each
    frequencies = [n for n in WORDS if n <= count]
    spread = list(_spread(count, frequencies, total))
    texts = _texts(count, spread)
    speaker, reader = world.users("author", 1)[0], world.users("reader", 1)[0]
    rooms = [
        world.group(f"room {number}", [speaker, reader], islice(texts, each), unread=UNREAD) for number in range(groups)
    ]
    _index(world, rooms, each, spread, speaker)
    rare = {n: f"only{n}" for n in frequencies}
    words = sum(len(places) for _, places in spread) + count
    return Library(reader.token, rooms, rare, ("word1", "word2"), words)


def _spread(count: int, frequencies: Sequence[int], total: int) -> Iterator[tuple[str, Sequence[int]]]:
    """Each word and the messages that have it, ascending."""
    chance = Random(5)
    for n in frequencies:
        yield f"only{n}", sorted(chance.sample(range(count), n))
    scale = total / sum(1 / rank for rank in range(1, VOCABULARY + 1))
    for rank in range(1, VOCABULARY + 1):
        n = min(count, int(scale / rank))
        if n < 1:
            return
        # Evenly over all messages, from a place of its own on: as good as chance here, and ten times as fast.
        step, start = count / n, chance.random()
        yield f"word{rank}", [int((place + start) * step) for place in range(n)]


def _texts(count: int, spread: Iterable[tuple[str, Sequence[int]]]) -> Iterator[str]:
    """The messages, one after the other. Each begins with a word that all have."""
    texts: list[list[str]] = [["said"] for _ in range(count)]
    for word, places in spread:
        for place in places:
            texts[place].append(word)
    return map(" ".join, texts)


def _index(world: World, rooms: list[Room], each: int, spread: Iterable[tuple[str, Sequence[int]]], by: User) -> None:
    """What the server's own indexer would have made of the texts."""
    # Entry 1 made the group, entry 2 let the reader in.
    places = [(room.conv, world.at(seq), seq) for room in rooms for seq in range(3, each + 3)]
    everywhere = range(len(places))
    numbered = [(tokens.number(word), found) for word, found in spread]
    numbered += [(tokens.number("said"), everywhere), (author(by.user), everywhere)]
    numbered.sort(key=lambda pair: pair[0])
    filler = world.filler
    if isinstance(filler, MariaDbFiller):
        filler.load("search_token", _POSTING, _written(filler.folder, numbered, places), [False] * len(_POSTING))
    else:
        rows = ((token, *places[place]) for token, found in numbered for place in found)
        filler.insert("search_token", _POSTING, rows)


def _written(
    folder: Path, numbered: Iterable[tuple[int, Sequence[int]]], places: Sequence[tuple[int, int, int]]
) -> Path:
    """The rows as a file; each line's end is made once, not once a word."""
    file = folder / "tokens.rows"
    ends = [f"{conv}\t{at}\t{seq}\n" for conv, at, seq in places]
    with file.open("w") as out:
        for token, found in numbered:
            begin = f"{token}\t"
            out.writelines(chain.from_iterable((begin, ends[place]) for place in found))
    return file
