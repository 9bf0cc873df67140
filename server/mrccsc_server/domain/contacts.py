"""Who two people are to each other, and what each act makes of it.

A pair of relations is kept as two rows, one in the eyes of each. An act gives the new pair or a :class:`Refusal`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mrccsc_shared.errors import ErrorCode, Refusal
from mrccsc_shared.messages.contact import Relation


class ContactAct(StrEnum):
    """What one person can do about another."""

    REQUEST = "request"
    ACCEPT = "accept"
    DECLINE = "decline"
    REMOVE = "remove"
    BLOCK = "block"
    UNBLOCK = "unblock"


@dataclass(frozen=True, slots=True)
class Pair:
    """What the other is to the actor, and the actor to the other."""

    mine: Relation = "none"
    theirs: Relation = "none"

    @property
    def friends(self) -> bool:
        """Friendship is mutual."""
        return self.mine == "friend" and self.theirs == "friend"


def decide(act: ContactAct, pair: Pair) -> Pair:
    """The pair after the act. The same pair means that nothing changes.

    Blocking is one-sided and hidden: who is blocked sees a friendship end, or a request that stays ``outgoing``.
    """
    match act:
        case ContactAct.REQUEST:
            return _request(pair)
        case ContactAct.ACCEPT:
            if pair.friends:
                return pair
            if pair.mine != "incoming":
                raise Refusal(ErrorCode.NOT_FOUND, "There is no request from them to accept.")
            return Pair("friend", "friend")
        case ContactAct.DECLINE:
            if pair.mine != "incoming":
                raise Refusal(ErrorCode.NOT_FOUND, "There is no request from them to decline.")
            return Pair()
        case ContactAct.REMOVE:
            if pair.mine not in ("friend", "outgoing"):
                raise Refusal(ErrorCode.NOT_FOUND, "They are no friend of yours, nor have you asked them.")
            return Pair("none", "none" if pair.theirs != "blocked" else "blocked")
        case ContactAct.BLOCK:
            return Pair("blocked", pair.theirs if pair.theirs in ("blocked", "outgoing") else "none")
        case ContactAct.UNBLOCK:
            if pair.mine != "blocked":
                raise Refusal(ErrorCode.NOT_FOUND, "You have not blocked them.")
            return Pair("none", pair.theirs)


def _request(pair: Pair) -> Pair:
    match pair.mine:
        case "friend":
            return pair
        case "outgoing" if pair.theirs != "none":
            return pair
        case "incoming":
            return Pair("friend", "friend")
        case "blocked":
            raise Refusal(ErrorCode.FORBIDDEN, "You have blocked them; unblock them first.")
        case _:
            # Also an own request that was swallowed by a block which has ended since.
            return Pair("outgoing", "blocked" if pair.theirs == "blocked" else "incoming")
