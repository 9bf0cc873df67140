"""The server is killed with -9 under load: every acknowledged entry is there, every retry is stored once."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

from tests.wire.client import Client, Closed, Frame, cid
from tests.wire.server import Server

SPEAKERS = 6
KILLS = 3


class Speaker:
    """Somebody who talks without waiting and, after each break, repeats what was not acknowledged."""

    def __init__(self, client: Client, conv: int) -> None:
        self.client = client
        self.conv = conv
        self.said: list[str] = []
        self.waiting: dict[str, str] = {}
        self.acked: dict[str, int] = {}
        self.repeated = 0

    async def talk(self, stop: asyncio.Event) -> None:
        """Keep up to 32 messages in flight until told to stop or cut off; each waits for its predecessor."""
        flights: dict[asyncio.Future[Frame], str] = {}
        try:
            for key, text in list(self.waiting.items()):
                self.repeated += 1
                flights[self._send(key, text)] = key
            while not stop.is_set() or flights:
                while len(flights) < 32 and not stop.is_set():
                    key = cid()
                    self.waiting[key] = text = f"{self.client.name} says {len(self.said)}"
                    flights[self._send(key, text)] = key
                    self.said.append(key)
                done, _ = await asyncio.wait(flights, return_when=asyncio.FIRST_COMPLETED, timeout=30)
                assert done, "no answer in 30 s"
                for future in done:
                    key = flights.pop(future)
                    self._take(key, future.result())
        except (Closed, OSError):
            # What was in flight is neither acknowledged nor refused: unknown.
            for future, key in flights.items():
                with contextlib.suppress(Closed, OSError):
                    if future.done():
                        self._take(key, future.result())

    def _send(self, key: str, text: str) -> asyncio.Future[Frame]:
        waiting = list(self.waiting)
        previous = waiting[waiting.index(key) - 1] if waiting.index(key) else None
        after = {"after": previous} if previous else {}
        return self.client.post("message.send", conv=self.conv, cid=key, text=text, **after)

    def _take(self, key: str, answer: Frame) -> None:
        assert answer["type"] == "ack", f"refused: {answer}"
        assert self.acked.setdefault(key, answer["seq"]) == answer["seq"]
        self.waiting.pop(key, None)


async def reconnect(speaker: Speaker, port: int) -> None:
    old = speaker.client
    await old.close()
    speaker.client = await Client(old.name, port, old.company).connect()
    await speaker.client.resumes(old.token, epoch=old.epoch)


async def test_killed_under_load(folder: Path, company: list[Client]) -> None:
    server = Server(folder, "--unlimited").start()
    port = server.port
    people = [
        await (await Client(f"p{number}", port, company).connect()).registers(f"p{number}")
        for number in range(SPEAKERS)
    ]
    conv = await people[0].founds("crowd", visibility="public")
    for one in people[1:]:
        await one.ask("group.join", conv=conv)
    speakers = [Speaker(one, conv) for one in people]

    for _ in range(KILLS):
        stop = asyncio.Event()
        talks = [asyncio.create_task(speaker.talk(stop)) for speaker in speakers]
        goal = sum(len(speaker.acked) for speaker in speakers) + 600
        while sum(len(speaker.acked) for speaker in speakers) < goal:
            await asyncio.sleep(0.005)
        server.kill()
        await asyncio.gather(*talks)
        assert any(speaker.waiting for speaker in speakers), "the blow must hit something in flight"
        server.start(port)
        for speaker in speakers:
            await reconnect(speaker, port)
    stop = asyncio.Event()
    stop.set()
    await asyncio.gather(*(speaker.talk(stop) for speaker in speakers))

    log: list[Frame] = []
    reader = speakers[0].client
    more = True
    while more:
        page = await reader.ask("history.get", conv=conv, after=log[-1]["seq"] if log else 0, limit=200)
        log += page["entries"]
        more = page["more"]
    assert [entry["seq"] for entry in log] == list(range(1, len(log) + 1)), "seqs have no holes"
    stored = {entry["cid"]: entry for entry in log if entry["kind"] == "message"}
    assert len(stored) == sum(entry["kind"] == "message" for entry in log), "each cid at most once"
    for speaker in speakers:
        assert not speaker.waiting
        for key in speaker.said:
            assert stored[key]["seq"] == speaker.acked[key], "every acknowledged entry is where it was said to be"
        order = [stored[key]["seq"] for key in speaker.said]
        assert order == sorted(order), "each speaker's words keep their order"
        texts = [stored[key]["text"] for key in speaker.said]
        assert texts == [f"{speaker.client.name} says {number}" for number in range(len(texts))]
    assert len(stored) == sum(len(speaker.said) for speaker in speakers)
    assert sum(speaker.repeated for speaker in speakers) > 0
    assert server.stop() == 0
    assert "Traceback" not in "".join(server.output)


async def test_everything_but_connections_survives(folder: Path, company: list[Client]) -> None:
    server = Server(folder, "--unlimited").start()
    alice = await (await Client("alice", server.port, company).connect()).registers("alice")
    bob = await (await Client("bob", server.port, company).connect()).registers("bob")
    await alice.befriends(bob)
    conv = await alice.opens(bob)
    message = await alice.says(conv, f"@{bob.username} tea?")
    await bob.reacts(conv, message["seq"], "👍")
    await alice.edits(conv, message["seq"], "coffee?")
    group = await alice.founds("team", bob, topic="t")
    await alice.ask("group.role", conv=group, user=bob.id, role="admin")
    await bob.ask("conversation.mute", conv=group, muted=True)
    await bob.ask("read.mark", conv=conv, seq=2)
    await bob.ask("presence.set", status="away", text="out")
    before = [(await one.another()).ready for one in (alice, bob)]
    histories = [await alice.history(one) for one in (conv, group)]
    server.kill()
    server.start()
    again = [await Client(one.name, server.port, company).connect() for one in (alice, bob)]
    for one, old in zip(again, (alice, bob), strict=True):
        await one.resumes(old.token, epoch=old.epoch, cursors={str(conv): 1})
    for one, ready in zip(again, before, strict=True):
        assert one.ready["conversations"] == ready["conversations"]
        assert one.ready["user"] == ready["user"]
        assert [contact["relation"] for contact in one.ready["friends"]] == ["friend"]
        assert [entry["seq"] for entry in one.ready["missed"][0]["entries"]] == [2, 3, 4]
        assert one.ready["epoch"] == ready["epoch"]
    assert [await again[0].history(one) for one in (conv, group)] == histories
    event = await again[0].answer("group.members", conv=group, limit=10)
    assert {member["role"] for member in event["members"]} == {"owner", "admin"}
    assert server.stop() == 0


async def test_a_second_server_on_the_same_folder_is_refused(folder: Path) -> None:
    server = Server(folder).start()
    second = Server(folder)
    try:
        second.start()
    except AssertionError:
        said = "".join(second.output)
        assert "Traceback" not in said
        assert said.count("\n") == 1, said
        assert str(server.pid) in said or str(server.port) in said, "it names the first"
        assert second.wait() == 2
    else:
        second.stop()
        raise AssertionError("two servers on one folder")
    assert server.stop() == 0
