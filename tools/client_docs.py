"""Write docs/keys.md from the client's bindings and commands, or with ``--check`` say whether it is up to date."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mrccsc_tui.ui.commands.table import reference
from mrccsc_tui.ui.keymap import key_reference

PATH = Path(__file__).parents[1] / "docs" / "keys.md"

HEAD = """# Keys and commands

Made from the client's own tables (`make docs`). Every key can be changed in `config.toml` by its id:

```toml
[keys]
conversation-next = "alt+down,f8"
```

"""


def main() -> int:
    """Exit code 1 when ``--check`` finds that the document is not what the client does."""
    parser = argparse.ArgumentParser(prog="python -m tools.client_docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, only compare")
    text = f"{HEAD}{key_reference().rstrip()}\n\n## Commands\n\n{reference().rstrip()}\n"
    if PATH.exists() and PATH.read_text() == text:
        return 0
    if parser.parse_args().check:
        print("docs/keys.md is not what the client does: run 'make docs'", file=sys.stderr)
        return 1
    PATH.write_text(text)
    print("wrote docs/keys.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
