"""``mrccsc-tui`` as a process: send, tail and export against a real server, and what it says when it cannot."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from pathlib import Path

import pytest

from mrccsc_tui.profile import locked
from tests.client.commands import COMMAND, ended, here, run, start
from tests.client.party import PASSWORD, Party, direct, group, me, sees, settled
from tests.waiting import wait_until
from tests.wire.server import Server


async def test_send_waits_until_the_server_has_it_beside_an_open_client(
    party: Party, capsys: pytest.CaptureFixture[str]
) -> None:
    ann, bob = await party.friends("ann", "bob")
    profile = ["--profile", ann.profile.name]
    done = await here(capsys, "send", *profile, f"@{me(bob).username}", "hello", "from", "a script")
    assert (done.code, done.out, done.err) == (0, "", "")
    await wait_until(lambda: bob.store.conversations, "the conversation")
    (conv,) = bob.store.conversations
    await bob.load_older(conv)
    await sees(bob, conv, "hello from a script")
    tea = await group(ann, bob, title="Tea time")
    done = await run(*profile, "send", "#tea TIME", stdin="two\nlines\n")
    assert done.code == 0, done.err
    await sees(bob, tea, "two\nlines")
    done = await here(capsys, *profile, "send", str(conv), "--", "-minus")
    assert done.code == 0, done.err
    await sees(bob, conv, "hello from a script", "-minus")


async def test_send_says_why_not(party: Party, capsys: pytest.CaptureFixture[str]) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    profile = ["--profile", ann.profile.name]
    for target in ("@nobody", "#nothing", "99999"):
        done = await here(capsys, *profile, "send", target, "hello")
        assert (done.code, len(done.err.splitlines())) == (1, 1)
    done = await here(capsys, *profile, "send", str(conv), "   ")
    assert (done.code, done.err) == (1, "mrccsc-tui: A message is not blank.\n")
    await bob.remove_contact(me(ann).user)
    done = await here(capsys, *profile, "send", str(conv), "hello")
    assert (done.code, len(done.err.splitlines())) == (1, 1)


async def test_tail_prints_what_is_said_from_now_on(party: Party) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    bob.send(conv, "before")
    await settled(bob)
    tails = [
        await start("--profile", ann.profile.name, "tail", "--json", "--count", "2"),
        await start("--profile", ann.profile.name, "tail", f"@{me(bob).username}", "--count", "2"),
    ]
    for tail in tails:
        assert tail.stderr is not None
        assert (await tail.stderr.readline()) == b"mrccsc-tui: listening\n"
    bob.send(conv, "now \x1b[31m")
    ann.send(conv, "answer")
    as_json, plain = [await ended(tail) for tail in tails]
    lines = [json.loads(line) for line in as_json.out.splitlines()]
    assert {(one["username"], one["text"]) for one in lines} == {
        (me(bob).username, "now \x1b[31m"),
        (me(ann).username, "answer"),
    }
    assert [one["seq"] for one in lines] == [3, 4]
    assert "\x1b" not in as_json.out + plain.out
    assert f"<{me(bob).username}> now ␛[31m\n" in plain.out
    assert (as_json.code, plain.code) == (0, 0)


async def test_tail_tells_of_an_outage_and_goes_on(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.start()
    party = Party(server)
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    tail = await start("--profile", ann.profile.name, "tail", "--count", "1")
    assert tail.stderr is not None
    assert (await tail.stderr.readline()) == b"mrccsc-tui: listening\n"
    port = server.port
    await asyncio.to_thread(server.kill)
    assert (await tail.stderr.readline()).startswith(b"mrccsc-tui: offline. ")
    await asyncio.to_thread(server.start, port)
    assert (await tail.stderr.readline()) == b"mrccsc-tui: listening\n"
    bob.reconnect_now()
    bob.send(conv, "are you back?")
    done = await ended(tail)
    assert (done.code, done.err) == (0, "")
    assert "are you back?" in done.out
    await party.close()
    server.stop()


async def test_export_prints_the_whole_history(party: Party, capsys: pytest.CaptureFixture[str]) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    for number in range(250):
        ann.send(conv, f"message {number}")
    await group(ann, bob, title="Tea")
    await settled(ann)
    done = await here(capsys, "--profile", bob.profile.name, "export", f"@{me(ann).username}")
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert [one["seq"] for one in lines] == list(range(1, 252))
    assert [one["text"] for one in lines[1:]] == [f"message {number}" for number in range(250)]
    everything = await here(capsys, "--profile", bob.profile.name, "export")
    assert {json.loads(line)["title"] for line in everything.out.splitlines()} == {"Ann", "Tea"}


async def test_a_password_command_signs_a_script_in(
    party: Party, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ann, bob = await party.friends("ann", "bob")
    conv = await direct(ann, bob)
    file = home / "config" / "mrccsc" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(
        f'profile = "robot"\n[profiles.robot]\nport = {party.server.port}\nusername = "{me(ann).username}"\n'
        f'password-command = "echo {PASSWORD!r}"\n'
    )
    done = await here(capsys, "send", f"@{me(bob).username}", "beep")
    assert (done.code, done.err) == (0, "")
    await sees(bob, conv, "beep")
    file.write_text(file.read_text().replace("password-command", "# password-command"))
    assert (await here(capsys, "send", f"@{me(bob).username}", "beep again")).code == 0
    # Its session is not for ever; another can be made with the password, and with nothing else.
    await ann.change_password(PASSWORD, PASSWORD)
    done = await here(capsys, "send", f"@{me(bob).username}", "beep in vain")
    assert (done.code, done.err.count("\n")) == (1, 1)
    file.write_text(file.read_text().replace("# password-command", "password-command"))
    done = await here(capsys, "send", f"@{me(bob).username}", "beep at last")
    assert (done.code, done.err) == (0, "")
    await ann.change_password(PASSWORD, PASSWORD)
    done = await here(capsys, "send", f"@{me(bob).username}", "beep once more")
    assert (done.code, done.err) == (0, "")
    await sees(bob, conv, "beep again", "beep at last", "beep once more")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--bogus"], 2, "--bogus"),
        (["send"], 2, "TARGET"),
        (["--port", "http"], 2, "--port"),
        (["--port", "0"], 2, "not between 1 and 65535"),
        (["--profile", "../x", "send", "@bob", "hi"], 2, "profile's name"),
        (["send", "@bob", "hi"], 2, "not signed in"),
        (["--local", "--port", "1"], 2, "--local takes no"),
        (["--config", "/no/such/file", "send", "@bob", "hi"], 2, "no configuration file /no/such/file"),
        (["send", "@bob", "hi", "--timeout", "0"], 2, "--timeout"),
    ],
)
async def test_what_is_asked_wrongly_is_one_line_and_status_two(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    done = await here(capsys, *arguments)
    assert done.code == code
    assert len(done.err.splitlines()) == 1
    assert words in done.err


async def test_a_server_that_is_not_there_is_status_three(party: Party, capsys: pytest.CaptureFixture[str]) -> None:
    ann = await party.person("ann")
    await party.stop(ann)
    session = next(Path(os.environ["XDG_STATE_HOME"]).rglob("session.json"))
    session.write_text(session.read_text().replace(f'"port": {party.server.port}', '"port": 1'))
    done = await here(capsys, "--profile", ann.profile.name, "send", "@bob", "hi", "--timeout", "2")
    assert (done.code, done.err) == (3, "mrccsc-tui: Nothing listens at 127.0.0.1:1.\n")
    # A person is told while it still tries.
    terminal, stderr = os.openpty()
    process = await asyncio.create_subprocess_exec(
        COMMAND, "--profile", ann.profile.name, "tail", stderr=stderr, env=os.environ
    )
    os.close(stderr)
    told = b""
    while not told.endswith(b"\n"):
        told += await asyncio.to_thread(os.read, terminal, 1_000)
    os.close(terminal)
    process.terminate()
    await process.wait()
    assert told == b"mrccsc-tui: Nothing listens at 127.0.0.1:1. Trying for 30 s.\r\n"


async def test_signing_in_by_a_password_takes_no_longer_than_one_waits(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing but the time that was given ends it.
    monkeypatch.setattr("mrccsc_tui.link.connection.WELCOME_TIME", 3_600)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        file = home / "config" / "mrccsc" / "config.toml"
        file.parent.mkdir(parents=True)
        file.write_text(
            f'[profiles.robot]\nport = {silent.getsockname()[1]}\nusername = "ann"\npassword-command = "echo secret"\n'
        )
        done = await here(capsys, "--profile", "robot", "send", "@bob", "hi", "--timeout", "0.5")
    assert (done.code, done.err) == (3, "mrccsc-tui: The server does not answer.\n")


async def test_a_profile_that_is_open_is_not_opened_twice(capsys: pytest.CaptureFixture[str]) -> None:
    with locked("busy"):
        done = await here(capsys, "--profile", "busy")
    assert done.code == 2
    assert "busy-2" in done.err
    assert str(os.getpid()) in done.err


async def test_version_and_help_are_there() -> None:
    version = await run("--version")
    assert (version.code, version.out.split()[0]) == (0, "mrccsc-tui")
    text = (await run("--help")).out
    for option in ("--host", "--tls", "--ca", "--theme", "--list-themes", "--no-notify", "--ascii", "--local", "send"):
        assert option in text
