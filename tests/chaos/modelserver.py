"""A server in a few lines, for one conversation of two: what a client may rely on, and nothing else."""

from __future__ import annotations

from typing import Any

from tests.client.fakes import BOB, ME

Frame = dict[str, Any]
CONV = 5
ANN, PEER = 1, 2
PAGE = 7
"""Entries that one answer holds at most, so that catching up is limited and pages end."""


class ModelServer:
    """Keeps a log and answers the requests of a client that the link and the store make by themselves."""

    def __init__(self) -> None:
        self.epoch = 1
        self.entries: list[Frame] = []
        self.cids: dict[str, int] = {}
        self.read = 1
        self.append(PEER, {"kind": "create"}, None)

    @property
    def head(self) -> int:
        """The highest seq."""
        return len(self.entries)

    # -- the log ------------------------------------------------------------------------------------------------------

    def append(self, by: int, facts: Frame, cid: str | None) -> Frame:
        """Store an entry; as it is told live."""
        seq = self.head + 1
        entry = {"conv": CONV, "seq": seq, "by": by, "at": seq, **facts}
        if cid is not None:
            entry["cid"] = cid
            self.cids[cid] = seq
        if entry["kind"] == "message":
            entry["rev"] = seq
        self.entries.append(entry)
        told = dict(entry)
        if entry["kind"] in {"edit", "delete", "reaction"}:
            self._apply(entry)
        return told

    def _apply(self, change: Frame) -> None:
        message = self.entries[change["target"] - 1] = dict(self.entries[change["target"] - 1])
        message["rev"] = change["seq"]
        match change["kind"]:
            case "edit":
                message |= {"text": change["text"], "edited": change["at"]}
            case "delete":
                message["deleted"] = True
                for gone in ("text", "edited", "reactions"):
                    message.pop(gone, None)
            case _:
                reactions = {emoji: list(users) for emoji, users in message.get("reactions", {}).items()}
                users = set(reactions.pop(change["emoji"], []))
                users = users | {change["by"]} if change["on"] else users - {change["by"]}
                if users:
                    reactions[change["emoji"]] = sorted(users)
                message.pop("reactions", None)
                if reactions:
                    message["reactions"] = reactions
        if change["kind"] in {"edit", "delete"}:
            for at, entry in enumerate(self.entries):
                if entry["kind"] == "edit" and entry["target"] == change["target"] and entry["seq"] < change["seq"]:
                    self.entries[at] = {**entry, "text": ""}

    def alive(self, by: int | None = None) -> list[int]:
        """Messages that can be changed, by anybody or one."""
        return [
            entry["seq"]
            for entry in self.entries
            if entry["kind"] == "message" and "deleted" not in entry and by in (None, entry["by"])
        ]

    # -- answers ------------------------------------------------------------------------------------------------------

    def answer(self, request: Frame) -> Frame | None:
        """What a request is answered with."""
        number = {"re": request["id"]} if "id" in request else {}
        match request["type"]:
            case "session.login" | "session.resume":
                return self._ready(request) | number
            case "history.get":
                return self._page(request) | number
            case "message.send" | "message.edit" | "message.delete" | "message.react":
                return self._write(request) | number
            case "read.mark":
                self.read = max(self.read, min(request["seq"], self.head))
                return {"type": "ok"} | number
            case "conversation.list":
                return {"type": "conversations", "conversations": [self._conversation()], "more": False} | number
            case "ping":
                return {"type": "pong", "at": 0} | number if number else None
        raise AssertionError(request)

    def _conversation(self) -> Frame:
        unread = sum(e["kind"] == "message" and e["by"] != ANN and e["seq"] > self.read for e in self.entries)
        facts = {"conv": CONV, "kind": "direct", "title": "Bob", "peer": PEER, "muted": False, "from": 1}
        return {**facts, "head": self.head, "read": self.read, "unread": unread, "mentions": 0}

    def _ready(self, request: Frame) -> Frame:
        cursor = request.get("cursors", {}).get(str(CONV))
        reset = request.get("epoch", str(self.epoch)) != str(self.epoch)
        missed = []
        if cursor is not None and not reset and cursor < self.head:
            entries = self.entries[cursor:][-PAGE:]
            missed = [{"conv": CONV, "entries": entries, "limited": entries[0]["seq"] > cursor + 1}]
        answer = {
            "type": "session.ready",
            "user": ME,
            "session": 1,
            "epoch": str(self.epoch),
            "reset": reset,
            "friends": [{"user": BOB, "relation": "friend", "conv": CONV}],
            "requests": [],
            "blocked": [],
            "conversations": [self._conversation()],
            "missed": missed,
        }
        return answer if request["type"] == "session.resume" else {**answer, "token": "token"}

    def _page(self, request: Frame) -> Frame:
        limit = min(request["limit"], PAGE)
        if "after" in request:
            entries = self.entries[request["after"] :][:limit]
        elif "before" in request:
            entries = self.entries[: request["before"] - 1][-limit:]
        else:
            entries = self.entries[request["around"] - 1 :][:1]
        more = bool(entries) and (entries[-1]["seq"] < self.head if "after" in request else entries[0]["seq"] > 1)
        return {"type": "history.page", "conv": CONV, "entries": entries, "head": self.head, "more": more}

    def _write(self, request: Frame) -> Frame:
        cid = request["cid"]
        ack = {"type": "ack", "conv": CONV, "cid": cid}
        if cid in self.cids:
            seq = self.cids[cid]
            return {**ack, "seq": seq, "at": seq, "duplicate": True}
        if "after" in request and request["after"] not in self.cids:
            return {"type": "error", "code": "unavailable", "message": "Later.", "retry_after": 10}
        kind = {"send": "message", "react": "reaction"}.get(request["type"][8:], request["type"][8:])
        if kind != "message" and request["seq"] not in self.alive(None if kind == "reaction" else ANN):
            return {"type": "error", "code": "not_found", "message": "There is no such message."}
        facts = {name: request[name] for name in ("text", "emoji", "on") if name in request}
        if kind != "message":
            facts["target"] = request["seq"]
        entry = self.append(ANN, {"kind": kind, **facts}, cid)
        return {**ack, "seq": entry["seq"], "at": entry["at"], "duplicate": False}
