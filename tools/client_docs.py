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

TAIL = """
## Configuration

`config.toml` stands in `$XDG_CONFIG_HOME/mrccsc` (`~/.config/mrccsc`), or where `--config` says. The command line goes
over a profile's table, and that over the top of the file:

```toml
theme = "nord"       # --list-themes names them all
notify = true        # false, or --no-notify: no bell and no notifications
ascii = false        # true, or --ascii: draw with ASCII characters only
linear = false       # true, or --linear: one panel, no boxes, in ASCII: for screen readers
profile = "work"     # the one that opens without --profile

[profiles.work]      # one account on one server
host = "chat.example.org"
port = 8000
tls = true
ca = "company.pem"   # or --ca: certificates to trust instead of the system's; beside this file
username = "ada"
password-command = "pass show chat"
```

What the `password-command` prints signs `username` in where no session is stored, on the screen as in scripts; in
scripts also where the stored one has ended. It runs before the screen opens, so that it may ask for something.

While the terminal has no focus, messages of chats and mentions are told with the bell, on the screen, and by the
terminal itself where it knows OSC 9 or OSC 777; tmux needs `set -g allow-passthrough on`. `/notify` chooses for each
conversation between all, mentions and none; none mutes it on all your devices, the others hold on this one.
"""


def main() -> int:
    """Exit code 1 when ``--check`` finds that the document is not what the client does."""
    parser = argparse.ArgumentParser(prog="python -m tools.client_docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, only compare")
    text = f"{HEAD}{key_reference().rstrip()}\n\n## Commands\n\n{reference().rstrip()}\n{TAIL}"
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
