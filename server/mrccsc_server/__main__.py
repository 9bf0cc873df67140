"""``mrccsc-server`` and ``python -m mrccsc_server``."""

from __future__ import annotations

import gc
import os
import sys

EXTRA = ("argon2", "prometheus_client")


def main() -> int:
    """Run the command line; the exit code. Without the ``server`` extra: say so, 2."""
    # Nothing that is imported is ever garbage; `serve` has what is made from then on collected.
    gc.disable()
    # Without it pydantic looks into every installed package for plugins, of which there are none for it.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        # Here, so that a missing library is told in words.
        from mrccsc_server.cli.command import run  # noqa: PLC0415

        return run(sys.argv[1:])
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in EXTRA:
            raise
        sys.stderr.write("mrccsc-server: its libraries are missing; install them with: pip install 'mrccsc[server]'\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
