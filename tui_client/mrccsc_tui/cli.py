"""One run of ``mrccsc-tui``: what was typed → what is done → the exit code. Textual is imported only for a screen."""

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

from mrccsc_tui import paths
from mrccsc_tui.config import Config, ConfigError, Profile, password_from, read_config
from mrccsc_tui.exits import INTERRUPTED, MISUSED, OK
from mrccsc_tui.profile import ProfileLocked, fits, load_session, locked
from mrccsc_tui.sanitize import line

_SCRIPTS = ("send", "tail", "export")


def run(arguments: argparse.Namespace) -> int:
    """Do what the arguments say. What cannot be done is one line on standard error and an exit code."""
    try:
        config = read_config(arguments.config or paths.config_file(), required=arguments.config is not None)
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
        _log_to(paths.log_file(profile.name))
        options = config.options(
            profile.name,
            theme=arguments.theme,
            notify=False if arguments.no_notify else None,
            ascii=True if arguments.ascii else None,
            linear=True if arguments.linear else None,
        )
        return run_screen(ChatClient(profile, connect=connect), options, _password(profile))


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
        tls = session.tls or found.ca is not None
        ca = found.ca or (Path(session.ca) if session.ca else None)
        found = replace(found, host=session.host, port=session.port, tls=tls, ca=ca)
    return replace(found, username=found.username or session.username)


def _password(profile: Profile) -> str | None:
    """What the password command prints, where one must sign in. It may ask: the terminal is still the shell's."""
    session = load_session(profile.name)
    if not (profile.username and profile.password_command) or (session is not None and fits(session, profile)):
        return None
    return password_from(profile.password_command)


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
