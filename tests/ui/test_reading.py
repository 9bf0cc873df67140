"""The "new since" line: where it stands while messages come, and when it moves."""

from __future__ import annotations

from copy import deepcopy

from tests.client.party import Party, me, settled, texts
from tests.ui.conftest import Show, Stage
from tests.ui.recording import Replay


def hears(stage: Stage, replay: Replay, conv: int, *said: str) -> int:
    """Bob says some things; the seq of the first."""
    bob = replay.recording.user("bob")
    entries = []
    for text in said:
        entries.append(replay.next_entry(conv, "message", bob, text=text))
        replay.deliver(entries[-1])
    return int(entries[0]["seq"])


async def test_it_stays_above_what_is_still_to_be_seen(show: Show, replay: Replay) -> None:
    conv = replay.recording.conv("lunch")
    first = next(one for one in replay.recording.logs[conv] if "projector" in one.get("text", ""))["seq"]
    async with show() as stage:
        hears(stage, replay, conv, *(f"news {number}" for number in range(60)))
        await stage.until(lambda: stage.client.store.conversations[conv].unread == 62, "the news")
        await stage.opens(conv)
        await stage.sees("new since", "projector")
        assert stage.main.chat.divider == first
        hears(stage, replay, conv, "one more")
        await stage.until(lambda: stage.main.chat.timeline.rows.cursor == first + 62, "one more")
        await stage.looks(here=False)
        hears(stage, replay, conv, "and another")
        await stage.until(lambda: stage.main.chat.timeline.rows.cursor == first + 63, "another")
        assert stage.main.chat.divider == first


async def test_it_stands_above_what_came_while_nobody_looked(show: Show, replay: Replay) -> None:
    conv = replay.recording.conv("release 2.0")
    async with show() as stage:
        await stage.opens(conv)
        await stage.press("ctrl+end")
        hears(stage, replay, conv, "seen at once")
        await stage.sees("seen at once")
        divider = stage.main.chat.divider
        for text in ("psst", "psst again"):
            await stage.looks(here=False)
            first = hears(stage, replay, conv, text, f"{text}!")
            assert first != divider
            await stage.sees(f"{text}!")
            assert stage.main.chat.divider == first
            await stage.looks(here=True)
            hears(stage, replay, conv, f"now I look at {text}")
            await stage.sees(f"now I look at {text}")
            assert stage.main.chat.divider == first, "the person sees what is new, and from where on"


async def test_it_stands_above_what_comes_while_one_reads_further_up(show: Show, replay: Replay) -> None:
    conv = replay.recording.conv("lunch")
    async with show((60, 20)) as stage:
        await stage.opens(conv)
        await stage.press("ctrl+end")
        hears(stage, replay, conv, "seen at once")
        await stage.sees("seen at once")
        await stage.press("pageup")
        first = hears(stage, replay, conv, "below")
        await stage.until(lambda: stage.main.chat.divider == first, "the line above it")
        await stage.press("f5")
        await stage.sees("new since", "below")


async def test_it_stands_above_what_was_missed(show: Show, replay: Replay) -> None:
    conv = replay.recording.conv("release 2.0")
    async with show() as stage:
        await stage.opens(conv)
        await stage.press("ctrl+end")
        hears(stage, replay, conv, "seen at once")
        await stage.sees("seen at once")
        missed = replay.next_entry(conv, "message", replay.recording.user("bob"), text="said in the dark")
        del missed["type"]
        ready = replay.recording.ready = deepcopy(replay.recording.ready)
        ready["missed"] = [{"conv": conv, "entries": [missed], "limited": False}]
        listed = next(one for one in ready["conversations"] if one["conv"] == conv)
        listed |= {"head": missed["seq"], "read": missed["seq"] - 1, "unread": 1}
        replay.drop()
        await stage.until(lambda: not stage.client.status.online, "being offline")
        stage.client.reconnect_now()
        await stage.sees("said in the dark", "new since")
        assert stage.main.chat.divider == missed["seq"]


async def test_who_reads_further_up_stays_there_however_much_is_said(party: Party, play: Show) -> None:
    """In a group that was entered just now, of which all is held."""
    ann, bob = await party.friends("ann", "bob")
    async with play(ann) as stage:
        conv = (await bob.create_group("busy")).conv
        await bob.invite(conv, me(stage.client).user)
        await stage.until(lambda: conv in stage.client.store.conversations, "the group")
        stage.main.open_conversation(conv)
        for number in range(990):
            bob.send(conv, f"message {number}")
        await stage.until(lambda: len(texts(stage.client, conv)) == 990, "the messages")
        await stage.press(*("pageup",) * 10)
        view = stage.main.chat.timeline
        top = view.scroll_offset.y
        assert not view.following
        for number in range(990, 1_010):
            bob.send(conv, f"message {number}")
        await settled(bob)
        await stage.until(lambda: len(texts(stage.client, conv)) == 1_010, "the rest")
        assert (view.following, view.scroll_offset.y) == (False, top)
