"""Mutations of a good history: each breaks one thing, and says which invariant is to be found broken."""

from __future__ import annotations

import copy
from collections.abc import Callable

from tests.chaos.history_editing import History, drop, pick, renumber, stored
from tests.chaos.reading_mutations import (
    begin_a_page_too_late,
    end_a_page_too_early,
    end_reading_back_too_early,
    lack_a_conversation,
    lack_a_row,
    lose_a_mark,
    lower_a_mark,
    mark_above_the_head,
    read_nothing_back,
    resume_into_another_state,
    show_a_falling_mark,
    show_fresh_what_is_not_stored,
)
from tests.chaos.sample_history import CONV


def lose_an_acked_entry(history: History) -> None:
    stored(history)["entries"].pop()
    stored(history)["head"] -= 1


def lose_a_text(history: History) -> None:
    next(one for one in stored(history)["entries"] if one.get("text") == "hi")["text"] = "ho"


def ack_twice_elsewhere(history: History) -> None:
    ack = pick(history, "heard", "ack")[-1]
    again = copy.deepcopy(ack)
    again["frame"] |= {"seq": 3, "duplicate": True}
    history.insert(history.index(ack) + 1, again)
    renumber(history)


def move_an_entry_in_time(history: History) -> None:
    next(one for one in stored(history)["entries"] if one.get("text") == "hi")["at"] += 1


def settle_what_is_not_there(history: History) -> None:
    ok = [one for one in pick(history, "ok") if "seq" in one][-1]
    drop(history, *pick(history, "heard", "ack", cid=ok["op"]))
    ok["seq"] = 2


def store_a_cid_twice(history: History) -> None:
    entries = stored(history)["entries"]
    entries.append({**entries[-1], "seq": len(entries) + 1})
    stored(history)["head"] += 1


def store_a_word_twice(history: History) -> None:
    entries = stored(history)["entries"]
    entries.append({**entries[-1], "seq": len(entries) + 1, "cid": "another"})
    stored(history)["head"] += 1


def store_what_was_refused(history: History) -> None:
    entries = stored(history)["entries"]
    entries[-1] |= {"cid": pick(history, "fail")[0]["op"], "by": 3}


def refuse_what_could_be_seen(history: History) -> None:
    """Its first attempt had no answer, and by the second one it stood in the log."""
    ack = pick(history, "heard", "ack", client="ann", seq=3)[0]
    said = next(one for one in pick(history, "said", "message.send", client="ann") if one["frame"]["text"] == "hello")
    bob = pick(history, "heard", "entry", client="bob", seq=4)
    at = history.index((bob or pick(history, "heard", "entry", client="ann", seq=4))[0]) + 1
    again = copy.deepcopy(said)
    again["t"] = history[at]["t"]
    again["frame"]["id"] = 99
    frame = {"type": "error", "re": 99, "code": "not_found"}
    history[at:at] = [again, {**copy.deepcopy(ack), "t": again["t"], "frame": frame}]
    history.remove(ack)
    renumber(history)


def find_a_conflict_where_there_is_none(history: History) -> None:
    ack = pick(history, "heard", "ack", client="ann", seq=6)[0]
    ack["frame"] = {"type": "error", "re": ack["frame"]["re"], "code": "cid_conflict"}


def store_what_nobody_asked_for(history: History) -> None:
    entries = stored(history)["entries"]
    entries.append({**entries[-1], "seq": len(entries) + 1, "cid": "invented", "text": "invented"})
    stored(history)["head"] += 1


def leave_a_hole(history: History) -> None:
    entries = stored(history)["entries"]
    entries[-1]["seq"] += 1
    stored(history)["head"] += 1


def keep_the_text_of_what_was_deleted(history: History) -> None:
    edit = next(one for one in stored(history)["entries"] if one["kind"] == "edit")
    edit |= {"kind": "delete"}
    del edit["text"]
    next(one for one in stored(history)["entries"] if one["seq"] == edit["target"])["deleted"] = True


def keep_a_text_that_nothing_shows(history: History) -> None:
    history.insert(-1, {"t": history[-1]["t"], "what": "texts", "left": ["hello"]})
    renumber(history)


def give_the_text_of_what_was_deleted(history: History) -> None:
    pick(history, "heard", "entry", client="ann", kind="message")[0]["frame"]["deleted"] = True


def keep_an_old_rev(history: History) -> None:
    message = next(one for one in stored(history)["entries"] if one.get("edited"))
    message["rev"] = message["seq"]


def show_another_author(history: History) -> None:
    pick(history, "heard", "entry", client="ann", kind="message")[0]["frame"]["by"] = 9


