"""Results: what they are held against, how growth is judged, and the page that they become."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tools.bench import document, plots, scale
from tools.bench.curves import Series, verdict
from tools.bench.load import Result, Seat
from tools.bench.report import losses, summary
from tools.bench.rows import ROWS, Row
from tools.bench.suite import Options, Suite

DOCS = Path(__file__).parents[3] / "docs"
PAIRS = next(row for row in ROWS if row.name == "pairs")
PAIR = next(row for row in ROWS if row.name == "pair")


def test_a_row_is_the_median_of_its_rounds_and_of_the_ratios_of_each_round() -> None:
    rounds = [Result(seconds=2, messages=n, p50=n, p99=n * 2, cpu={"node1": 1.0}) for n in (200, 600, 400)]
    relays = [Result(seconds=2, messages=n) for n in (1_000, 1_200, 4_000)]
    told = summary(PAIRS, rounds, relays, [])
    assert (told["figure"], told["low"], told["high"]) == (200, 100, 300)
    assert told["ratio"] == 0.2
    assert (told["p50_us"], told["p99_us"]) == (400, 800)
    assert told["cpu_per_100k"]["node1"] == 250


def test_a_failed_round_is_told_and_left_out() -> None:
    good = Result(seconds=1, messages=100, p50=30)
    relay = Result(seconds=1, messages=1_000)
    told = summary(PAIR, [None, good, good], [relay, relay, None], [5.0, 10.0, 15.0])
    assert told["failed_rounds"] == 1
    assert told["ratio"] == 0.1
    assert told["floor_ratio"] == 2.5
    assert summary(PAIR, [None], [relay], []) == {"failed": "all 1 rounds"}


@pytest.mark.parametrize(
    ("ratio", "size", "lost"),
    [(0.50, 100, []), (0.41, 119, []), (0.39, 100, ["pairs", "pair"]), (0.60, 121, ["memory"])],
)
def test_a_fifth_less_is_a_loss(ratio: float, size: float, lost: list[str]) -> None:
    before: dict[str, Any] = {
        "rows": {
            "pairs": {"relay": {"figure": 9}, "sqlite": {"ratio": 0.50}},
            "pair": {"sqlite": {"ratio": 0.50, "floor_ratio": 2.0}},
            "memory": {"sqlite": {"figure": 100}},
        }
    }
    now = deepcopy(before)
    now["rows"]["pairs"]["sqlite"]["ratio"] = ratio
    now["rows"]["pair"]["sqlite"]["floor_ratio"] = 1.0 / ratio
    now["rows"]["memory"]["sqlite"]["figure"] = size
    assert [row for row, _, _ in losses(now, before)] == lost


def test_what_fails_now_is_a_loss_and_what_is_not_measured_is_none() -> None:
    before = {"rows": {"pairs": {"sqlite": {"ratio": 0.5}, "mariadb": {"ratio": 0.5}}}}
    now = {"rows": {"pairs": {"sqlite": {"failed": "all"}}}}
    assert [(row, system) for row, system, _ in losses(now, before)] == [("pairs", "sqlite")]


@pytest.mark.parametrize(
    ("power", "flat", "linear"),
    [(0.0, True, True), (0.2, True, True), (0.5, False, True), (1.0, False, True), (1.5, False, False)],
)
def test_growth_is_judged_by_its_exponent(power: float, flat: bool, linear: bool) -> None:
    points = [(float(x), 3 * x**power) for x in (1, 10, 100, 1_000, 10_000)]
    assert verdict(Series("", "", "flat"), points)["good"] is flat
    told = verdict(Series("", "", "linear"), points)
    assert told["good"] is linear
    assert told["exponent"] == pytest.approx(power, abs=0.001)


def test_a_fixed_cost_hides_no_growth_at_the_end() -> None:
    points = [(x, 1_000 + x**2) for x in (1.0, 10.0, 100.0, 1_000.0, 10_000.0)]
    assert not verdict(Series("", "", "linear"), points)["good"]


def test_one_failure_stops_nothing_else(tmp_path: Path) -> None:
    seats = [Seat("r1", 1, sends=True), Seat("r1", 1)]
    rows = [
        # The relay cannot be weighed, and knows no such load.
        Row("broken", "broken", "hold", lambda *_: seats, lambda: seats, systems=("relay",)),
        Row("good", "good", "talk", lambda *_: seats, lambda: seats, systems=("relay",)),
    ]
    keep = tmp_path / "kept.json"
    options = Options(rows, [], [], ["relay"], rounds=2, warm=0.1, seconds=0.2, keep=keep)
    suite = Suite(options)
    suite.run()
    told = json.loads(keep.read_text())
    assert told["rows"]["broken"]["relay"] == {"failed": "all 2 rounds"}
    assert told["rows"]["good"]["relay"]["figure"] > 0
    assert told["run"]["failed"] == ["broken on relay"] * 2


TEXT = "Before.\n<!-- bench:one -->\nold\n<!-- /bench:one -->\nBetween.\n<!-- bench:two -->\n<!-- /bench:two -->\n"


def test_only_what_is_between_markers_is_written() -> None:
    once = document.fill(TEXT, {"one": r"new \1", "two": "other"})
    assert re.sub(r"<!-- .*", "", once).split() == ["Before.", "new", r"\1", "Between.", "other"]
    assert document.fill(once, {"one": r"new \1", "two": "other"}) == once


@pytest.mark.parametrize(
    ("text", "names"),
    [(TEXT, ["one"]), (TEXT, ["one", "two", "three"]), (TEXT.replace("<!-- /bench:two -->", ""), ["one", "two"])],
)
def test_a_missing_place_is_an_error(text: str, names: list[str]) -> None:
    with pytest.raises(document.MisplacedError):
        document.fill(text, dict.fromkeys(names, "new"))


def test_the_page_says_what_the_results_say(tmp_path: Path) -> None:
    results = DOCS / "performance.json"
    told = json.loads(results.read_text()) if results.exists() else {}
    told = {"run": {}, "machine": {}, "settings": {}, "rows": {}, "curves": {}, "trials": {}} | told
    page = (DOCS / document.DOCUMENT).read_text()
    (tmp_path / document.DOCUMENT).write_text(page)
    document.write(told, tmp_path)
    if results.exists():
        assert (tmp_path / document.DOCUMENT).read_text() == page, "run: make bench ARGS=--render"
        assert _pictures(tmp_path) == _pictures(DOCS)
    for picture in _pictures(tmp_path).values():
        ET.fromstring(picture)


def _pictures(docs: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in (docs / document.PLOTS).glob("*.svg")}


def test_a_plot_has_every_point() -> None:
    systems = {"SQLite": [(1.0, 2.0), (10.0, 30.0)], "MariaDB & Redis": [(1.0, 1.0), (10.0, 5.0)]}
    root = ET.fromstring(plots.curve("A <curve>", "x", [("ms", systems, True), ("µs", systems, False)]))
    space = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f".//{space}circle")) == 8
    assert len(root.findall(f".//{space}polyline")) == 4
    assert [line.get("stroke-dasharray") for line in root.iter(f"{space}line")].count("4 4") == 1


def test_the_chapter_on_scale_computes_with_what_was_measured() -> None:
    work = {"redis_commands": 50.0, "rows_inserted": 4_000.0, "statements": 500.0, "log_bytes": 900_000.0}
    deep = {"cpu_per_100k": {"node1": 2.0, "mariadb": 1.0, "redis": 0.5}, "work_per_1000": work}
    lone = {"cpu_per_100k": {"node1": 12.0, "mariadb": 21.0, "redis": 2.5}, "p50_us": 6_000}
    told: dict[str, Any] = {
        "rows": {
            "pair": {"mariadb": lone, "mariadb-2": lone},
            "pairs-16": {"mariadb": deep, "mariadb-2": deep},
            "groups-50x10": {"mariadb": {"cpu_per_100k": {"node1": 6.0}}},
            "signin": {"mariadb": {"cpu_per_100k": {"node1": 40.0, "mariadb": 10.0}}},
            "memory": {"mariadb": {"figure": 5 * 1024}},
        }
    }
    found = scale.facts(told)
    # 20,000 users say 333 messages a second, two in the 6 ms of a commit, which share what it costs alone.
    assert found["batch"] == pytest.approx(2)
    assert (found["message"], found["database"], found["redis"]) == pytest.approx((70, 110, 15))
    # 5 µs for each of eight further deliveries.
    assert found["spent"] == pytest.approx(110)
    assert found["node_messages"] == pytest.approx(0.6 * 1_000_000 / 110)
    assert found["node_users"] == 20_000
    assert found["redis_messages"] == pytest.approx(40_000)
    assert found["database_messages"] == pytest.approx(0.6 * 16 * 1_000_000 / 110)
    assert scale.first(found).startswith("Redis, on its one core, at 2,400,000 users")
    chapter = scale.chapter(told)
    assert "40,000 messages/s" in chapter
    assert "{" not in chapter.replace("{conv % N}", "")
    assert scale.chapter({"rows": {}}).startswith("Not measured yet")
