"""A client for a script: signed in, or a clear reason why not."""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from mrccsc_tui.client import ChatClient, RequestError
from mrccsc_tui.config import ConfigError, Profile, password_from
from mrccsc_tui.exits import INTERRUPTED, MISUSED, OK, REFUSED, UNREACHABLE
from mrccsc_tui.profile import fits, load_session
from mrccsc_tui.sanitize import line
from mrccsc_tui.state.models import Conversation

SIGN_IN_TIME = 30.0
"""Seconds until a server counts as unreachable."""

SOON = 1.0
"""Seconds after which a person is told that there is something to wait for."""


class Unreachable(Exception):
    """The server cannot be reached, or did not answer in time."""


class SessionOver(RequestError):
    """The session that was stored is not taken any more, and forgotten."""


def run_script(work: Callable[[], Awaitable[None]]) -> int:
    """Run a script to its end. The result is its exit code; what went wrong is one line on standard error.

    It begins once more where the stored session has ended and a password command can make another. What standard output
    has no character for is printed as an escape of Python.
    """

    async def main() -> None:
        try:
            await work()
        except SessionOver:
            await work()

    if isinstance(sys.stdout, io.TextIOWrapper):
        # Peers write in every script; where this goes may know one of them.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        asyncio.run(main())
    except RequestError as error:
        code = UNREACHABLE if error.retryable or error.code in {"offline", "no_answer"} else REFUSED
        return _fail(code, str(error))
    except Unreachable as error:
        return _fail(UNREACHABLE, str(error))
    except ConfigError as error:
        return _fail(MISUSED, str(error))
    except BrokenPipeError:
        # Whoever read the output has had enough.
        sys.stderr.close()
        return OK
    except KeyboardInterrupt:
        return INTERRUPTED
    return OK


def say(message: str) -> None:
    """One line on standard error, at once."""
    print(f"mrccsc-tui: {line(message)}", file=sys.stderr, flush=True)  # noqa: T201


def _fail(code: int, message: str) -> int:
    say(message)
    return code


def _show_waiting(reason: str, seconds: float) -> None:
    """Say that it is alive, to a person: a log or a mail needs how it ended only."""
    if sys.stderr.isatty():
        say(f"{reason} Trying for {seconds:g} s.")


async def password_for(profile: Profile) -> str | None:
    """What the password command prints; ``None`` where a session is stored. It may ask a person, so it is not hurried.

    Raises :class:`ConfigError` where there is neither.
    """
    session = load_session(profile.name)
    if session is not None and fits(session, profile):
        return None
    if not (profile.username and profile.password_command):
        raise ConfigError(
            f"The profile {profile.name} is not signed in. "
            f"Open the client once (mrccsc-tui --profile {profile.name}), or configure a password-command."
        )
    return await asyncio.to_thread(password_from, profile.password_command)


@asynccontextmanager
async def signed_in(
    profile: Profile, password: str | None, patience: float = SIGN_IN_TIME
) -> AsyncIterator[ChatClient]:
    """A client that is online and has all its lists, ``patience`` seconds later at the latest.

    ``password`` is what :func:`password_for` gave. Raises :class:`Unreachable`, or :class:`RequestError` where one is
    not let in; where that is for the stored session and the profile has a password command, :class:`SessionOver`.
    Behind the block nothing is sent any more.
    """
    client = ChatClient(profile, keep=False)
    why = "The server does not answer."

    def settled() -> bool:
        nonlocal why
        # Only while it rests between two tries there is a reason.
        why = client.status.reason or why
        return client.status.phase == "stopped" or (client.status.online and client.store.listing is None)

    try:
        await client.start()
        try:
            async with asyncio.timeout(patience):
                if password is not None:
                    await client.login(profile.username or "", password)
                if not await until(client, settled, SOON):
                    _show_waiting(why, patience)
                    await until(client, settled, None)
        except TimeoutError:
            raise Unreachable(why) from None
        if client.status.phase == "stopped":
            another = not client.has_token and password is None and profile.username and profile.password_command
            refusal = SessionOver if another else RequestError
            raise refusal("unauthenticated", client.status.reason or "Not signed in.")
        yield client
    finally:
        await client.stop()


async def until(client: ChatClient, condition: Callable[[], bool], seconds: float | None) -> bool:
    """Wait until something is true of the client; ``False`` when that took too long."""
    changed = asyncio.Event()
    unsubscribe = client.subscribe(lambda _: changed.set())
    try:
        async with asyncio.timeout(seconds):
            while not condition():
                changed.clear()
                await changed.wait()
    except TimeoutError:
        return False
    finally:
        unsubscribe()
    return True


async def conversation_of(client: ChatClient, target: str, *, open_direct: bool = False) -> Conversation:
    """The one conversation that a person means. With ``open_direct`` a friend's is made when there is none yet."""
    found = client.find(target)
    if len(found) == 1:
        return found[0]
    if found:
        numbers = ", ".join(str(one.conv) for one in found)
        raise RequestError("invalid", f"Several conversations are called that; name one by its number: {numbers}")
    if open_direct and target.startswith("@"):
        for contact in client.store.contacts.values():
            if contact.relation == "friend" and contact.person.username == target[1:].lower():
                return await client.open_direct(contact.person.user)
        raise RequestError("not_found", "You have no friend of that name.")
    raise RequestError("not_found", "You are in no conversation of that name; give @user, #title or its number.")
