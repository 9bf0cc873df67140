"""Rows → what the protocol says: the part of reading that every database shares.

A driver selects the columns that are named here, in this order, and hands the tuples over.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any, cast

from mrccsc_server.domain.permissions import first_readable
from mrccsc_server.domain.state import ConversationState, Known, Membership, MessageState
from mrccsc_server.ports import Account
from mrccsc_server.storage.database import Row
from mrccsc_shared.entry import Entry
from mrccsc_shared.limits import LAST_TEXT, MAX_REACTIONS
from mrccsc_shared.messages.contact import Contact
from mrccsc_shared.messages.conversation import Conversation
from mrccsc_shared.messages.group import Member
from mrccsc_shared.messages.session import SessionInfo

Reactions = Mapping[str, list[int]]

ACCOUNT = "a.user, a.username, a.display_name, a.password, a.status, a.status_text, a.created"
CONTACT = "k.user, a.user, a.username, a.display_name, k.relation, c.conv"
CONTACTS = (
    "contact k JOIN account a ON a.user = k.other"
    " LEFT JOIN conversation c ON c.low = CASE WHEN k.user < k.other THEN k.user ELSE k.other END"
    " AND c.high = CASE WHEN k.user < k.other THEN k.other ELSE k.user END"
)
"""The tables of :data:`CONTACT`."""
CONVERSATION = "c.conv, c.kind, c.head, c.at, c.messages, c.members, c.title, c.topic, c.visibility, c.writable"
MEMBER = (
    "m.conv, m.user, m.state, m.role, m.joined, m.sent, m.read_seq, m.read_messages, m.read_own, m.unread_from, m.muted"
)
ENTRY = (
    "e.conv, e.seq, e.kind, e.author, e.at, e.cid, b.text, e.target, e.subject, e.data, e.mentions, "
    "e.rev, e.edited_at, e.deleted_at"
)
MESSAGE = (
    "e.conv, e.seq, e.author, e.at, e.rev, b.text, e.edit_seq, e.edited_at, e.delete_seq, e.deleted_at, e.mentions,"
    " e.body"
)
KNOWN = "e.conv, e.author, e.cid, e.seq, e.at, e.digest"
SESSION = "s.session, s.device_id, s.device_name, s.created, s.last_seen"

_MEMBER_AT = CONVERSATION.count(",") + 1
_PEER_AT = _MEMBER_AT + MEMBER.count(",") + 1
_ENTRY_AT = _PEER_AT + 4


def pack_cid(cid: str) -> bytes:
    """A cid as its 16 bytes."""
    return bytes.fromhex(cid.replace("-", ""))


def unpack_cid(packed: bytes) -> str:
    """The canonical form of a packed cid."""
    digits = packed.hex()  # Three times as fast as by way of a UUID.
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def account(row: Row) -> Account:
    """From :data:`ACCOUNT`."""
    return Account(*row)


def known(row: Row) -> Known:
    """From :data:`KNOWN`."""
    return Known(*row[3:])


def cid_key(row: Row) -> tuple[int, int, str]:
    """The conversation, author and cid of :data:`KNOWN`."""
    return row[0], row[1], unpack_cid(row[2])


def contact(row: Sequence[Any]) -> Contact:
    """From :data:`CONTACT`: what the first column's user sees."""
    _, user, username, display_name, relation, conv = row
    made: Contact = {
        "user": {"user": user, "username": username, "display_name": display_name},
        "relation": relation,
    }
    if conv is not None:
        made["conv"] = conv
    return made


def session(row: Row, current: int) -> SessionInfo:
    """From :data:`SESSION`."""
    ident, device_id, device_name, created, last_seen = row
    info: SessionInfo = {
        "session": ident,
        "created": created,
        "last_seen": last_seen,
        "current": ident == current,
    }
    if device_id is not None:
        info["device"] = {"id": device_id, "name": device_name}
    return info


def group_member(row: Row) -> Member:
    """From the user's id, name, display name and role."""
    user, username, display_name, role = row
    return {"user": {"user": user, "username": username, "display_name": display_name}, "role": role}


def conversation_state(row: Sequence[Any]) -> ConversationState:
    """From :data:`CONVERSATION`."""
    state = ConversationState(*row)
    state.writable = bool(state.writable)
    return state


def membership(row: Sequence[Any]) -> Membership:
    """From :data:`MEMBER`."""
    member = Membership(*row)
    member.muted = bool(member.muted)
    return member


