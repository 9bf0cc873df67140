"""One run of ``mrccsc-server``: what was typed → what is done → the exit code."""

from __future__ import annotations

import os
import sys

from mrccsc_server.cli import arguments, nodes, operator
from mrccsc_server.cli.serve import serve
from mrccsc_server.cli.workers import supervise
from mrccsc_server.config import StartError, load

EXIT_CANNOT = 2
EXIT_INTERRUPTED = 130


def run(argv: list[str]) -> int:
    """The exit code: 0, 1 when the server failed, 2 after one line that says what is wrong, 130 when interrupted."""
    try:
        flags = arguments.parse(argv)
        settings = load(flags, os.environ)
        match flags["command"]:
            case "invite":
                operator.invite(settings, flags["count"])
            case "passwd":
                operator.passwd(settings, flags["username"])
            case "users":
                operator.users(settings)
            case "new-epoch":
                operator.new_epoch(settings)
            case "nodes":
                nodes.show(settings, as_json=flags["json"])
            case "drain":
                nodes.drain(settings, flags["name"])
            case "rebalance":
                nodes.rebalance(settings)
            case _:
                return serve(settings) if settings.workers == 1 else supervise(settings)
    except StartError as error:
        print(f"mrccsc-server: {error}", file=sys.stderr)
        return EXIT_CANNOT
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    return 0
