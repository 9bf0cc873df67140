"""A conversation's log as a client would keep it: only from what was acknowledged, with the plainest means."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Entry = dict[str, Any]


@dataclass
class ModelMember:
    joined: int
    read: int
    active: bool = True


@dataclass
class ModelConversation:
    """``log`` holds entries in their present state. ``mentioned`` are (seq, user) as of sending."""

    conv: int
    public: bool
    direct: bool
    log: list[Entry]
    members: dict[int, ModelMember]
    mentioned: set[tuple[int, int]] = field(default_factory=set)
    edits: dict[int, int] = field(default_factory=dict)
    reactions: dict[int, dict[tuple[str, int], int]] = field(default_factory=dict)

    @property
    def head(self) -> int:
        return len(self.log)

    def at(self, seq: int) -> Entry:
        return self.log[seq - 1]

    def apply(self, entry: Entry) -> None:
        """What an acknowledged entry makes of the log."""
        assert entry["seq"] == self.head + 1
        assert entry["at"] >= self.log[-1]["at"]
        self.log.append(dict(entry))
        match entry["kind"]:
            case "message":
                self.mentioned |= {(entry["seq"], user) for user in entry.get("mentions", []) if user != entry["by"]}
            case "edit":
                self._supersede(entry["target"])
                self.edits[entry["target"]] = entry["seq"]
                message = self.at(entry["target"])
                message |= {"text": entry["text"], "edited": entry["at"], "rev": entry["seq"]}
                message.pop("mentions", None)
                if "mentions" in entry:
                    message["mentions"] = entry["mentions"]
            case "delete":
                self._supersede(entry["target"])
                message = self.at(entry["target"])
                for gone in ("text", "edited", "mentions", "reactions"):
                    message.pop(gone, None)
                message |= {"deleted": True, "rev": entry["seq"]}
            case "reaction":
                self._react(entry)
            case "join":
                self.members[entry["user"]] = ModelMember(joined=entry["seq"], read=entry["seq"] - 1)
            case "leave":
                self.members[entry["user"]].active = False
            case "change" if "visibility" in entry:
                self.public = entry["visibility"] == "public"

    def first(self, user: int) -> int:
        """The first seq that a member may read."""
        return 1 if self.public or self.direct else self.members[user].joined

    def readable(self, user: int) -> list[Entry]:
        return self.log[self.first(user) - 1 :]

    def unread(self, user: int) -> tuple[int, int]:
        """How many messages, and how many mentions, by others after the mark."""
        new = [
            entry["seq"]
            for entry in self.readable(user)
            if entry["kind"] == "message" and entry["by"] != user and entry["seq"] > self.members[user].read
        ]
        return len(new), sum((seq, user) in self.mentioned for seq in new)

    def _supersede(self, target: int) -> None:
        if before := self.edits.pop(target, None):
            self.at(before)["text"] = ""
            self.at(before).pop("mentions", None)

    def _react(self, entry: Entry) -> None:
        standing = self.reactions.setdefault(entry["target"], {})
        key = entry["emoji"], entry["by"]
        standing.pop(key, None)
        if entry["on"]:
            standing[key] = entry["seq"]
        message = self.at(entry["target"])
        message["rev"] = entry["seq"]
        message.pop("reactions", None)
        for emoji, user in sorted(standing, key=standing.__getitem__):
            message.setdefault("reactions", {}).setdefault(emoji, []).append(user)
