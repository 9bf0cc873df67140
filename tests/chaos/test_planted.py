"""The checker finds what is planted into a running system of two nodes, and nothing in the system as it is."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mrccsc_server import app
from mrccsc_server.cluster.memory import MemoryHub
from mrccsc_tui.client import RequestError
from mrccsc_tui.engine import engine
from mrccsc_tui.link.connection import Connection
from tests.chaos import mutants, wrong_lines
from tests.chaos.checker import judge
from tests.chaos.checker.violation import Violation, names
from tests.chaos.history import Record
from tests.chaos.mutants import FAULTS, MUTANTS, Ground, Luck, Plant, lose_hints_without_a_sweep
from tests.chaos.nodes import Nodes, put_in_seams
from tests.chaos.trial import Trial, until
from tests.chaos.wrong_lines import WRONG_LINES

PLANTED = {**MUTANTS, **WRONG_LINES}
ACKED = 150
ROUNDS = 2
RACES = 2
"""Removals that race with what is sent, in each round."""
TRIES = 4
"""Plays with other seeds that a mutant may survive: what is broken breaks something only when it is met."""

LASTS = 40.0
"""Seconds after which a play among mutants is ended wherever it is."""

ENDS = 10.0
"""Seconds that its parts get to end."""


@dataclass(frozen=True)
class Terms:
    """On which terms a play is played. Times are in seconds."""

    patience: float = 3.0
    """How long is waited for what may never come."""
    presence: float = 0.2
    reach: float = 15.0
    """How long a member may take to the head. Less than the patience: who signs in afresh after it heals their node."""
    seed: int = 7
    unanswered: int = 0
    """How often somebody is removed before they have all answers, in each round."""


TERMS = {lose_hints_without_a_sweep: Terms(patience=5, reach=3), wrong_lines.forget_who_left: Terms(unanswered=3)}
"""Terms of mutants that need other ones."""


async def play(
    folder: Path, patch: pytest.MonkeyPatch, *plants: Plant, terms: Terms
) -> tuple[list[Record], list[Violation]]:
    """Let people live for a while on two nodes, lose their lines, remove each other; what the checker says of it."""
    asyncio.get_running_loop().set_debug(False)
    # What mutants do to the server is none of the log's business.
    logging.getLogger("mrccsc_server").setLevel(logging.CRITICAL)
    hub = MemoryHub()
    ground = Ground(patch.setattr, hub, Luck(terms.seed), [])
    for plant in plants:
        plant(ground)
    put_in_seams(patch.setattr, hub, ground.spoil)
    nodes = Nodes(folder, 2)
    await nodes.start()
    bounds = {"presence": terms.presence, "reach": terms.reach}
    trial = Trial(None, nodes.ports, seed=terms.seed, system="two nodes", bounds=bounds, patience=0.05)
    trial.company.pace = (0.0, 0.06)
    trial.company.restarts = 5
    # Among mutants the play itself may come to nothing: what was recorded until then is judged all the same.
    sound = plants == tuple(FAULTS)
    with contextlib.suppress(*() if sound else (RequestError, AssertionError, LookupError, TimeoutError)):
        async with asyncio.timeout(None if sound else LASTS):
            await live(trial, ground, terms)
    for end in (trial.abandon, nodes.stop):
        with contextlib.suppress(*() if sound else (TimeoutError,)):
            async with asyncio.timeout(None if sound else ENDS):
                await end()
    records = await trial.dump(nodes.url)
    return records, judge(records)


async def live(trial: Trial, ground: Ground, terms: Terms) -> None:
    """From the first account to the last view."""
    patience = terms.patience
    await trial.begin()
    trial.network.deaf = 0.05
    ground.chance.live = True
    for round_ in range(1, ROUNDS + 1):
        await until(lambda round_=round_: trial.acked >= ACKED * round_ // ROUNDS, patience)
        for device in trial.company.devices:
            if device.client is not None:
                device.drop()
        for _ in range(RACES):
            await trial.company.race_a_removal()
        for _ in range(terms.unanswered):
            await trial.company.remove_unanswered()
    await until(lambda: trial.acked >= ACKED, patience)
    trial.network.deaf = 0.0
    # What was changed is on the disk of all when they start again.
    await trial.company.rest()
    trial.company.change_words()
    await trial.company.come_to_rest(patience)
    for device in trial.company.devices:
        await device.stop()
        await device.start()
    trial.company.go()
    # In the end lines last, so that nobody is told by a new session what a hint should have told.
    trial.company.restarts = 0
    acked = trial.acked
    await until(lambda: trial.acked >= acked + 50, patience)
    await trial.end(patience)


@pytest.fixture(autouse=True)
def quiet_log() -> object:
    """Leave the log as it was."""
    logger = logging.getLogger("mrccsc_server")
    level = logger.level
    yield
    logger.setLevel(level)


@pytest.fixture
def leftovers() -> Iterator[None]:
    """A play among mutants is ended wherever it is. Databases that it leaves open go with its own test, not later."""
    yield
    gc.collect()


# Python 3.13 warns of these.
@pytest.mark.filterwarnings("ignore:unclosed database:ResourceWarning")
@pytest.mark.usefixtures("leftovers")
@pytest.mark.timeout(TRIES * (LASTS + 3 * ENDS))
@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
async def test_a_planted_fault_is_found(plant: Plant, tmp_path: Path) -> None:
    terms = TERMS.get(plant, Terms())
    found: list[list[str]] = []
    for number in range(TRIES):
        with pytest.MonkeyPatch.context() as patch:
            # A system that is broken answers late or never: nobody waits for it as for a good one.
            patch.setattr(engine, "PATIENCE", 2.0)
            patch.setitem(Connection.__init__.__kwdefaults__, "deadline", 2.0)
            patch.setattr(app, "DRAIN", 0.5)
            patch.setattr(app, "FINISH", 0.5)
            folder = tmp_path / str(number)
            for name in ("CONFIG", "DATA", "CACHE", "STATE"):
                patch.setenv(f"XDG_{name}_HOME", str(folder / name.lower()))
            folder.mkdir()
            _, violations = await play(folder, patch, plant, terms=replace(terms, seed=terms.seed + number))
        found.append(names(violations))
        if PLANTED[plant] & set(found[-1]):
            return
    pytest.fail(f"the checker found only {found}")


async def test_the_true_code_survives_the_same_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records, violations = await play(tmp_path, monkeypatch, *FAULTS, terms=Terms(patience=20, presence=5, unanswered=1))
    assert [one.story(records) for one in violations] == []


def test_every_mutant_is_named() -> None:
    plants = {
        name
        for module in (mutants, wrong_lines)
        for name, one in vars(module).items()
        if getattr(one, "__module__", "") == module.__name__ and callable(one) and not isinstance(one, type)
    }
    named = {plant.__name__ for plant in (*PLANTED, *FAULTS)}
    assert {name for name in plants if not name.startswith("_")} == named
