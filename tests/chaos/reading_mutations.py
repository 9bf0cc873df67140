"""Mutations of what is read: pages, read marks, what a client that came back shows."""

from __future__ import annotations

from tests.chaos.history import Record
from tests.chaos.history_editing import History, pick, renumber, stored
from tests.chaos.sample_history import CONV


def read_back(history: History, page: Record, **asked: int) -> None:
    """Ann asks for a page."""
    at = history.index(pick(history, "quiet")[0])
    facts = {"t": history[at]["t"], "client": "ann", "line": 1}
    request = {"type": "history.get", "id": 77, "conv": CONV, "limit": 9, **asked}
    answer = {"type": "history.page", "re": 77, "conv": CONV, "head": len(stored(history)["entries"]), **page}
    history[at:at] = [{**facts, "what": "said", "frame": request}, {**facts, "what": "heard", "frame": answer}]
    renumber(history)


def end_a_page_too_early(history: History) -> None:
    read_back(history, {"entries": stored(history)["entries"][:3], "more": False}, before=5)


def begin_a_page_too_late(history: History) -> None:
    read_back(history, {"entries": stored(history)["entries"][3:], "more": False}, after=2)


def end_reading_back_too_early(history: History) -> None:
    read_back(history, {"entries": stored(history)["entries"][3:4], "more": False}, before=5)


def read_nothing_back(history: History) -> None:
    view = pick(history, "view", client="ann-fresh")[0]
    view["logs"][str(CONV)] = view["logs"][str(CONV)][-1:]
    view["tails"][str(CONV)] = view["logs"][str(CONV)][0]["seq"]


def lower_a_mark(history: History) -> None:
    pick(history, "heard", "session.ready", client="bob")[-1]["frame"]["conversations"][0]["read"] = 3


def mark_above_the_head(history: History) -> None:
    pick(history, "heard", "session.ready", client="bob")[-1]["frame"]["conversations"][0]["read"] = 99


def lose_a_mark(history: History) -> None:
    stored(history)["members"]["2"]["read"] = 0


def show_a_falling_mark(history: History) -> None:
    mark = pick(history, "mark", client="bob")[0]
    history.insert(history.index(mark) + 1, {**mark, "read": mark["read"] - 1})
    renumber(history)


def resume_into_another_state(history: History) -> None:
    pick(history, "view", client="bob")[0]["facts"][str(CONV)]["read"] = 2


def lack_a_conversation(history: History) -> None:
    view = pick(history, "view", client="bob")[0]
    for part in ("facts", "logs", "tails"):
        view[part] = {}


def lack_a_row(history: History) -> None:
    del pick(history, "view", client="bob")[0]["logs"][str(CONV)][1]


def show_fresh_what_is_not_stored(history: History) -> None:
    for name in ("bob", "bob-fresh"):
        pick(history, "view", client=name)[0]["logs"][str(CONV)][-1]["text"] = "invented"
