"""What a real server said to one person in one session, kept in a file, and a transport that says it again.

``python -m tests.ui.recording`` plays the session anew on a real server and writes the file.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mrccsc_tui.link.errors import LineLost
from mrccsc_tui.link.transport import Address
from tests.wire.client import Client, cid
from tests.wire.server import Server

FOLDER = Path(__file__).with_name("recorded")

Frame = dict[str, Any]

_DEVICE = "0190b4a2-7c1e-7c1e-8c1e-0190b4a27c1e"


class Recording:
    """A server's welcome and sign-in answer, its logs, its member lists, and what it found."""

    def __init__(self, data: Frame) -> None:
        self.welcome: Frame = data["welcome"]
        self.ready: Frame = data["ready"]
        self.logs: dict[int, list[Frame]] = {int(conv): entries for conv, entries in data["logs"].items()}
        self.members: dict[int, list[Frame]] = {int(conv): rows for conv, rows in data["members"].items()}
        self.found: dict[str, list[Frame]] = data["found"]
        self.groups: list[Frame] = data["groups"]

    @classmethod
    def load(cls, name: str) -> Recording:
        return cls(json.loads((FOLDER / f"{name}.json").read_text()))

    def conv(self, title: str) -> int:
        return next(one["conv"] for one in self.ready["conversations"] if one["title"] == title)

    def user(self, name: str) -> int:
        people = [*self.ready["friends"], *self.ready["requests"], *self.ready["blocked"]]
        return next(one["user"]["user"] for one in people if one["user"]["username"] == name)


class Replay:
    """A server that says what was recorded. ``dial`` is for :class:`ChatClient`; ``deliver`` and ``drop`` are events.

    What is sent is stored in the replayed logs, at one minute after the last entry. ``refuse`` gives requests of a
    type an error instead of an answer, ``silent`` types get none.
    """

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.requests: list[Frame] = []
        self.refuse: dict[str, tuple[str, str]] = {}
        self.silent: set[str] = set()
        self.down = False
        self._lines: list[_Line] = []

    async def dial(self, _address: Address) -> _Line:
        if self.down:
            raise LineLost("Nothing listens there.")
        line = _Line(self._take)
        self._lines.append(line)
        line.say(self.recording.welcome)
        return line

    def deliver(self, frame: Frame) -> None:
        """An event to everybody who is connected; an entry is also stored."""
        if frame["type"] == "entry":
            self.recording.logs[frame["conv"]].append({key: value for key, value in frame.items() if key != "type"})
        for line in self._lines:
            line.say(frame)

    def drop(self) -> None:
        """The line breaks."""
        lines, self._lines = self._lines, []
        for line in lines:
            line.close()

    def next_entry(self, conv: int, kind: str, by: int, **fields: Any) -> Frame:
        last = self.recording.logs[conv][-1]
        seq = last["seq"] + 1
        entry = {"type": "entry", "conv": conv, "seq": seq, "kind": kind, "by": by, "at": last["at"] + 60_000}
        return entry | ({"rev": seq} if kind == "message" else {}) | fields

    def _take(self, line: _Line, request: Frame) -> None:
        self.requests.append(request)
        if request["type"] in self.silent:
            return
        if refused := self.refuse.get(request["type"]):
            line.say({"type": "error", "re": request.get("id"), "code": refused[0], "message": refused[1]})
            return
        answer = self._answer(request)
        if "id" in request:
            line.say(answer | {"re": request["id"]})

    def _answer(self, request: Frame) -> Frame:
        recording = self.recording
        match request["type"]:
            case "session.resume" | "session.login" | "account.register":
                return recording.ready
            case "history.get":
                return self._page(request)
            case "group.members":
                return {"type": "group.members", "members": recording.members.get(request["conv"], []), "more": False}
            case "search.messages":
                hits = recording.found.get(request["query"], [])
                return {"type": "search.results", "hits": [h for h in hits if request.get("conv") in (None, h["conv"])]}
            case "group.find":
                return {"type": "group.results", "groups": recording.groups}
            case "user.search":
                people = [one["user"] for one in [*recording.ready["friends"], *recording.ready["requests"]]]
                return {"type": "user.results", "users": [one for one in people if request["query"] in one["username"]]}
            case "session.list":
                at = recording.logs[max(recording.logs)][-1]["at"]
                facts = {"created": at, "last_seen": at}
                mine = {"session": 1, "current": True, "device": {"id": _DEVICE, "name": "mrccsc-tui on desk"}}
                other = {"session": 2, "current": False, "device": {"id": _DEVICE, "name": "mrccsc-tui on laptop"}}
                return {"type": "sessions", "sessions": [mine | facts, other | facts]}
            case "message.send":
                me = recording.ready["user"]["user"]
                extra = {key: request[key] for key in ("cid", "text", "reply_to") if key in request}
                entry = self.next_entry(request["conv"], "message", me, **extra)
                recording.logs[request["conv"]].append({key: value for key, value in entry.items() if key != "type"})
                return {"type": "ack", "duplicate": False} | {key: entry[key] for key in ("conv", "cid", "seq", "at")}
        return {"type": "ok"}

    def _page(self, request: Frame) -> Frame:
        log = self.recording.logs[request["conv"]]
        limit = request["limit"]
        if (before := request.get("before")) is not None:
            older = [entry for entry in log if entry["seq"] < before]
            entries, more = older[-limit:], len(older) > limit
        elif (after := request.get("after")) is not None:
            newer = [entry for entry in log if entry["seq"] > after]
            entries, more = newer[:limit], len(newer) > limit
        else:
            entries, more = log[-limit:], len(log) > limit
        head = log[-1]["seq"]
        return {"type": "history.page", "conv": request["conv"], "entries": entries, "head": head, "more": more}