def show_another_text_at_the_same_rev(history: History) -> None:
    # Bob's first entry of that message is of rev 3; in what he missed nothing is of it, so another sees it so.
    entry = pick(history, "heard", "entry", client="bob", kind="message", seq=3)[0]
    again = copy.deepcopy(entry) | {"client": "ann"}
    again["frame"] = {
        "type": "history.page",
        "conv": CONV,
        "head": 5,
        "entries": [{**entry["frame"], "text": "another"}],
    }
    history.insert(history.index(entry) + 1, again)
    renumber(history)


def turn_time_back(history: History) -> None:
    for entry in stored(history)["entries"]:
        if entry["seq"] == 4:
            entry["at"] = 1
    for record in [*pick(history, "heard", "entry", seq=4), *pick(history, "heard", "ack", seq=4)]:
        record["frame"]["at"] = 1


def skip_an_entry_on_the_wire(history: History) -> None:
    drop(history, pick(history, "heard", "entry", client="bob", seq=3)[0])


def give_an_entry_twice(history: History) -> None:
    entry = pick(history, "heard", "entry", client="bob", kind="edit")[0]
    history.insert(history.index(entry) + 1, copy.deepcopy(entry))
    renumber(history)


def miss_something_silently(history: History) -> None:
    ready = pick(history, "heard", "session.ready", client="bob")[-1]
    ready["frame"]["missed"][0]["entries"].pop()


def miss_everything_silently(history: History) -> None:
    ready = pick(history, "heard", "session.ready", client="bob")[-1]
    ready["frame"]["missed"] = []


def show_a_hole(history: History) -> None:
    grew = [one for one in pick(history, "grew", client="bob") if one["first"] == 5]
    drop(history, *grew)


def show_something_twice(history: History) -> None:
    grew = next(one for one in pick(history, "grew", client="bob") if one["first"] == 5)
    history.insert(history.index(grew) + 1, copy.deepcopy(grew))
    renumber(history)


def show_a_row_twice(history: History) -> None:
    rows = pick(history, "view", client="ann")[0]["logs"][str(CONV)]
    rows.append(rows[-1])


def begin_anew_untold(history: History) -> None:
    grew = next(one for one in pick(history, "grew", client="ann") if one["first"] == 5)
    at = history.index(grew) + 1
    history.insert(at, {"t": grew["t"], "what": "restart", "client": "ann", "conv": CONV, "cursor": 5})
    # What was told of another conversation allows nothing here.
    view = {"conv": CONV + 1, "head": 5, "from": 3, "read": 0}
    frame = {"type": "conversation", "conversation": view}
    history.insert(at, {"t": grew["t"], "what": "heard", "client": "ann", "line": 1, "frame": frame})
    renumber(history)


def begin_where_nobody_said(history: History) -> None:
    added = pick(history, "added", client="cat")[0]
    added["cursor"] += 1
    grew = pick(history, "grew", client="cat")[0]
    drop(history, grew)


def swap_what_a_device_said(history: History) -> None:
    # Ann's first word is stored where her later one is and the other way round.
    entries = stored(history)["entries"]
    one, other = (next(entry for entry in entries if entry["seq"] == seq) for seq in (3, 6))
    one["cid"], other["cid"] = other["cid"], one["cid"]


def store_before_what_was_acked(history: History) -> None:
    invoke = next(one for one in pick(history, "invoke") if one.get("text") == "hi")
    ack = pick(history, "heard", "ack", client="ann")[-1]
    history.remove(invoke)
    invoke["t"] = ack["t"]
    history.insert(history.index(ack) + 1, invoke)
    renumber(history)


def never_reach_the_head(history: History) -> None:
    drop(history, pick(history, "grew", client="ann")[-1])


def forget_what_was_said(history: History) -> None:
    drop(history, pick(history, "fail")[0])


def reach_the_head_late(history: History) -> None:
    grew = pick(history, "grew", client="ann")[-1]
    history.remove(grew)
    grew["t"] = pick(history, "quiet")[0]["t"] + 16
    history.insert(len(history) - 1, grew)
    history[-1]["t"] = grew["t"]
    renumber(history)


def write_after_the_removal(history: History) -> None:
    entries = stored(history)["entries"]
    cat = next(one for one in entries if one.get("text") == "and me")
    leave = next(one for one in entries if one["kind"] == "leave")
    cat["seq"], leave["seq"] = leave["seq"], cat["seq"]
    entries.sort(key=lambda one: one["seq"])


def deliver_after_the_removal(history: History) -> None:
    entry = pick(history, "heard", "entry", client="ann")[-1]
    history.insert(history.index(entry) + 1, copy.deepcopy(entry) | {"client": "cat"})
    renumber(history)


def let_read_below_from(history: History) -> None:
    entry = pick(history, "heard", "entry", client="cat")[0]
    page = {"type": "history.page", "conv": CONV, "head": 5, "entries": [stored(history)["entries"][2]]}
    history.insert(history.index(entry) + 1, {**copy.deepcopy(entry), "frame": page})
    renumber(history)


