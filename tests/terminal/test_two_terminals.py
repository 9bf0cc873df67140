"""Two people at two real terminals talk through a real server: only keys go in, only the screen is looked at."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyte
import pytest

from tests.wire.server import Server

COMMAND = Path(sys.executable).with_name("mrccsc-tui")
PATIENCE = 60.0
"""Seconds until something must be on a screen: generous, for slow machines under load."""


class Terminal:
    """A client in a pseudo-terminal of its own, with files of its own. ``written`` is all that it wrote there."""

    def __init__(self, server: Server, home: Path, columns: int, rows: int, *options: str, **variables: str) -> None:
        self.written = b""
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        kinds = ("CONFIG", "DATA", "CACHE", "STATE")
        environment = {name: value for name, value in os.environ.items() if name not in ("TMUX", "VTE_VERSION")}
        environment |= {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in kinds}
        environment |= {"TERM": "xterm-256color", "LANG": "C.UTF-8"} | variables
        command = [str(COMMAND), "--host", "127.0.0.1", "--port", str(server.port), *options]
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.execve(command[0], command, environment)
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    @property
    def text(self) -> str:
        return "\n".join(self._screen.display)

    def sees(self, *texts: str) -> None:
        """All of these come to be on the screen."""
        self._until(lambda: all(text in self.text for text in texts), f"{texts} on the screen")

    def hears(self, sequence: bytes) -> None:
        """This comes to be written, whether it shows or not."""
        self._until(lambda: sequence in self.written, f"{sequence!r} being written")

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, f"no {what}:\n{self.text}"
            if select.select([self._terminal], [], [], 0.2)[0]:
                data = os.read(self._terminal, 65_536)
                self.written += data
                self._stream.feed(data)

    def types(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def loses_focus(self) -> None:
        """The terminal tells so; the cursor goes from the empty composer."""
        self._until(self._has_cursor, "a cursor")
        self.types("\x1b[O")
        self._until(lambda: not self._has_cursor(), "cursor going")

    def _has_cursor(self) -> bool:
        words = "/help shows"
        y = next(number for number, line in enumerate(self._screen.display) if words in line)
        x = self._screen.display[y].index(words)
        return bool(self._screen.buffer[y][x].bg != self._screen.buffer[y][x + 1].bg)

    def signs_up(self, name: str) -> None:
        self.sees("I have an account", "Password")
        # From the user name back to the first field, which a space changes; then forward again.
        self.types("\x1b[Z" * 4 + " ")
        self.sees("make a new account")
        self.types("\t" * 4 + name + "\t" + "correct horse" + "\r")
        self.sees(f"Welcome, {name}.")

    def end(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._terminal)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    running = Server(tmp_path).start()
    yield running
    running.stop()


@pytest.fixture
def terminals(server: Server, tmp_path: Path) -> Iterator[list[Terminal]]:
    made = [Terminal(server, tmp_path / "ana", 100, 30), Terminal(server, tmp_path / "bo", 140, 40)]
    yield made
    for terminal in made:
        terminal.end()


@pytest.mark.timeout(300)
def test_two_people_meet_and_talk_while_the_server_dies_in_between(server: Server, terminals: list[Terminal]) -> None:
    ana, bob = terminals
    ana.signs_up("ana")
    bob.signs_up("bob")

    ana.types("/addcontact bob\r")
    bob.sees("ana wants to add you")
    bob.types("/accept ana\r")
    bob.sees("FRIENDS 1 here")
    ana.sees("FRIENDS 1 here")

    ana.types("/msg bob is anybody there?\r")
    ana.sees("is anybody there?")
    bob.types("/chat ana\r")
    bob.sees("is anybody there?")
    bob.types("yes, and I read you\r")
    ana.sees("yes, and I read you")

    port = server.port
    server.kill()
    ana.sees("offline")
    ana.types("said in the dark\r")
    ana.sees("said in the dark")
    server.start(port)
    bob.sees("said in the dark")
    ana.sees("connected to")
    assert bob.text.count("said in the dark") == 1
    assert ana.text.count("said in the dark") == 1


@pytest.mark.timeout(300)
@pytest.mark.parametrize("tmux", [False, True])
def test_a_terminal_without_focus_is_told(server: Server, tmp_path: Path, tmux: bool) -> None:
    variables = {"TMUX": "/tmp/tmux-0/default,1,0"} if tmux else {}
    ana = Terminal(server, tmp_path / "ana", 100, 30, **variables)
    bob = Terminal(server, tmp_path / "bob", 100, 30)
    try:
        ana.signs_up("ana")
        bob.signs_up("bob")
        bob.types("/addcontact ana\r")
        ana.sees("bob wants to add you")
        ana.types("/accept bob\r")
        ana.sees("FRIENDS 1 here")
        bob.sees("FRIENDS 1 here")
        bob.types("/msg ana look here\r")
        ana.sees("  1 bob")
        assert b"look here" not in ana.written
        ana.loses_focus()
        bob.types("now look\r")
        if tmux:
            ana.hears(b"\x1bPtmux;\x1b\x1b]9;MRCCSC: bob: now look\x07\x1b\\")
        else:
            ana.hears(b"\x1b]9;MRCCSC: bob: now look\x07")
    finally:
        ana.end()
        bob.end()


@pytest.mark.timeout(300)
def test_a_password_command_signs_the_screen_in(server: Server, tmp_path: Path) -> None:
    first = Terminal(server, tmp_path / "first", 100, 30)
    first.signs_up("ana")
    first.end()
    config = tmp_path / "config.toml"
    config.write_text('[profiles.default]\nusername = "ana"\npassword-command = "echo correct horse"\n')
    again = Terminal(server, tmp_path / "again", 100, 30, "--config", str(config))
    try:
        again.sees("Welcome, ana.")
    finally:
        again.end()
