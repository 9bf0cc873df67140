"""What may be typed after ``mrccsc-tui``, and what it starts. Textual is imported only for a screen."""

from __future__ import annotations

import argparse
import contextlib
import gc
import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import NoReturn

from mrccsc_shared import __version__
from mrccsc_tui import paths
from mrccsc_tui.config import Config, ConfigError, Profile, read_config
from mrccsc_tui.exits import INTERRUPTED, MISUSED, OK
from mrccsc_tui.profile import ProfileLocked, load_session, locked
from mrccsc_tui.sanitize import line

_SCRIPTS = ("send", "tail", "export")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """One line instead of a usage page."""
        raise ConfigError(f"{message} (see mrccsc-tui --help)")


def run(argv: list[str]) -> int:
    """Do what the arguments say. What cannot be done is one line on standard error and an exit code."""
    try:
        arguments = _parser().parse_args(argv)
        config = read_config(arguments.config or paths.config_file())
        if arguments.list_themes:
            return _list_themes()
        if arguments.command in _SCRIPTS:
            return _script(arguments, config)
        return _screen(arguments, config)
    except ConfigError as error:
        _say(str(error))
        return MISUSED
    except OSError as error:
        _say(f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error))
        return MISUSED
    except KeyboardInterrupt:
        return INTERRUPTED


def _screen(arguments: argparse.Namespace, config: Config) -> int:
    from mrccsc_tui.client import ChatClient  # noqa: PLC0415
    from mrccsc_tui.link.transport import Dial, dial  # noqa: PLC0415
    from mrccsc_tui.ui.app import run as run_screen  # noqa: PLC0415

    connect: Dial = dial
    profile = None
    if arguments.local:
        from mrccsc_tui import local  # noqa: PLC0415

        if arguments.host or arguments.port or arguments.tls or arguments.ca:
            raise ConfigError("--local takes no --host, --port, --tls or --ca: it starts a server of its own.")
        server = local.ensure_server(_say)
        connect = local.LocalDial(server)
        profile = Profile(arguments.profile or "local", server.host, server.port, local=True)
    with contextlib.ExitStack() as stack:
        if profile is None:
            profile = find_profile(arguments, config)
            stack.enter_context(locked(profile.name))
        elif arguments.profile:
            stack.enter_context(locked(profile.name))
        else:
            profile = stack.enter_context(_first_unlocked(profile))
        _log_to(paths.state_folder(profile.name) / "client.log")
        options = config.options(
            profile.name,
            theme=arguments.theme,
            notify=False if arguments.no_notify else None,
            ascii=True if arguments.ascii else None,
        )
        return run_screen(ChatClient(profile, connect=connect), options)


def _script(arguments: argparse.Namespace, config: Config) -> int:
    gc.enable()
    profile = find_profile(arguments, config)
    match arguments.command:
        case "send":
            from mrccsc_tui.scripts.send import send  # noqa: PLC0415

            return send(profile, arguments.target, arguments.text, arguments.timeout)
        case "tail":
            from mrccsc_tui.scripts.tail import tail  # noqa: PLC0415

            return tail(profile, arguments.target, as_json=arguments.json, count=arguments.count)
        case _:
            from mrccsc_tui.scripts.export import export  # noqa: PLC0415

            return export(profile, arguments.target)


def find_profile(arguments: argparse.Namespace, config: Config) -> Profile:
    """The profile that is meant; where nobody says where its server is, the one that it was signed in to last."""
    name = arguments.profile or config.default_profile
    found = config.profile(name, host=arguments.host, port=arguments.port, tls=arguments.tls or None, ca=arguments.ca)
    session = load_session(name)
    if session is None:
        return found
    if not (config.places(name) or arguments.host or arguments.port or arguments.tls):
        found = replace(found, host=session.host, port=session.port, tls=session.tls)
    return replace(found, username=found.username or session.username)


@contextlib.contextmanager
def _first_unlocked(profile: Profile) -> Iterator[Profile]:
    """The profile, or the first of its numbered siblings that no other client has."""
    for number in range(1, 100):
        name = profile.name if number == 1 else f"{profile.name}-{number}"
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(locked(name))
            except ProfileLocked:
                continue
            session = load_session(name)
            yield replace(profile, name=name, username=session.username if session else None)
            return
    raise ConfigError("A hundred clients run here already.")


def _list_themes() -> int:
    from mrccsc_tui.ui.themes import names  # noqa: PLC0415

    print("\n".join(names()))  # noqa: T201
    return OK


def _say(message: str) -> None:
    print(f"mrccsc-tui: {line(message)}", file=sys.stderr)  # noqa: T201


def _log_to(file: Path) -> None:
    """Keep what goes wrong in a file of bounded size: the screen is not the place for it."""
    paths.make_private(file.parent)
    handler = RotatingFileHandler(file, maxBytes=1_000_000, backupCount=1, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    level = os.environ.get("MRCCSC_LOG", "WARNING").upper()
    logging.basicConfig(handlers=[handler], level=level if level in logging.getLevelNamesMapping() else "WARNING")
    logging.captureWarnings(capture=True)


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
