"""Who may come in, and how fast."""

from __future__ import annotations

from dataclasses import dataclass

from mrccsc_server.ports import Clock, FailureThrottle, Rate, Throttles
from mrccsc_server.security.throttle import Throttle
from mrccsc_shared.limits import Limits
from mrccsc_shared.messages.session import RegistrationMode


@dataclass(frozen=True, slots=True)
class Door:
    """The rates of signing in.

    ``addresses`` counts the sign-ins of one address and the guesses are failed passwords, all of them on all nodes
    together; ``everyone`` counts the sign-ins by token of this node.
    """

    registration: RegistrationMode
    addresses: Rate
    guesses_by_account: FailureThrottle
    guesses_by_address: FailureThrottle
    everyone: Throttle


def make_door(registration: RegistrationMode, throttles: Throttles, clock: Clock, limits: Limits) -> Door:
    """A door with the rates, free guesses and delays of ``limits``; on all nodes together where ``throttles`` are."""

    def guesses(name: str, free: int) -> FailureThrottle:
        return throttles.guesses(name, free=free, delay=limits.failure_delay, delay_max=limits.failure_delay_max)

    return Door(
        registration=registration,
        addresses=throttles.rate("sign-ins", rate=limits.address_rate, burst=limits.address_burst),
        guesses_by_account=guesses("account", limits.failure_free),
        guesses_by_address=guesses("address", limits.failure_free_address),
        everyone=Throttle(clock, rate=limits.sign_in_rate, burst=limits.sign_in_burst),
    )
