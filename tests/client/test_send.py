"""``mrccsc-tui send`` says that a text was sent when the server has it, and else no more than is known."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mrccsc_tui.client import RequestError
from mrccsc_tui.profile import load_session, save_session
from mrccsc_tui.scripts.send import Delivery
from tests.client.commands import ended, run, start
from tests.client.fakes import conversation
from tests.client.party import PASSWORD, Party, direct, group, me, sees, settled, texts
from tests.client.world import World
from tests.waiting import until_one_ends, wait_until

Judge = Callable[[dict[str, Any]], Awaitable[bool]]


class Door:
    """A way to the server on a port of its own. ``judge`` sees each line of either side: ``False`` breaks the line."""

    def __init__(self, behind: int, judge: Judge) -> None:
        self._behind = behind
        self._judge = judge
        self._tasks: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def standing(self) -> AsyncIterator[int]:
        """Its port."""
        server = await asyncio.start_server(self._enter, "127.0.0.1", 0, limit=2**20)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._behind, limit=2**20)
        with contextlib.closing(writer), contextlib.closing(to_server):
            await until_one_ends(self._hand_on(reader, to_server), self._hand_on(from_server, writer))

    async def _hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (line := await reader.readline()) and await self._judge(json.loads(line)):
            writer.write(line)


def signed_in_at(port: int, profile: str) -> str:
    """The profile, whose session is at another port from now on."""
    session = load_session(profile)
    assert session is not None
    save_session(profile, replace(session, port=port))
    return profile


async def test_removed_while_the_text_is_on_its_way_is_not_sent(party: Party) -> None:
    ann, bob = await party.friends("ann", "bob")
    tea = await group(ann, bob)
    asked, removed = asyncio.Event(), asyncio.Event()

    async def judge(frame: dict[str, Any]) -> bool:
        if frame["type"] == "message.send":
            asked.set()
            await removed.wait()
        elif frame["type"] == "conversation.gone":
            removed.set()
        return True

    async with Door(party.server.port, judge).standing() as port:
        profile = signed_in_at(port, bob.profile.name)
        sending = await start("--profile", profile, "send", "#tea", "hello")
        await asked.wait()
        await ann.remove_member(tea, me(bob).user)
        done = await ended(sending)
    assert done.code == 1
    assert done.err == 'mrccsc-tui: You are no longer in "tea"; whether the server has it is not known.\n'
    ann.send(tea, "who was that?")
    await settled(ann)
    assert texts(ann, tea) == ["who was that?"]


async def test_removed_after_the_server_had_it_but_before_it_said_so(party: Party) -> None:
    ann, bob = await party.friends("ann", "bob")
    tea = await group(ann, bob)
    stored, removed = asyncio.Event(), asyncio.Event()

    async def judge(frame: dict[str, Any]) -> bool:
        if frame["type"] == "ack":
            stored.set()
            await removed.wait()
            return False
        return True

    async with Door(party.server.port, judge).standing() as port:
        profile = signed_in_at(port, bob.profile.name)
        sending = await start("--profile", profile, "send", "#tea", "hello")
        await stored.wait()
        await ann.remove_member(tea, me(bob).user)
        removed.set()
        done = await ended(sending)
    await sees(ann, tea, "hello")
    assert done.code == 1
    assert done.err == 'mrccsc-tui: You are no longer in "tea"; whether the server has it is not known.\n'


async def test_removed_before_it_could_be_sent(world: World) -> None:
    tea = conversation(7, kind="group", title="tea", role="member", visibility="private", members=3)
    line = await world.login(conversations=[conversation(), tea])
    line.drop()
    await wait_until(lambda: world.client.status.phase == "offline", "being offline")
    delivery = Delivery()
    saying = asyncio.create_task(delivery.say(world.client, "#tea", "hello"))
    await wait_until(lambda: world.client.store.pending(7), "its waiting")
    world.client.reconnect_now()
    line = await world.network.line(1)
    await line.signs_in(conversations=[conversation()])
    with pytest.raises(RequestError, match='You are no longer in "tea"; nothing was sent') as refusal:
        await saying
    assert refusal.value.code == "not_found"
    assert line.asks("message.send") == []


async def test_what_is_known_when_the_time_is_over(party: Party) -> None:
    ann, bob, cy = await party.friends("ann", "bob", "cy")
    conv = await direct(ann, bob)

    async def judge(frame: dict[str, Any]) -> bool:
        if frame["type"] in ("direct.open", "message.send"):
            await asyncio.Event().wait()
        return True

    async with Door(party.server.port, judge).standing() as port:
        profile = signed_in_at(port, ann.profile.name)
        begun, on_its_way = await asyncio.gather(
            run("--profile", profile, "send", f"@{me(cy).username}", "hello", "--timeout", "5"),
            run("--profile", profile, "send", str(conv), "hello", "--timeout", "5"),
        )
    assert (begun.code, on_its_way.code) == (3, 3)
    assert begun.err == "mrccsc-tui: The server did not confirm it within 5 s; nothing was sent.\n"
    known = "whether the server has it is not known"
    assert on_its_way.err == f"mrccsc-tui: The server did not confirm it within 5 s; {known}.\n"


async def test_the_time_begins_when_the_password_is_there(party: Party, home: Path) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    file = home / "config" / "mrccsc" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(
        f'[profiles.robot]\nport = {party.server.port}\nusername = "{me(ann).username}"\n'
        f"password-command = \"sh -c 'sleep 5; echo {PASSWORD}'\"\n"
    )
    done = await run("--profile", "robot", "send", f"@{me(bob).username}", "beep", "--timeout", "5")
    assert (done.code, done.err) == (0, "")
    await sees(bob, conv, "beep")
