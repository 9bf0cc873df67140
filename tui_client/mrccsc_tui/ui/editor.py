"""Editing a text in the person's own editor."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from mrccsc_tui.ui.action_context import ActionError


def edit(text: str) -> str:
    """The text as it is when ``$VISUAL`` or ``$EDITOR`` ends. Blocks; the terminal must be free for it.

    Raises :class:`ActionError` when there is no editor or it fails.
    """
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not command:
        raise ActionError("Set $EDITOR to the editor that you want to use.")
    with tempfile.TemporaryDirectory(prefix="mrccsc-") as folder:
        file = Path(folder) / "message.txt"
        file.write_text(text, "utf-8")
        try:
            done = subprocess.run([*shlex.split(command), str(file)], check=False)  # noqa: S603 - the person's own
            changed = file.read_text("utf-8", "replace")
        except (OSError, ValueError):
            raise ActionError("The editor could not be started; look at $EDITOR.") from None
    if done.returncode != 0:
        raise ActionError("The editor ended with an error; the text is as it was.")
    return changed.removesuffix("\n")