def message_state(row: Row) -> MessageState:
    """From :data:`MESSAGE`."""
    conv, seq, author, at, rev, text, edit, edited, delete, deleted, mentions, _ = row
    return MessageState(
        conv,
        seq,
        author,
        at,
        rev,
        text or "",
        edit,
        edited,
        delete,
        deleted,
        tuple(json.loads(mentions)) if mentions else (),
    )


def entry(row: Row, reactions: Reactions | None = None) -> Entry:
    """From :data:`ENTRY`: an entry as it is now, a message with its ``reactions``."""
    conv, seq, kind, author, at, cid, text, target, subject, data, mentions, rev, edited, deleted = row
    made: dict[str, Any] = {"conv": conv, "seq": seq, "kind": kind, "by": author, "at": at, "cid": unpack_cid(cid)}
    if kind == "message":
        made["rev"] = rev
        if deleted is not None:
            made["deleted"] = True
        else:
            made["text"] = text
            if edited is not None:
                made["edited"] = edited
            if reactions:
                made["reactions"] = reactions
    elif kind == "edit":
        made["text"] = text or ""
    if target is not None:
        made["target"] = target
    if subject is not None:
        made["user"] = subject
    if data is not None:
        made.update(json.loads(data))
    if mentions is not None:
        made["mentions"] = json.loads(mentions)
    return cast(Entry, made)


def group_reactions(rows: Iterable[Row]) -> dict[tuple[int, int], dict[str, list[int]]]:
    """From conv, target, emoji, user, seq: the reactions of each message in the order they were set."""
    grouped: defaultdict[tuple[int, int], dict[str, list[int]]] = defaultdict(dict)
    # Ranges that are read together may overlap: what is in several comes several times.
    once = sorted(set(rows), key=itemgetter(4))
    for conv, target, emoji, user, _ in once:
        grouped[conv, target].setdefault(emoji, []).append(user)
    if len(once) <= MAX_REACTIONS:  # So no message has more.
        return grouped
    return {place: _bounded(reactions) for place, reactions in grouped.items()}


def _bounded(reactions: dict[str, list[int]]) -> dict[str, list[int]]:
    """What fits a line of more reactions than may be set now: of each emoji the first users."""
    if sum(map(len, reactions.values())) <= MAX_REACTIONS:
        return reactions
    most = MAX_REACTIONS // len(reactions)
    return {emoji: users[:most] for emoji, users in reactions.items()}


def newest(row: Row) -> Entry:
    """From :data:`ENTRY` of the head: as it is shown with its conversation.

    Nobody has reacted to it: a reaction would be the newest.
    """
    last = entry(row)
    if last["kind"] in ("message", "edit") and len(text := cast(dict[str, str], last).get("text", "")) > LAST_TEXT:
        return cast(Entry, {**last, "text": text[:LAST_TEXT]})
    return last


def conversation(row: Row) -> Conversation:
    """A member's view, from :data:`CONVERSATION`, :data:`MEMBER`, the peer's user, display name and ``read_seq``
    (or NULLs), the number of unread mentions, and :data:`ENTRY` of the head.
    """
    state = conversation_state(row[:_MEMBER_AT])
    mine = membership(row[_MEMBER_AT:_PEER_AT])
    peer, peer_name, peer_read, mentions = row[_PEER_AT:_ENTRY_AT]
    view: dict[str, Any] = {
        "conv": state.conv,
        "kind": state.kind,
        "title": state.title,
        "muted": mine.muted,
        "from": first_readable(state, mine),
        "head": state.head,
        "read": mine.read,
        "unread": (state.messages - mine.read_messages) - (mine.sent - mine.read_own),
        "mentions": mentions,
        "last": newest(row[_ENTRY_AT:]),
    }
    if mine.unread_from is not None:
        view["unread_from"] = mine.unread_from
    if state.kind == "direct":
        view.update(title=peer_name, peer=peer, peer_read=peer_read)
    else:
        view.update(visibility=state.visibility, role=mine.role, members=state.members)
        if state.topic:
            view["topic"] = state.topic
    return cast(Conversation, view)


def found_group(row: Row) -> Conversation:
    """A group as somebody sees it who is no member, from :data:`CONVERSATION`."""
    state = conversation_state(row)
    view: dict[str, Any] = {
        "conv": state.conv,
        "kind": state.kind,
        "title": state.title,
        "visibility": state.visibility,
        "muted": False,
        "from": 1,
        "head": state.head,
        "read": state.head,
        "unread": 0,
        "mentions": 0,
        "members": state.members,
    }
    if state.topic:
        view["topic"] = state.topic
    return cast(Conversation, view)
