"""Signing in to a server, or making an account there."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Input, Label, Static

from mrccsc_shared.errors import Refusal
from mrccsc_shared.text import check_name, check_password, check_username
from mrccsc_tui.client import ChatClient, RequestError
from mrccsc_tui.ui.keymap import SIGN_IN, bindings
from mrccsc_tui.ui.screens.forms import Choice
from mrccsc_tui.ui.widgets.field import TextField, enter, step_field
from mrccsc_tui.ui.widgets.line import TextLine

if TYPE_CHECKING:
    from mrccsc_tui.ui.app import ChatApp

log = logging.getLogger(__name__)

SIGN_IN_WORD, REGISTER_WORD = "I have an account", "make a new account"
_PLAIN, _TLS = "no", "yes"


class SignInScreen(Screen[None]):
    """Host, port, user name and password; with a new account also a display name and, where needed, an invite code."""

    app: ChatApp
    BINDINGS = bindings(SIGN_IN)
    AUTO_FOCUS = ""
    DEFAULT_CSS = """
    SignInScreen {
        align: center middle;
        background: $background;
        & > VerticalScroll {
            width: 66;
            max-width: 100%;
            height: auto;
            max-height: 100%;
            background: $surface;
            border: round $primary 60%;
            border-title-color: $primary;
            border-title-style: bold;
            border-subtitle-color: $text-muted;
            padding: 1 2 0 2;
        }
        & Horizontal { height: 1; margin-bottom: 1; }
        & Label { width: 14; color: $text-muted; }
        & Input { border: none; height: 1; padding: 0 1; background: $panel; width: 1fr; }
        & Input:focus, & Input.-invalid, & Input.-invalid:focus { border: none; }
        & Input:focus { background: $primary 20%; }
        & #port { width: 12; }
        & #say { height: auto; min-height: 1; color: $text-muted; }
        & #say.-bad { color: $error; text-style: bold; }
        & TextLine { padding: 0; }
        & .-new { display: none; }
        &.-register .-new { display: block; }
    }
    SignInScreen.-short Horizontal { margin-bottom: 0; }
    SignInScreen.-short > VerticalScroll { padding: 0 2; }
    """

    def __init__(self, client: ChatClient, password: str | None = None) -> None:
        super().__init__()
        self._client = client
        self._password = password
        self._busy = False

    def compose(self) -> ComposeResult:
        """The form."""
        profile = self._client.profile
        way = REGISTER_WORD if profile.local and profile.username is None else SIGN_IN_WORD
        with VerticalScroll() as box:
            box.border_title = "MRCCSC"
            box.border_subtitle = Content(f"profile {profile.name}")
            box.can_focus = False
            yield self._field("Account", Choice((SIGN_IN_WORD, REGISTER_WORD), way, id="way"))
            yield self._field("Host", TextField(profile.host, id="host"))
            yield self._field("Port", TextField(str(profile.port), id="port", type="integer"))
            yield self._field("Encrypted", Choice((_PLAIN, _TLS), _TLS if profile.tls else _PLAIN, id="tls"))
            yield self._field("User name", TextField(profile.username or "", id="username"))
            yield self._field("Password", TextField(self._password or "", password=True, id="password"))
            yield self._field(
                "Display name", TextField(placeholder="what others see; optional", id="display"), new=True
            )
            yield self._field("Invite code", TextField(placeholder="if the server asks for one", id="invite"), new=True)
            yield Static(id="say", markup=False)
            yield TextLine(id="keys")

    def on_mount(self) -> None:
        """Begin where something is missing. On a server of one's own there is no account yet."""
        self.set_class(self._registers, "-register")
        enter(self.query_one("#username" if not self._value("username") else "#password", Input))
        self._keys()
        self.on_resize()
        if reason := self._client.status.reason:
            self._say(reason, bad=True)
        if self._password:
            self.action_submit()

    def on_resize(self) -> None:
        """Few lines: no blank ones between the fields."""
        self.set_class(self.app.size.height < 24, "-short")

    @on(Choice.Changed, "#way")
    def change_way(self, event: Choice.Changed) -> None:
        """Sign in, or register."""
        self.set_class(event.value == REGISTER_WORD, "-register")
        self._keys()

    @on(Input.Changed)
    def forget_complaint(self, event: Input.Changed) -> None:
        """A complaint is over once something is typed."""
        if not self._busy and event.input.has_focus:
            self._say("")

    @on(Input.Submitted)
    def submit(self) -> None:
        """Enter in a field, after all that was typed before it."""
        self.action_submit()

    def action_field(self, step: int) -> None:
        """The next field, or the one before."""
        fields = self.query("Choice, Input")
        step_field(list(fields if self._registers else fields.exclude(".-new Input")), step)

    def action_submit(self) -> None:
        """Enter, from any field."""
        if not self._busy:
            self.run_worker(self._submit(), group="sign-in", exclusive=True, exit_on_error=False)

    async def _submit(self) -> None:
        problem = self._problem()
        if problem is not None:
            where, text = problem
            self._say(text, bad=True)
            enter(self.query_one(f"#{where}", Input))
            return
        self._busy = True
        self._say(f"Connecting to {self._value('host')}:{self._value('port')}")
        try:
            self._client.set_server(self._value("host"), int(self._value("port")), tls=self._tls)
            username, password = check_username(self._value("username")), self.query_one("#password", Input).value
            if self._registers:
                await self._client.register(
                    username, password, self._value("display") or None, self._value("invite") or None
                )
            else:
                await self._client.login(username, password)
        except (RequestError, Refusal) as error:
            self._say(str(error), bad=True)
            if isinstance(error, RequestError) and error.code == "bad_credentials":
                enter(self.query_one("#password", Input))
        except Exception:  # a person never sees a traceback
            log.exception("signing in failed")
            self._say("That did not work. Please try again.", bad=True)
        finally:
            self._busy = False

    def _problem(self) -> tuple[str, str] | None:
        """The first field that is not right, and what is wrong."""
        if not self._value("host"):
            return "host", "Which host? For a server on this machine: 127.0.0.1"
        port = self._value("port")
        if not port.isdigit() or not 1 <= int(port) <= 65_535:
            return "port", "A port is a number from 1 to 65535."
        try:
            check_username(self._value("username"))
            if self._registers and self._value("display"):
                check_name(self._value("display"))
        except Refusal as refusal:
            return ("display" if "display" in str(refusal) else "username"), str(refusal)
        password = self.query_one("#password", Input).value
        if not password:
            return "password", "A password is needed."
        try:
            if self._registers:
                check_password(password)
        except Refusal as refusal:
            return "password", str(refusal)
        return None

    @property
    def _registers(self) -> bool:
        return self.query_one("#way", Choice).value == REGISTER_WORD

    @property
    def _tls(self) -> bool:
        return self.query_one("#tls", Choice).value == _TLS

    def _value(self, name: str) -> str:
        return self.query_one(f"#{name}", Input).value.strip()

    def _say(self, text: str, *, bad: bool = False) -> None:
        say = self.query_one("#say", Static)
        say.set_class(bad, "-bad")
        say.update(text)

    def _keys(self) -> None:
        word = "makes the account" if self._registers else "signs in"
        keys = (("Enter ", f"{word}   "), ("Tab ", "next   "), ("Ctrl+Q ", "quits"))
        self.query_one("#keys", TextLine).show([piece for key, does in keys for piece in ((key, "key"), (does, "dim"))])

    @staticmethod
    def _field(label: str, widget: Input | Choice, *, new: bool = False) -> Horizontal:
        return Horizontal(Label(label, markup=False), widget, classes="-new" if new else "")
