"""What may be typed after ``mrccsc-tui``. It imports next to nothing: who asks for help waits for nothing else."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn

from mrccsc_shared import __version__
from mrccsc_tui.exits import MISUSED


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line instead of a usage page."""
        from mrccsc_tui.sanitize import line  # noqa: PLC0415  # takes longer than all else here

        self.exit(MISUSED, f"mrccsc-tui: {line(f'{message} (see mrccsc-tui --help)')}\n")


def parse(argv: list[str]) -> argparse.Namespace:
    """The options and the command. ``--help``, ``--version`` and what is wrong are printed and end the program."""
    return _parser().parse_args(argv)


def _common() -> _Parser:
    """The options that may stand before and after a command. Made anew for each parser: they share their defaults."""
    common = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("--host", help="the server's name or address (127.0.0.1)")
    common.add_argument("--port", type=int, help="its port (8000)")
    common.add_argument("--tls", action="store_true", help="encrypt, or do not connect at all")
    common.add_argument("--ca", type=Path, metavar="FILE", help="trust these certificates instead of the system's")
    common.add_argument("--profile", metavar="NAME", help="one account on one server (default)")
    common.add_argument("--config", type=Path, metavar="FILE", help="another configuration file")
    return common


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="mrccsc-tui",
        description="Chat in the terminal. Without a command it opens the screen.",
        parents=[_common()],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"mrccsc-tui {__version__}")
    parser.add_argument("--theme", metavar="NAME", help="how it looks; --list-themes names them all")
    parser.add_argument("--list-themes", action="store_true", help="print the names of the themes")
    parser.add_argument("--no-notify", action="store_true", help="no bell and no notifications")
    parser.add_argument("--ascii", action="store_true", help="draw with ASCII characters only")
    parser.add_argument("--linear", action="store_true", help="one panel, no boxes, in ASCII: for screen readers")
    parser.add_argument("--local", action="store_true", help="chat on a server of your own, started when none runs")
    parser.set_defaults(command=None, host=None, port=None, tls=False, ca=None, profile=None, config=None)

    commands = parser.add_subparsers(title="commands for scripts", metavar="COMMAND", parser_class=_Parser)
    target = "@user, #group title, or the number of a conversation"

    def add(name: str, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text, parents=[_common()], allow_abbrev=False)
        command.set_defaults(command=name)
        return command

    send = add("send", "Send a message and wait until the server has it.")
    send.add_argument("target", metavar="TARGET", help=target)
    send.add_argument("text", metavar="TEXT", nargs="*", help="the message (standard input when there is none)")
    send.add_argument("--timeout", type=_seconds, default=30.0, metavar="SECONDS", help="give up after so long (30)")
    tail = add("tail", "Print what is said from now on.")
    tail.add_argument("target", metavar="TARGET", nargs="?", help=f"{target} (everything)")
    tail.add_argument("--json", action="store_true", help="one JSON object a line")
    tail.add_argument("--count", type=int, metavar="N", help="end after so many lines")
    export = add("export", "Print the history as one JSON object a line, oldest first.")
    export.add_argument("target", metavar="TARGET", nargs="?", help=f"{target} (all)")
    return parser


def _seconds(value: str) -> float:
    seconds = float(value)
    if not 0 < seconds <= 86_400:
        raise argparse.ArgumentTypeError("the timeout is more than 0 and at most a day")
    return seconds
