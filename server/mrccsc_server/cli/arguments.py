"""What may be typed after ``mrccsc-server``."""

from __future__ import annotations

import argparse
from typing import Any, ClassVar, NoReturn

from mrccsc_server.start_error import StartError
from mrccsc_shared import __version__


class _Parser(argparse.ArgumentParser):
    known: ClassVar[set[str]] = set()
    """The options of all parsers."""

    def add_argument(self, *names: Any, **settings: Any) -> argparse.Action:
        """As ever, and remember its names."""
        self.known.update(names)
        return super().add_argument(*names, **settings)

    def error(self, message: str) -> NoReturn:
        """One line instead of a usage page."""
        raise StartError(f"{message} (see mrccsc-server --help)")


def parse(argv: list[str]) -> dict[str, Any]:
    """The options that were given, by field name, and ``command`` (``serve`` when none). Raises :class:`StartError`.

    ``--help`` and ``--version`` print and exit with 0.
    """
    parser = _build()
    for argument in argv:
        # Else argparse would take its value for a command, and complain about that.
        option = argument.partition("=")[0]
        if option.startswith("--") and option != "--" and option not in parser.known:
            parser.error(f"there is no option {option}")
    return vars(parser.parse_args(argv))


def _build() -> _Parser:
    common = _common()
    parser = _Parser(
        prog="mrccsc-server",
        usage="mrccsc-server [OPTION ...] [COMMAND]",
        description="The MRCCSC chat server. Without a command it serves.",
        epilog="Every option can also be set as MRCCSC_OPTION in the environment or in the file. "
        "Flags win over the environment, which wins over the file.",
        parents=[common],
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    _add_options(parser)
    parser.set_defaults(command="serve")
    _add_commands(parser, common)
    return parser


def _common() -> _Parser:
    """What is the same for serving and for all commands."""
    common = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument("--config", metavar="FILE", help="TOML file with these options and a [limits] table")
    common.add_argument("--data-dir", metavar="DIR", help="folder of the database and the lock")
    common.add_argument(
        "--database",
        metavar="URL",
        help="sqlite:///path/to/file.db (default: in the data folder) or mysql://user@host/name",
    )
    common.add_argument("--database-password-file", metavar="FILE", help="the database's password, on one line")
    common.add_argument("--bus", metavar="URL", help="redis://host:6379/0 (default memory: for a node alone)")
    common.add_argument("--bus-password-file", metavar="FILE", help="the bus's password, on one line")
    return common


def _add_options(parser: _Parser) -> None:
    parser.add_argument("--version", action="version", version=f"mrccsc-server {__version__}")
    parser.add_argument("--host", help="address to listen on (127.0.0.1)")
    parser.add_argument("--port", help="port to listen on; 0 picks one (8000)")
    parser.add_argument("--tls-cert", metavar="FILE", help="certificate chain in PEM; serves TLS 1.2 and newer")
    parser.add_argument("--tls-key", metavar="FILE", help="its private key in PEM")
    parser.add_argument("--node", metavar="NAME", help="this node's name (the host's name)")
    parser.add_argument("--registration", metavar="MODE", help="who may register: open, invite or closed (open)")
    parser.add_argument(
        "--proxy-from",
        metavar="CIDR,...",
        help="networks of the balancers: believe PROXY headers from there only, and let in nobody without one",
    )
    parser.add_argument("--workers", metavar="N", help="run so many nodes behind the one port (1)")
    parser.add_argument("--http", metavar="HOST:PORT", help="serve /healthz, /readyz and /metrics here")
    parser.add_argument(
        "--unlimited",
        action="store_true",
        help="no rates per user and address: for benchmarks and private networks; caps on size and memory stay",
    )
    parser.add_argument("--exit-when-empty", metavar="SECONDS", help="end when nobody was connected for so long")
    parser.add_argument("--log-format", metavar="FORM", help="text or json (text)")
    parser.add_argument("--log-level", metavar="LEVEL", help="debug, info, warning or error (info)")


def _add_commands(parser: _Parser, common: _Parser) -> None:
    commands = parser.add_subparsers(
        title="commands for the operator", metavar="COMMAND", parser_class=_Parser, prog="mrccsc-server"
    )
    for name, text in (
        ("invite", "make invite codes and print them"),
        ("passwd", "set a user's password, asked for or read from standard input"),
        ("users", "list the accounts"),
        ("nodes", "list the live nodes of the cluster"),
        ("drain", "have a node send its clients to the others and end"),
        ("rebalance", "have full nodes send their excess of clients to the others"),
        ("new-epoch", "after restoring a backup: void all cursors, so that no client trusts what is gone"),
    ):
        command = commands.add_parser(
            name, help=text, description=text, parents=[common], argument_default=argparse.SUPPRESS, allow_abbrev=False
        )
        command.set_defaults(command=name)
        if name == "invite":
            command.add_argument("--count", type=_count, default=1, metavar="N", help="how many (1)")
        if name == "passwd":
            command.add_argument("username", metavar="USER")
        if name == "nodes":
            command.add_argument("--json", action="store_true", default=False, help="for scripts: a JSON array")
        if name == "drain":
            command.add_argument("name", metavar="NODE", help="its name or address")


def _count(value: str) -> int:
    number = int(value)
    if not 1 <= number <= 1_000:
        raise argparse.ArgumentTypeError("make 1 to 1000 codes at once")
    return number
