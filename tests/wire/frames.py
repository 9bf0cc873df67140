"""The shape of every line that a server says, written down from the protocol and from nothing else.

These tests judge the server as a stranger would, so they share no code with it. ``check`` holds every line that a
test receives against the tables here: a field that is missing, misspelt or of the wrong type fails whichever test
happens to see it.
"""

from __future__ import annotations

import re
from typing import Any

MAX_ID = 2**53 - 1
CID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Integer:
    def __init__(self, least: int) -> None:
        self.least = least


ID, SEQ = Integer(1), Integer(1)
CURSOR = TIME = COUNT = Integer(0)
UUID = CID

USER = {"user": ID, "username": re.compile(r"[a-z0-9][a-z0-9._-]{1,31}"), "display_name": str}
PRESENCE = {"user": ID, "status": {"online", "away", "dnd", "offline"}, "text?": str, "last_seen?": TIME}
CONTACT = {
    "user": USER,
    "relation": {"friend", "incoming", "outgoing", "blocked", "none"},
    "presence?": PRESENCE,
    "conv?": ID,
}
ROLE = {"owner", "admin", "member"}
VISIBILITY = {"public", "private"}

_ENTRY = {"conv": ID, "seq": SEQ, "by": ID, "at": TIME, "cid?": UUID}
ENTRIES: dict[str, dict[str, Any]] = {
    "create": {},
    "message": {
        "text?": str,
        "rev": SEQ,
        "reply_to?": SEQ,
        "edited?": TIME,
        "deleted?": {True},
        "reactions?": {str: [ID]},
        "mentions?": [ID],
    },
    "edit": {"target": SEQ, "text": str, "mentions?": [ID]},
    "delete": {"target": SEQ},
    "reaction": {"target": SEQ, "emoji": str, "on": bool},
    "join": {"user": ID, "reason": {"joined", "invited"}},
    "leave": {"user": ID, "reason": {"left", "removed", "banned"}},
    "role": {"user": ID, "role": ROLE},
    "change": {"title?": str, "topic?": str, "visibility?": VISIBILITY},
}
ENTRY = "entry"

CONVERSATION = {
    "conv": ID,
    "kind": {"direct", "group"},
    "title": str,
    "topic?": str,
    "visibility?": VISIBILITY,
    "peer?": ID,
    "role?": ROLE,
    "muted": bool,
    "from": SEQ,
    "head": CURSOR,
    "read": CURSOR,
    "peer_read?": CURSOR,
    "unread": COUNT,
    "unread_from?": SEQ,
    "mentions": COUNT,
    "members?": COUNT,
    "last?": ENTRY,
}
MEMBER = {"user": USER, "role": ROLE, "presence?": PRESENCE}
SESSION = {"session": ID, "device?": {"id": UUID, "name": str}, "created": TIME, "last_seen": TIME, "current": bool}

FINAL = {
    "invalid", "too_large", "unknown_type", "unauthenticated", "bad_credentials", "forbidden", "not_found", "exists",
    "cid_conflict", "closed_registration", "bad_invite", "unsupported",
}  # fmt: skip
RETRYABLE = {"rate_limited", "unavailable", "overloaded"}
CLOSE = {
    "going_away", "revoked", "slow_reader", "idle", "protocol_error", "auth_timeout", "overloaded", "degraded",
    "logged_out",
}  # fmt: skip

ANSWERS: dict[str, dict[str, Any]] = {
    "session.ready": {
        "user": USER,
        "token?": str,
        "session": ID,
        "epoch": str,
        "reset": bool,
        "friends": [CONTACT],
        "requests": [CONTACT],
        "blocked": [CONTACT],
        "conversations": [CONVERSATION],
        "more?": bool,
        "missed": [{"conv": ID, "entries": [ENTRY], "limited": bool}],
    },
    "conversations": {"conversations": [CONVERSATION], "more": bool},
    "ok": {},
    "sessions": {"sessions": [SESSION]},
    "pong": {"at": TIME},
    "ack": {"conv": ID, "cid": UUID, "seq": SEQ, "at": TIME, "duplicate": bool},
    "history.page": {"conv": ID, "entries": [ENTRY], "head": CURSOR, "more": bool},
    "search.results": {"hits": [ENTRY], "cursor?": str},
    "user.results": {"users": [USER]},
    "contact": {"contact": CONTACT},
    "conversation": {"conversation": CONVERSATION},
    "group.results": {"groups": [CONVERSATION]},
    "group.members": {"members": [MEMBER], "more": bool},
    "presence": PRESENCE,
    "error": {"code": FINAL | RETRYABLE, "message": str, "retry_after?": COUNT},
}
EVENTS: dict[str, dict[str, Any]] = {
    "welcome": {
        "protocol": {1},
        "server": re.compile(r"mrccsc/\d+\.\d+\.\d+.*"),
        "node": str,
        "heartbeat": float,
        "max_line": ID,
        "max_text": ID,
        "registration": {"open", "invite", "closed"},
    },
    "ping": {},
    "closing": {"code": CLOSE, "reason": str, "reconnect": bool, "after?": COUNT},
    "entry": {},
    "read.marked": {"conv": ID, "user": ID, "seq": CURSOR, "unread_from?": SEQ},
    "typing": {"conv": ID, "user": ID},
    "contact": ANSWERS["contact"],
    "conversation": ANSWERS["conversation"],
    "conversation.gone": {"conv": ID, "reason": {"left", "removed", "banned", "closed"}},
    "presence": PRESENCE,
    "error": ANSWERS["error"],
}


