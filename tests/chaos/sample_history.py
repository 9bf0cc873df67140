"""A small history of a perfect run, told without a server: what the tests of the checker doctor."""

from __future__ import annotations

import uuid
from typing import Any

from tests.chaos.history import Record, Recorder

CONV = 7
BOUNDS = {"reach": 15.0, "presence": 30.0, "around": 1, "memory_growth": 100_000_000, "queues": {"commits": 100}}


class Person:
    """Somebody with one client on one line."""

    def __init__(self, client: str, user: int) -> None:
        self.client = client
        self.user = user
        self.line = 0
        self.requests = 0
        self.cursor = 0


class Story:
    """Tells what people do in one group, as a history in which nothing is wrong."""

    def __init__(self) -> None:
        self.time = 0.0
        self.recorder = Recorder(monotonic=lambda: self.time)
        self.note = self.recorder.note
        self.note("run", version=1, bounds=BOUNDS, seed=1, system="told")
        self.log: list[Record] = []
        self.people: list[Person] = []
        self.members: list[Person] = []
        self.reads: dict[int, int] = {}

    @property
    def records(self) -> list[Record]:
        """The history so far."""
        return self.recorder.records

    def comes(self, client: str, user: int) -> Person:
        """A client is started, its line made, its session begun."""
        person = Person(client, user)
        self.people.append(person)
        self.note("open", client=client, held={}, probe=False)
        self.note("user", client=client, user=user, username=client)
        self.resumes(person)
        return person

    def resumes(self, person: Person) -> None:
        """A line begins; what was missed comes with it."""
        self.time += 0.1
        person.line += 1
        request = {"type": "session.resume"}
        inside = person in self.members
        if person.cursor:
            request["cursors"] = {str(CONV): person.cursor}  # type: ignore[assignment]
        number = self.says_frame(person, request)
        missed = self.log[person.cursor :] if inside and person.cursor else []
        conversations = [self._conversation(person)] if inside else []
        self.hears(
            person,
            type="session.ready",
            re=number,
            reset=False,
            epoch="e",
            conversations=conversations,
            missed=[{"conv": CONV, "entries": missed, "limited": False}] if missed else [],
            friends=[],
        )
        if missed:
            self.note("grew", client=person.client, conv=CONV, first=person.cursor + 1, last=len(self.log), live=False)
            person.cursor = len(self.log)

    def returns(self, person: Person, epoch: str) -> None:
        """A line begins to a store with another epoch: what the client has is void."""
        self.time += 0.1
        person.line += 1
        request = {"type": "session.resume", "epoch": "e", "cursors": {str(CONV): person.cursor}}
        number = self.says_frame(person, request)
        facts = {"reset": True, "epoch": epoch, "missed": [], "friends": []}
        self.hears(person, type="session.ready", re=number, conversations=[self._conversation(person)], **facts)
        person.cursor = len(self.log)
        self.note("restart", client=person.client, conv=CONV, cursor=person.cursor)

    def leaves_line(self, person: Person) -> None:
        """The line breaks."""
        self.note("lost", client=person.client, line=person.line)

    def founds(self, person: Person) -> None:
        """Make the group."""
        self._invoke(person, "create_group", None)
        number = self.says_frame(person, {"type": "group.create", "cid": _cid(), "title": "tea"})
        self._append(person, {"kind": "create"}, _cid())
        self.members.append(person)
        self.hears(person, type="conversation", re=number, conversation=self._conversation(person))
        self.note("added", client=person.client, conv=CONV, cursor=1)
        person.cursor = 1

    def invites(self, person: Person, other: Person) -> None:
        """Make somebody a member."""
        cid = self._invoke(person, "invite", None)
        number = self.says_frame(person, {"type": "group.invite", "conv": CONV, "user": other.user, "cid": cid})
        view = self._conversation(other)
        entry = self._append(person, {"kind": "join", "user": other.user, "reason": "invited"}, cid)
        self.hears(other, type="conversation", conversation=view)
        self.note("added", client=other.client, conv=CONV, cursor=entry["seq"] - 1)
        other.cursor = entry["seq"] - 1
        self.members.append(other)
        self._deliver(entry)
        self.hears(person, type="ok", re=number)
        self.note("ok", client=person.client, op=self._op)

    def removes(self, person: Person, other: Person) -> None:
        """Take somebody out."""
        cid = self._invoke(person, "remove", None)
        number = self.says_frame(person, {"type": "group.remove", "conv": CONV, "user": other.user, "cid": cid})
        entry = self._append(person, {"kind": "leave", "user": other.user, "reason": "removed"}, cid)
        self._deliver(entry)
        self.members.remove(other)
        self.hears(other, type="conversation.gone", conv=CONV, reason="removed")
        self.note("gone", client=other.client, conv=CONV)
        self.hears(person, type="ok", re=number)
        self.note("ok", client=person.client, op=self._op)

    def says(self, person: Person, text: str) -> Record:
        """Say something; the entry."""
        cid = self._invoke(person, "send", CONV, text=text)
        number = self.says_frame(person, {"type": "message.send", "conv": CONV, "cid": cid, "text": text})
        entry = self._append(person, {"kind": "message", "text": text}, cid)
        self._acked(person, number, entry)
        return entry

    def edits(self, person: Person, target: Record, text: str) -> Record:
        """Change what was said."""
        cid = self._invoke(person, "edit", CONV, target=target["seq"], text=text)
        request = {"type": "message.edit", "conv": CONV, "cid": cid, "seq": target["seq"], "text": text}
        number = self.says_frame(person, request)
        entry = self._append(person, {"kind": "edit", "target": target["seq"], "text": text}, cid)
        self.log[target["seq"] - 1] = {**target, "text": text, "rev": entry["seq"], "edited": entry["at"]}
        self._acked(person, number, entry)
        return entry

    def takes_back(self, person: Person, target: Record, cid: str | None = None) -> str:
        """Take an emoji back that may be there or not; its cid, which is new or that of what is asked for again."""
        if cid is None:
            cid = self._invoke(person, "react", CONV, target=target["seq"], emoji="👍", on=False)
        self._reacts(person, target, on=False, cid=cid)
        return cid

    def puts(self, person: Person, target: Record) -> None:
        """Set an emoji."""
        cid = self._invoke(person, "react", CONV, target=target["seq"], emoji="👍", on=True)
        self._reacts(person, target, on=True, cid=cid)

    def _reacts(self, person: Person, target: Record, *, on: bool, cid: str) -> None:
        facts = {"emoji": "👍", "on": on}
        request = {"type": "message.react", "conv": CONV, "cid": cid, "seq": target["seq"], **facts}
        number = self.says_frame(person, request)
        held = self.log[target["seq"] - 1]
        if on == (held.get("reactions") == {"👍": [person.user]}):
            told = {name: held[name] for name in ("conv", "seq", "at")}
            self.hears(person, type="ack", re=number, cid=cid, duplicate=True, **told)
            self.note("ok", client=person.client, op=cid, seq=held["seq"])
            return
        entry = self._append(person, {"kind": "reaction", "target": target["seq"], **facts}, cid)
        changed = {**held, "rev": entry["seq"]}
        changed.pop("reactions", None)
        self.log[target["seq"] - 1] = {**changed, "reactions": {"👍": [person.user]}} if on else changed
        self._acked(person, number, entry)

    def is_refused(self, person: Person, text: str, code: str = "forbidden") -> str:
        """Ask for something in vain; its cid."""
        cid = self._invoke(person, "send", CONV, text=text)
        number = self.says_frame(person, {"type": "message.send", "conv": CONV, "cid": cid, "text": text})
        self.hears(person, type="error", re=number, code=code)
        self.note("fail", client=person.client, op=cid, code=code)
        return cid

    def marks(self, person: Person, seq: int) -> None:
        """Read up to there."""
        number = self.says_frame(person, {"type": "read.mark", "conv": CONV, "seq": seq})
        self.reads[person.user] = max(seq, self.reads.get(person.user, 0))
        self.hears(person, type="ok", re=number)
        self.note("mark", client=person.client, conv=CONV, read=self.reads[person.user])

    def strikes(self, fault: str) -> None:
        """A fault comes, bites and goes."""
        for phase in ("begin", "bite", "end"):
            self.time += 0.2
            self.note("fault", fault=fault, id=1, phase=phase)

    def ends(self) -> list[Record]:
        """Faults and load are over; what everybody shows and the store has. The history."""
        self.time += 1
        self.note("quiet")
        for node in ("n1",):
            self.note("sample", node=node, pid=1, rss=50_000_000, queues={"commits": 0})
        for person in list(self.people):
            self.note("view", **self._view(person, fresh=False))
        for person in list(self.people):
            probe = Person(f"{person.client}-fresh", person.user)
            self.note("open", client=probe.client, held={}, probe=True)
            self.note("user", client=probe.client, user=probe.user, username=person.client)
            self.note("view", **{**self._view(person, fresh=True), "client": probe.client})
        self.time += 5
        for person in self.people:
            self.leaves_line(person)
            self.note("close", client=person.client, how="stop")
        self.keeps()
        self.note("end")
        return self.records

    def keeps(self) -> None:
        """What the store has now."""
        members = {str(one.user): {"read": self.reads.get(one.user, 0)} for one in self.people if one in self.members}
        facts = {"kind": "group", "visibility": "private", "head": len(self.log), "members": members}
        self.note("stored", conv=CONV, entries=list(self.log), **facts)

    # -- how it is told ---------------------------------------------------------------------------------------------

    def says_frame(self, person: Person, frame: Record) -> int:
        """A request goes out; its id."""
        self.time += 0.01
        person.requests += 1
        self.note("said", client=person.client, line=person.line, frame={"id": person.requests, **frame})
        return person.requests

    def hears(self, person: Person, **frame: Any) -> Record:
        """A frame comes in."""
        self.time += 0.01
        return self.note("heard", client=person.client, line=person.line, frame=frame)

    def _invoke(self, person: Person, act: str, conv: int | None, **facts: Any) -> str:
        self.time += 0.01
        cid = self._op = _cid()
        self.note("invoke", client=person.client, op=cid, act=act, conv=conv, cid=cid, **facts)
        return cid

    def _append(self, person: Person, facts: Record, cid: str) -> Record:
        seq = len(self.log) + 1
        entry = {"conv": CONV, "seq": seq, "by": person.user, "at": seq * 10, "cid": cid, **facts}
        if entry["kind"] == "message":
            entry["rev"] = seq
        self.log.append(entry)
        return entry

    def _acked(self, person: Person, number: int, entry: Record) -> None:
        self._deliver(entry, but=person)
        ack = {name: entry[name] for name in ("conv", "seq", "at", "cid")}
        self.hears(person, type="ack", re=number, duplicate=False, **ack)
        self.note("grew", client=person.client, conv=CONV, first=entry["seq"], last=entry["seq"], live=True)
        person.cursor = entry["seq"]
        self.note("ok", client=person.client, op=entry["cid"], seq=entry["seq"])

    def _deliver(self, entry: Record, but: Person | None = None) -> None:
        for person in self.members:
            if person is not but:
                self.hears(person, **{"type": "entry", **entry})
                self.note("grew", client=person.client, conv=CONV, first=entry["seq"], last=entry["seq"], live=True)
                person.cursor = entry["seq"]

    def _conversation(self, person: Person) -> Record:
        return {"conv": CONV, "head": len(self.log), "from": 1, "read": self.reads.get(person.user, 0)}

    def _view(self, person: Person, *, fresh: bool) -> Record:
        inside = person in self.members
        start = next((entry["seq"] for entry in self.log if entry.get("user") == person.user), 1)
        facts = {"head": len(self.log), "start": start, "read": self.reads.get(person.user, 0)}
        rows = [entry for entry in self.log[start - 1 :] if entry["kind"] not in {"edit", "delete", "reaction"}]
        return {
            "client": person.client,
            "fresh": fresh,
            "facts": {str(CONV): facts} if inside else {},
            "tails": {str(CONV): start} if inside else {},
            "logs": {str(CONV): rows} if inside else {},
            "presence": {str(one.user): "online" for one in self.people if one is not person},
        }


def _cid() -> str:
    return str(uuid.uuid4())
