"""The command ``mrccsc-tui``."""

from __future__ import annotations

import gc
import os
import sys

from mrccsc_tui.arguments import parse

_EXTRA = {"platformdirs", "rich", "textual"}


def main() -> int:
    """Run the command with the process's arguments. The result is its exit code."""
    # Nothing that is imported is ever garbage; looking through it again and again takes a tenth of the start.
    gc.disable()
    # Without it pydantic looks into every installed package for plugins, of which there are none for it.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    arguments = parse(sys.argv[1:])
    try:
        from mrccsc_tui.cli import run  # noqa: PLC0415  # only here can what is missing be named

        return run(arguments)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _EXTRA:
            raise
        print(f"mrccsc-tui: {error.name} is missing: pip install 'mrccsc[tui]'", file=sys.stderr)  # noqa: T201
        return 2


if __name__ == "__main__":
    sys.exit(main())