def check(frame: dict[str, Any]) -> None:
    """Raise AssertionError where a line from the server is not as the protocol says."""
    kind = frame.get("type")
    table = ANSWERS if "re" in frame else EVENTS
    assert kind in table, f"no such {'answer' if 're' in frame else 'event'}: {frame}"
    body = {key: value for key, value in frame.items() if key not in ("type", "re")}
    if "re" in frame:
        _check(frame["re"], Integer(0), "re")
    if kind == "entry":
        _check(body, ENTRY, "entry")
    else:
        _check(body, table[kind], kind)
    if kind == "error" and frame["code"] == "rate_limited":
        assert "retry_after" in frame, "rate_limited says when to come back"
    if kind == "history.page":
        _check_page(frame["entries"])
    for missed in frame.get("missed", ()):
        _check_page(missed["entries"])


def _check_page(entries: list[dict[str, Any]]) -> None:
    seqs = [entry["seq"] for entry in entries]
    assert not seqs or seqs == list(range(seqs[0], seqs[0] + len(seqs))), f"a page with holes: {seqs}"
    times = [entry["at"] for entry in entries]
    assert times == sorted(times), "at decreases within a conversation"


def _check(value: Any, shape: Any, where: str) -> None:
    match shape:
        case "entry":
            _check(value.get("kind"), set(ENTRIES), f"{where}.kind")
            body = {key: item for key, item in value.items() if key != "kind"}
            _check(body, _ENTRY | ENTRIES[value["kind"]], f"{where}({value['kind']})")
            _check_entry(value, where)
        case Integer():
            assert type(value) is int, f"{where} is no integer: {value!r}"
            assert shape.least <= value <= MAX_ID, f"{where} is out of range: {value}"
        case re.Pattern():
            assert isinstance(value, str), f"{where} is no string: {value!r}"
            assert shape.fullmatch(value), f"{where} is not well formed: {value!r}"
        case set():
            assert value in shape, f"{where} is none of {shape}: {value!r}"
            assert type(value) in {type(item) for item in shape}, f"{where} has the wrong type: {value!r}"
        case list():
            assert isinstance(value, list), f"{where} is no list: {value!r}"
            for index, item in enumerate(value):
                _check(item, shape[0], f"{where}[{index}]")
        case dict() if str in shape:
            assert isinstance(value, dict), f"{where} is no object: {value!r}"
            for key, item in value.items():
                _check(item, shape[str], f"{where}[{key!r}]")
        case dict():
            assert isinstance(value, dict), f"{where} is no object: {value!r}"
            names = {name.rstrip("?") for name in shape}
            assert value.keys() <= names, f"{where} has fields that the protocol does not: {value.keys() - names}"
            for name, inner in shape.items():
                if name.rstrip("?") in value:
                    _check(value[name.rstrip("?")], inner, f"{where}.{name.rstrip('?')}")
                else:
                    assert name.endswith("?"), f"{where} lacks {name}: {value}"
        case _ if shape is float:
            assert type(value) in (int, float), f"{where} is no number: {value!r}"
        case _:
            assert type(value) is shape, f"{where} is no {shape.__name__}: {value!r}"


def _check_entry(entry: dict[str, Any], where: str) -> None:
    if entry["kind"] == "create":
        assert entry["seq"] == 1, f"{where}: create is always seq 1"
    if entry["kind"] == "message":
        assert entry["rev"] >= entry["seq"], f"{where}: rev is below seq"
        gone = {"text", "reactions", "mentions"} & entry.keys()
        assert "deleted" not in entry or not gone, f"{where}: a deleted message has {gone}"
        assert "deleted" in entry or "text" in entry, f"{where}: a message without text that is not deleted"
