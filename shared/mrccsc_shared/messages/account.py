"""Changing one's own account."""

from __future__ import annotations

from typing import Literal

from mrccsc_shared.messages.base import Command
from mrccsc_shared.messages.session import Secret


class AccountUpdate(Command):
    """Change the display name."""

    type: Literal["account.update"] = "account.update"
    display_name: str | None = None


class AccountPassword(Command):
    """Change the password; all other sessions end."""

    type: Literal["account.password"] = "account.password"
    old: Secret
    new: Secret
