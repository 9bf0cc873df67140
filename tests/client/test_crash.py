"""The server is killed with -9 under a client that sends; then the client is. No word is lost or said twice."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from mrccsc_tui.client import ChatClient
from mrccsc_tui.state.changes import Settled
from mrccsc_tui.state.models import Message
from tests.client.party import Party, direct, me, settled, texts
from tests.waiting import wait_until
from tests.wire.server import Server

KILLS = 2


async def test_every_word_is_stored_once_and_in_order_whenever_the_server_is_killed(tmp_path: Path) -> None:
    server = Server(tmp_path / "server", "--unlimited")
    server.folder.mkdir()
    server.start()
    party = Party(server)
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    acked: dict[str, int] = {}

    def follow(changes) -> None:
        acked.update({change.cid: change.seq for change in changes if isinstance(change, Settled)})

    ann.subscribe(follow)
    said: dict[str, str] = {}

    async def talk() -> None:
        while True:
            sent = ann.send(conv, f"word {len(said)}")
            said[sent.cid] = sent.raw
            await asyncio.sleep(0.01)

    talking = asyncio.create_task(talk())
    port = server.port
    for _ in range(KILLS):
        before = len(acked)
        await wait_until(lambda before=before: len(acked) > before + 30, "words being stored")
        await asyncio.to_thread(server.kill)
        await wait_until(lambda: not ann.status.online, "noticing the end")
        lost = len(said)
        await wait_until(lambda lost=lost: len(said) > lost + 20, "talking on")
        await asyncio.to_thread(server.start, port)
        ann.reconnect_now()
        bob.reconnect_now()
    talking.cancel()
    await settled(ann)
    assert acked.keys() == said.keys()

    everything = list(said.values())
    await wait_until(lambda: texts(bob, conv) == everything, "the other having it all")
    assert texts(ann, conv) == everything
    for client in (ann, bob):
        held = {row.cid: row.seq for row in client.store.timeline(conv) if isinstance(row, Message)}
        assert held == acked
    await party.close()
    assert server.stop() == 0


_TALKER = """
import asyncio, sys
from mrccsc_tui.client import ChatClient
from mrccsc_tui.config import Profile
from mrccsc_tui.profile import locked

async def main(name, port, conv):
    client = ChatClient(Profile(name, "127.0.0.1", port))
    await client.start()
    number = 0
    while True:
        client.send(conv, f"word {number}")
        print(f"word {number}", flush=True)
        number += 1
        await asyncio.sleep(0)

with locked(sys.argv[1]):
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"""


async def test_every_word_that_was_taken_survives_the_client_being_killed(party: Party) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    profile = ann.profile.name
    await party.stop(ann)

    talker = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", _TALKER, profile, str(party.server.port), str(conv)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    assert talker.stdout is not None
    taken: list[str] = []

    def listen() -> None:
        with talker.stdout as lines:
            for line in lines:
                taken.append(line.strip())
                if len(taken) == 150:
                    talker.send_signal(signal.SIGKILL)

    await asyncio.to_thread(listen)
    await asyncio.to_thread(talker.wait)

    back: ChatClient = party.client(profile)
    await back.start()
    left = len(back.store.pending(conv))
    await settled(back)
    await wait_until(lambda: texts(bob, conv)[: len(taken)] == taken, f"all words, {left} of which were left")
    # A word whose taking was never told may be there; no other one.
    assert len(texts(bob, conv)) <= len(taken) + 1
    assert me(back).username == profile


async def test_what_was_typed_while_offline_is_sent_in_order_when_the_line_is_back(tmp_path: Path) -> None:
    server = Server(tmp_path / "server", "--unlimited")
    server.folder.mkdir()
    server.start()
    party = Party(server)
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    ann.send(conv, "before")
    await wait_until(lambda: texts(bob, conv) == ["before"], "the first word")
    ann.mark_read(conv, 2)
    port = server.port
    assert await asyncio.to_thread(server.stop) == 0
    await wait_until(lambda: ann.status.phase == "offline", "being offline")
    assert ann.store.presence(me(bob).user) is None
    for number in range(12):
        ann.send(conv, f"offline {number}")
    first = ann.store.message(conv, 2)
    assert first is not None
    ann.edit(conv, first.seq, "before, edited")
    ann.send(conv, "last")
    assert "14 messages waiting" in ann.status.words(ann.now())
    ann.set_draft(conv, "unfinished")

    await party.stop(ann)
    ann = party.client(ann.profile.name)
    await ann.start()
    assert ann.store.me is not None
    assert ann.draft(conv) == "unfinished"
    assert len(ann.store.pending(conv)) == 14
    assert await ann.load_older(conv) is True or texts(ann, conv) == ["before"]
    assert texts(ann, conv) == ["before"]

    await asyncio.to_thread(server.start, port)
    ann.reconnect_now()
    bob.reconnect_now()
    expected = ["before, edited", *(f"offline {number}" for number in range(12)), "last"]
    await wait_until(lambda: texts(bob, conv) == expected, "all of it, in order")
    await settled(ann)
    assert texts(ann, conv) == expected
    await party.close()
    assert server.stop() == 0