def delay(history: History, seconds: float) -> None:
    """Let time pass before the quiet."""
    at = history.index(pick(history, "quiet")[0])
    for record in history[at:]:
        record["t"] += seconds


def show_somebody_offline_who_is_there(history: History) -> None:
    delay(history, 60)
    quiet = pick(history, "quiet")[0]
    frame = {"type": "presence", "user": 1, "status": "offline"}
    history.insert(history.index(quiet), {"t": quiet["t"], "what": "heard", "client": "bob", "line": 2, "frame": frame})
    renumber(history)


def not_see_who_is_there(history: History) -> None:
    delay(history, 60)
    pick(history, "view", client="bob")[0]["presence"]["1"] = None


def still_see_who_has_gone(history: History) -> None:
    delay(history, 60)
    ready = pick(history, "heard", "session.ready", client="cat")[0]
    history.insert(
        history.index(pick(history, "quiet")[0]), {"t": ready["t"], "what": "lost", "client": "cat", "line": 1}
    )
    for number, record in enumerate(history):
        record["t"] = max(record["t"], history[number - 1]["t"] if number else 0)
    renumber(history)
    history[:] = sorted(history, key=lambda one: one["t"])
    at = history.index(ready) + 1
    lost = pick(history, "lost", client="cat")[0]
    history.remove(lost)
    lost["t"] = ready["t"]
    history.insert(at, lost)
    renumber(history)


def grow_without_end(history: History) -> None:
    sample = pick(history, "sample")[0]
    history.insert(history.index(sample) + 1, {**sample, "rss": sample["rss"] * 4})
    renumber(history)


def overflow_a_queue(history: History) -> None:
    pick(history, "sample")[0]["queues"]["commits"] = 101


def end_too_early(history: History) -> None:
    drop(history, *pick(history, "stored"), *pick(history, "view"))


def not_bite(history: History) -> None:
    drop(history, next(one for one in pick(history, "fault") if one["phase"] == "bite"))


def strike_an_idle_system(history: History) -> None:
    end = next(one for one in pick(history, "fault") if one["phase"] == "end")
    at = history.index(end) + 1
    for record in history[at:]:
        record["t"] += 25


DOCTORS: list[tuple[str, Callable[[History], None]]] = [
    ("I1", lose_an_acked_entry),
    ("I1", lose_a_text),
    ("I1", ack_twice_elsewhere),
    ("I1", move_an_entry_in_time),
    ("I1", settle_what_is_not_there),
    ("I1", keep_the_text_of_what_was_deleted),
    ("I1", keep_a_text_that_nothing_shows),
    ("I1", give_the_text_of_what_was_deleted),
    ("I1", keep_an_old_rev),
    ("I2", store_a_cid_twice),
    ("I2", store_a_word_twice),
    ("I3", store_what_was_refused),
    ("I3", refuse_what_could_be_seen),
    ("I3", find_a_conflict_where_there_is_none),
    ("I3", store_what_nobody_asked_for),
    ("I4", leave_a_hole),
    ("I5", show_another_author),
    ("I5", show_another_text_at_the_same_rev),
    ("I5", turn_time_back),
    ("I6", skip_an_entry_on_the_wire),
    ("I6", miss_something_silently),
    ("I6", miss_everything_silently),
    ("I6", show_a_hole),
    ("I6", begin_anew_untold),
    ("I6", begin_where_nobody_said),
    ("I6", end_a_page_too_early),
    ("I6", begin_a_page_too_late),
    ("I6", end_reading_back_too_early),
    ("I7", give_an_entry_twice),
    ("I7", show_something_twice),
    ("I7", show_a_row_twice),
    ("I8", swap_what_a_device_said),
    ("I9", store_before_what_was_acked),
    ("I10", never_reach_the_head),
    ("I10", reach_the_head_late),
    ("I10", forget_what_was_said),
    ("I11", write_after_the_removal),
    ("I11", deliver_after_the_removal),
    ("I11", let_read_below_from),
    ("I12", lower_a_mark),
    ("I12", mark_above_the_head),
    ("I12", lose_a_mark),
    ("I12", show_a_falling_mark),
    ("I13", resume_into_another_state),
    ("I13", lack_a_conversation),
    ("I13", lack_a_row),
    ("I13", show_fresh_what_is_not_stored),
    ("I13", read_nothing_back),
    ("I14", show_somebody_offline_who_is_there),
    ("I14", not_see_who_is_there),
    ("I14", still_see_who_has_gone),
    ("I15", grow_without_end),
    ("I15", overflow_a_queue),
    ("F1", end_too_early),
    ("F2", not_bite),
    ("F2", strike_an_idle_system),
]
