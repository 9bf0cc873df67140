"""How a history is cut open: what the mutations have in common."""

from __future__ import annotations

from tests.chaos.history import Record

History = list[Record]


def pick(history: History, what: str, frame_type: str = "", /, *, client: str = "", **frame: object) -> list[Record]:
    """The records of a kind; of frames with these values."""
    return [
        one
        for one in history
        if one["what"] == what
        and (not frame_type or one["frame"]["type"] == frame_type)
        and (not client or one["client"] == client)
        and all(one["frame"].get(name) == value for name, value in frame.items())
    ]


def stored(history: History) -> Record:
    """The conversation in the store."""
    return pick(history, "stored")[0]


def drop(history: History, *records: Record) -> None:
    """Cut records out."""
    for record in records:
        history.remove(record)
    renumber(history)


def renumber(history: History) -> None:
    """Sew it up: lines are numbered as they stand."""
    for number, record in enumerate(history, 1):
        record["n"] = number
