"""What the other nodes say, and who here has to know it."""

from __future__ import annotations

from collections.abc import Iterable

from mrccsc_server.domain.state import Stored
from mrccsc_server.ports import (
    ContactHint,
    ConversationHint,
    EntryHint,
    HeadHint,
    Hint,
    PresenceHint,
    SessionsEnded,
    Store,
    UserHint,
    ViewHint,
)
from mrccsc_server.services.background import Spawn
from mrccsc_server.services.gaps import Gaps
from mrccsc_server.services.limits import Rates
from mrccsc_server.services.live import Live
from mrccsc_server.services.presence import PresenceService
from mrccsc_server.services.renewal import Renewal
from mrccsc_server.services.roster import Arrival
from mrccsc_server.services.sign_in import SignIn
from mrccsc_server.services.sweep import Sweep


class HintDispatcher:
    """Implements :class:`mrccsc_server.ports.HintListener` on the use cases."""

    def __init__(
        self,
        store: Store,
        live: Live,
        gaps: Gaps,
        sweep: Sweep,
        renewal: Renewal,
        presence: PresenceService,
        sign_in: SignIn,
        rates: Rates,
        spawn: Spawn,
    ) -> None:
        self._store = store
        self._live = live
        self._gaps = gaps
        self._sweep = sweep
        self._renewal = renewal
        self._presence = presence
        self._sign_in = sign_in
        self._rates = rates
        self._spawn = spawn

    def gap(self) -> None:
        """See the port."""
        self._sweep.gap()
        self._presence.renew()
        self._renewal.demand()
        self._spawn(self._sign_in.check())

    def hear(self, hint: Hint) -> None:
        """See the port."""
        match hint:
            case EntryHint(outcome):
                if isinstance(outcome, Stored):
                    if outcome.entry["by"] in self._live.users:
                        self._rates.sends.charge(outcome.entry["by"])
                    self._store.log.heard(outcome.entry["conv"])
                    self._live.deliver(Arrival(outcome))
            case HeadHint(conv, head):
                self._store.log.heard(conv)
                self._live.expect(conv, head)
            case UserHint(users, line):
                self._live.to_users(users, line)
            case ViewHint(users, conv, line):
                self._hear_view(users, conv, line)
            case ContactHint(users, other, line):
                self._renewal.hear(users, other)
                self._live.to_users(users, line)
            case PresenceHint():
                self._presence.hear(hint)
            case ConversationHint(conv, line, but):
                self._live.to_members(conv, line, but)
            case SessionsEnded(user, sessions):
                self._sign_in.close(user, sessions)

    def _hear_view(self, users: Iterable[int], conv: int, line: bytes) -> None:
        """Send on the facts of a conversation; one that a user is new to is read from the database instead."""
        for user in users:
            if self._live.is_inside(user, conv):
                self._live.send_facts(user, conv, line)
            elif user in self._live.users:
                self._gaps.unseen(conv, user)
