"""What one is told of while the terminal has no focus: by the level of each conversation, and in which words."""

from __future__ import annotations

import pytest

from mrccsc_tui.ui.notify import Notice, osc
from tests.client.party import Party, direct, group, me, settled
from tests.ui.conftest import Show

NOTICE = Notice("Bob; the builder", "see you; soon")


@pytest.mark.parametrize(
    ("environment", "sequence"),
    [
        ({}, "\x1b]9;MRCCSC: Bob; the builder: see you; soon\x07"),
        ({"TERM": "xterm-kitty"}, "\x1b]9;MRCCSC: Bob; the builder: see you; soon\x07"),
        ({"VTE_VERSION": "7006"}, "\x1b]777;notify;Bob, the builder;see you; soon\x07"),
        ({"TERM": "rxvt-unicode"}, "\x1b]777;notify;Bob, the builder;see you; soon\x07"),
        (
            {"TERM": "tmux-256color", "TMUX": "/tmp/tmux-0/default,1,0"},
            "\x1bPtmux;\x1b\x1b]9;MRCCSC: Bob; the builder: see you; soon\x07\x1b\\",
        ),
    ],
)
def test_the_sequence_of_a_terminal(environment: dict[str, str], sequence: str) -> None:
    assert osc(NOTICE, environment) == sequence


async def test_levels_of_a_group(party: Party, play: Show) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv, other = await group(ann, bob), await group(ann, title="other")
    async with play(ann, (140, 40)) as stage:

        async def said(text: str) -> None:
            stage.main.open_conversation(other)
            stage.app.app_focus = False
            bob.send(conv, text)
            await settled(bob)
            seq = bob.store.conversations[conv].head
            await stage.until(lambda: stage.client.store.message(conv, seq), "hearing it")
            await stage.until(lambda: stage.main._policy._told.get(conv) == seq, "looking at it")

        async def chooses(words: str, answer: str) -> None:
            stage.main.open_conversation(conv)
            await stage.command(words)
            await stage.sees(answer)

        await said("nobody in particular")
        await said(f"@{me(stage.client).username} mentioned")
        await stage.sees(" mentioned")
        assert "nobody in particular" not in stage.text
        await chooses("/notify all", "tea: every message is told.")
        await said("all are told")
        await stage.sees("all are told")
        await chooses("/notify none", "tea: nothing is told")
        assert stage.client.store.conversations[conv].muted
        await said(f"@{me(stage.client).username} not even this")
        assert "not even this" not in stage.text
        stage.main.open_conversation(conv)
        await stage.command("/notify")
        await stage.sees("Notifications of tea", "as it is")
        await stage.press("down", "enter")
        await stage.until(lambda: not stage.client.store.conversations[conv].muted, "what mentions her being told")
        await chooses("/notify sometimes", "Say all, mentions or none.")


async def test_the_level_of_a_chat_is_kept(party: Party, play: Show) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv, other = await direct(ann, bob), await group(ann)
    async with play(ann) as stage:
        await stage.opens(conv)
        await stage.command("/notify mentions")
        await stage.sees("Bob: what mentions you is told.")
    async with play(party.client(ann.profile.name)) as stage:
        await stage.opens(other)
        stage.app.app_focus = False
        bob.send(conv, "just so")
        await settled(bob)
        seq = bob.store.conversations[conv].head
        await stage.until(lambda: stage.main._policy._told.get(conv) == seq, "looking at it")
        assert "just so" not in stage.text
        bob.send(conv, f"@{me(stage.client).username}!")
        await stage.sees("Bob", f"@{me(stage.client).username}!")
