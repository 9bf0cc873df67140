"""Reading what a plan of the log needs, in few round trips."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from mrccsc_server.domain.state import Facts, Membership, Needs, ReactionState
from mrccsc_server.storage import rows
from mrccsc_server.storage.database import Query, Reader, Row, Transaction
from mrccsc_server.storage.json_rows import as_one, unpack

_CONVERSATION = f"SELECT {as_one(rows.CONVERSATION)} FROM conversation c WHERE {{}}"
_MEMBER = f"SELECT {as_one(rows.MEMBER)} FROM member m WHERE {{}}"
_KNOWN = f"SELECT {rows.KNOWN} FROM entry e WHERE {{}}"
_MESSAGE = f"SELECT {rows.MESSAGE} FROM entry e LEFT JOIN body b ON b.id = e.body WHERE {{}} AND e.kind = 'message'"
_REACTIONS = "SELECT r.conv, r.target, r.user, r.emoji, r.is_on, r.seq, r.at FROM reaction r WHERE {}"
_STANDING = "SELECT r.conv, r.target, r.emoji, COUNT(*) FROM reaction r WHERE {} GROUP BY r.conv, r.target, r.emoji"
_FRIENDS = "SELECT k.user, k.other FROM contact k WHERE {} AND k.relation = 'friend'"
_GROUPS = (
    "SELECT m.user, COUNT(*) FROM member m JOIN conversation c ON c.conv = m.conv"
    " WHERE {} AND m.state = 'member' AND c.kind = 'group' GROUP BY m.user"
)
_USERS = "SELECT a.user FROM account a WHERE {}"
_NAMES = "SELECT a.username, a.user FROM account a WHERE {}"

_CID = ("e.conv", "e.author", "e.cid")
_MEMBERSHIP = ("m.conv", "m.user")
_REACTION = ("r.conv", "r.target", "r.user", "r.emoji")

Bodies = dict[tuple[int, int], int]
"""The present text in ``body`` of messages, by conversation and seq."""


async def load_facts(transaction: Transaction, need: Needs) -> tuple[Facts, Bodies]:
    """All that ``need`` names, under the locks of its conversations, and the time."""
    if need.groups:
        await transaction.lock_conversations(need.conversations)
        await transaction.lock_users(need.groups)
    asked = _queries(need)
    now = transaction.time
    if now is None:
        asked["now"] = transaction.clock
    elif not asked:
        return Facts(now), {}
    found = dict(zip(asked, await transaction.gather(*asked.values()), strict=True))
    facts = Facts(found["now"][0][0] if now is None else now)
    bodies = _take(facts, found)
    facts.groups = dict.fromkeys(need.groups, 0) | facts.groups
    mentioned = {(conv, facts.names[name]) for conv, name in need.names if name in facts.names} - need.members
    if mentioned:
        (more,) = await transaction.gather(Query(_MEMBER, by=_MEMBERSHIP, keys=list(mentioned)))
        facts.members |= _memberships(more)
    return facts, bodies


def _queries(need: Needs) -> dict[str, Query]:
    """What to ask for, by the name of the fact."""
    asked: dict[str, Query] = {}
    if need.conversations:
        keys = [(conv,) for conv in need.conversations]
        asked["conversations"] = Query(_CONVERSATION, by=("c.conv",), keys=keys, lock=True)
    if need.members:
        asked["members"] = Query(_MEMBER, by=_MEMBERSHIP, keys=list(need.members))
    # Most batches are messages, which need nothing of this.
    if need.cids:
        asked["known"] = query_of_cids(need.cids)
    if need.messages:
        asked["messages"] = Query(_MESSAGE, by=("e.conv", "e.seq"), keys=list(need.messages))
    if need.reactions:
        asked["reactions"] = Query(_REACTIONS, by=_REACTION, keys=list(need.reactions))
    if need.standing:
        standing = [(conv, 1, target) for conv, target in need.standing]
        asked["standing"] = Query(_STANDING, by=("r.conv", "r.is_on", "r.target"), keys=standing, index="reaction_on")
    if need.friends:
        asked["friends"] = Query(_FRIENDS, by=("k.user", "k.other"), keys=list(need.friends))
    if need.groups:
        asked["groups"] = _query_of_groups(need.groups)
    if need.users:
        asked["users"] = Query(_USERS, by=("a.user",), keys=[(user,) for user in need.users])
    if need.names:
        asked["names"] = Query(_NAMES, by=("a.username",), keys=[(name,) for name in {name for _, name in need.names}])
    return asked


def _take(facts: Facts, found: Mapping[str, Sequence[Row]]) -> Bodies:
    """Put what was found into the facts; what of it are bodies."""
    facts.conversations = {row[0]: rows.conversation_state(row) for row in unpack(found.get("conversations", ()))}
    facts.members = _memberships(found.get("members", ()))
    facts.known = {rows.cid_key(row): rows.known(row) for row in found.get("known", ())}
    messages = found.get("messages", ())
    facts.messages = {row[:2]: rows.message_state(row) for row in messages}
    for conv, target, user, emoji, on, seq, at in found.get("reactions", ()):
        facts.reactions[conv, target, user, emoji] = ReactionState(bool(on), seq, at)
    for conv, target, emoji, count in found.get("standing", ()):
        facts.standing[conv, target][emoji] = count
    facts.friends = {(user, other) for user, other in found.get("friends", ())}
    facts.groups = dict(found.get("groups", ()))
    facts.users = {user for (user,) in found.get("users", ())}
    facts.names = dict(found.get("names", ()))
    return {row[:2]: row[-1] for row in messages if row[-1] is not None}


def _memberships(found: Sequence[Row]) -> dict[tuple[int, int], Membership]:
    return {(row[0], row[1]): rows.membership(row) for row in unpack(found)}


def query_of_cids(cids: Collection[tuple[int, int, str]]) -> Query:
    """What is stored under cids of senders in conversations."""
    return Query(_KNOWN, by=_CID, keys=[(conv, by, rows.pack_cid(cid)) for conv, by, cid in cids])


async def count_groups(reader: Reader, users: Collection[int]) -> dict[int, int]:
    """Of how many groups users are members; who is in none is not in it."""
    (counts,) = await reader.gather(_query_of_groups(users))
    return dict(counts)


def _query_of_groups(users: Collection[int]) -> Query:
    return Query(_GROUPS, by=("m.user",), keys=[(user,) for user in users])
