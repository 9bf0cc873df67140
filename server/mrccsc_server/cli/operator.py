"""Commands for the operator, on the store that the server uses. All but ``new-epoch`` also while it runs."""

from __future__ import annotations

import asyncio
import getpass
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from mrccsc_server.cli import nodes
from mrccsc_server.cli.folder import DataFolder
from mrccsc_server.config import Settings
from mrccsc_server.ports import Store, StoreError
from mrccsc_server.security.passwords import Passwords
from mrccsc_server.security.tokens import new_invite
from mrccsc_server.start_error import StartError
from mrccsc_server.storage import make_store
from mrccsc_server.telemetry.logging import escape
from mrccsc_shared.errors import Refusal
from mrccsc_shared.text import check_password

T = TypeVar("T")


def invite(settings: Settings, count: int) -> None:
    """Make single-use invite codes and print them, one a line. They exist only here: digests are stored."""
    codes = [new_invite() for _ in range(count)]

    async def work() -> None:
        async with _store(settings) as store:
            await store.accounts.add_invites(codes, settings.limits.invite_days)

    _run(work())
    print("\n".join(codes))


def passwd(settings: Settings, username: str) -> None:
    """Set a user's password and end all of their sessions."""
    _require_database(settings)
    password = _ask_password()

    async def work() -> int:
        passwords = Passwords(workers=1, queue=1)
        try:
            async with _store(settings) as store:
                account = await store.accounts.by_name(username.lower())
                if account is None:
                    raise StartError("There is no user of that name; see mrccsc-server users.")
                return len(await store.accounts.set_password(account.user, await passwords.hash(password)))
        finally:
            passwords.close()

    ended = _run(work())
    print(f"The password is set; {ended} session{'' if ended == 1 else 's'} ended.")


def users(settings: Settings) -> None:
    """Print all accounts: user name, live sessions, day of registration, display name."""

    async def work() -> list[str]:
        async with _store(settings) as store:
            return [
                f"{account.username:<32}  {sessions:>8}  "
                f"{time.strftime('%Y-%m-%d', time.gmtime(account.created / 1000))}  {escape(account.display_name)}"
                for account, sessions in await store.accounts.everyone()
            ]

    rows = _run(work())
    print(f"{'USER':<32}  SESSIONS  SINCE       NAME")
    for row in rows:
        print(row)


def new_epoch(settings: Settings) -> None:
    """Void all cursors. Refused while a server runs on the data folder, or a node on the bus."""

    async def work() -> str:
        async with _store(settings) as store:
            return await store.new_epoch()

    _require_database(settings)
    with _nobody_serving(settings):
        epoch = _run(work())
    print(f"The new epoch is {epoch}; every client will load its conversations anew.")


def _require_database(settings: Settings) -> None:
    """What is about people or messages that are there is not to make an empty database of a mistyped folder."""
    if settings.embedded and not (file := Path(unquote(urlsplit(settings.database_url).path))).is_file():
        raise StartError(f"There is no database {escape(str(file))}. Is that the server's --data-dir?")


@contextmanager
def _nobody_serving(settings: Settings) -> Iterator[None]:
    if settings.embedded:
        with DataFolder(settings.data_dir).locked():
            yield
        return
    if not settings.alone:
        nodes.require_none(settings)
    yield


@asynccontextmanager
async def _store(settings: Settings) -> AsyncIterator[Store]:
    if settings.embedded:
        DataFolder(settings.data_dir).make()
    store = make_store(settings.database_url, settings.limits)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def _run(work: Coroutine[Any, Any, T]) -> T:
    try:
        return asyncio.run(work)
    except (StoreError, Refusal) as error:
        raise StartError(str(error)) from None


def _ask_password() -> str:
    if sys.stdin.isatty():
        password = getpass.getpass("New password: ")
        if getpass.getpass("Again: ") != password:
            raise StartError("The two are not the same; nothing was changed.")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    try:
        return check_password(password)
    except Refusal as refusal:
        raise StartError(f"{refusal.message} Nothing was changed.") from None
