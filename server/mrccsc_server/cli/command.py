"""One run of ``mrccsc-server``: what was typed → what is done → the exit code."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mrccsc_server.cli import arguments
from mrccsc_server.start_error import StartError

if TYPE_CHECKING:
    from mrccsc_server.config import Settings

EXIT_CANNOT = 2
EXIT_INTERRUPTED = 130


def run(argv: list[str]) -> int:
    """The exit code: 0, 1 when the server failed, 2 after one line that says what is wrong, 130 when interrupted."""
    try:
        flags = arguments.parse(argv)
        # Here, as below: what only some runs need would have everybody wait who asks for help or mistypes an option.
        from mrccsc_server.config import load  # noqa: PLC0415

        settings = load(flags, os.environ)
        act = _find(flags)
        # What was imported stays, so nobody need look through it. `main` has let it come without that.
        gc.freeze()
        gc.enable()
        return act(settings) or 0
    except StartError as error:
        print(f"mrccsc-server: {error}", file=sys.stderr)
        return EXIT_CANNOT
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _find(flags: dict[str, Any]) -> Callable[[Settings], int | None]:
    """What carries out the command. Each imports only what it needs: a node alone does without Redis, say."""
    match flags["command"]:
        case "nodes" | "drain" | "rebalance":
            from mrccsc_server.cli import nodes  # noqa: PLC0415

            return {
                "nodes": lambda settings: nodes.show(settings, as_json=flags["json"]),
                "drain": lambda settings: nodes.drain(settings, flags["name"]),
                "rebalance": nodes.rebalance,
            }[flags["command"]]
        case "serve":
            from mrccsc_server.cli.serve import serve  # noqa: PLC0415
            from mrccsc_server.cli.workers import supervise  # noqa: PLC0415

            return lambda settings: serve(settings) if settings.workers == 1 else supervise(settings)
    from mrccsc_server.cli import operator  # noqa: PLC0415

    return {
        "invite": lambda settings: operator.invite(settings, flags["count"]),
        "passwd": lambda settings: operator.passwd(settings, flags["username"]),
        "users": operator.users,
        "new-epoch": operator.new_epoch,
    }[flags["command"]]