class _Line:
    """One connection, in memory."""

    def __init__(self, take: Callable[[_Line, Frame], None]) -> None:
        self._take = take
        self._to_client: asyncio.Queue[bytes] = asyncio.Queue()
        self._rest = b""
        self._ended = False

    def say(self, frame: Frame) -> None:
        if not self._ended:
            self._to_client.put_nowait(json.dumps(frame).encode() + b"\n")

    async def read(self) -> bytes:
        return await self._to_client.get()

    def write(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(self, json.loads(line))

    def close(self) -> None:
        if not self._ended:
            self._ended = True
            self._to_client.put_nowait(b"")

    async def closed(self) -> None:
        return


async def _record(folder: Path) -> Frame:
    """A morning of six people on a real server, as Ana's client is told of it."""
    server = Server(folder, "--unlimited", "--node", "n1").start()
    company: list[Client] = []
    try:
        people = []
        for name, shown in _PEOPLE.items():
            client = await Client(name, server.port, company).connect()
            people.append(await client.registers(name, display_name=shown))
        return await _morning(*people)
    finally:
        for client in company:
            await client.close()
        server.stop()


_PEOPLE = {
    "ana": "Ana Lima",
    "bob": "Bob Novak",
    "chiyo": "千代",
    "dora": "Dora Ito",
    "eve": "Eve Okafor",
    "finn": "Finn",
}


async def _morning(ana: Client, bob: Client, chiyo: Client, dora: Client, eve: Client, finn: Client) -> Frame:
    for other in (bob, chiyo, dora):
        await ana.befriends(other)
    await bob.befriends(dora)
    await eve.ask("contact.request", username="ana")
    await ana.ask("contact.request", username="finn")
    await chiyo.ask("presence.set", status="away", text="lunch")
    await dora.ask("presence.set", status="dnd")

    made = await bob.ask("group.create", title="lunch", topic="where to eat today", visibility="public")
    lunch = made["conversation"]["conv"]
    await bob.ask("group.invite", conv=lunch, user=ana.id)
    for one in (dora, chiyo):
        await one.ask("group.join", conv=lunch)
    made = await ana.ask("group.create", title="release 2.0", topic="what is left to do", visibility="private")
    release = made["conversation"]["conv"]
    for one in (bob, dora):
        await ana.ask("group.invite", conv=release, user=one.id)

    async def say(who: Client, conv: int, text: str, **more: Any) -> int:
        return int((await who.ask("message.send", conv=conv, cid=cid(), text=text, **more))["seq"])

    first = await say(bob, lunch, "Shall we go to the Thai place? It has a new menu: https://thai.example/menu")
    curry = await say(dora, lunch, "Only if they have the green curry.")
    await say(ana, lunch, "They do. @bob can you book for twelve thirty?", reply_to=first)
    await say(chiyo, lunch, "十二點半我可以。 See you there!")
    typo = await say(bob, lunch, "Bookd, four seats")
    await bob.ask("message.edit", conv=lunch, cid=cid(), seq=typo, text="Booked, four seats by the window")
    for who, seq, emoji in ((ana, curry, "😂"), (dora, first, "👍"), (chiyo, first, "👍"), (ana, first, "👍")):
        await who.ask("message.react", conv=lunch, cid=cid(), seq=seq, emoji=emoji, on=True)
    gone = await say(dora, lunch, "wrong window, sorry")
    await dora.ask("message.delete", conv=lunch, cid=cid(), seq=gone)
    await ana.ask("read.mark", conv=lunch, seq=gone)
    await say(dora, lunch, "@ana shall I bring the projector?")
    await say(bob, lunch, "Leaving in ten minutes.\nMeet at the door.")

    for step in ("The unit tests are green", "The changelog is written", "Waiting for the second review"):
        await say(bob, release, step)
    direct = (await ana.ask("direct.open", user=bob.id))["conversation"]["conv"]
    seen = await say(ana, direct, "Did you see the draft?")
    await bob.ask("read.mark", conv=direct, seq=seen)
    answer = await say(bob, direct, "Yes, it reads well. Two small notes in the margin.")
    await say(ana, direct, "Thank you, I will look at them after lunch.")
    await ana.ask("read.mark", conv=direct, seq=answer)
    await finn.ask("group.create", title="climbing", topic="Thursdays at seven", visibility="public")

    again = await (await Client("ana again", ana.port, ana.company).connect()).resumes(ana.token)
    logs = {conv: (await ana.ask("history.get", conv=conv, limit=200))["entries"] for conv in (lunch, release, direct)}
    members = {conv: (await ana.ask("group.members", conv=conv, limit=200))["members"] for conv in (lunch, release)}
    found = {words: await _hits(ana, words) for words in ("window", "review", "十二點")}
    groups = (await ana.ask("group.find", limit=50))["groups"]
    return {
        "welcome": again.welcome,
        "ready": again.ready,
        "logs": logs,
        "members": members,
        "found": found,
        "groups": groups,
    }


async def _hits(who: Client, words: str) -> list[Frame]:
    """What the server finds, once its index has it."""
    for _ in range(200):
        hits: list[Frame] = (await who.ask("search.messages", query=words, limit=50))["hits"]
        if hits:
            return hits
        await asyncio.sleep(0.05)
    raise AssertionError(f"{words} was not found")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as where:
        recorded = asyncio.run(_record(Path(where)))
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "morning.json").write_text(json.dumps(recorded, ensure_ascii=False, indent=1) + "\n")
