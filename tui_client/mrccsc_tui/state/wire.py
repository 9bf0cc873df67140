"""Frames ⇄ models. Everything that a server says becomes showable here, by way of ``sanitize``, and only here.

What is read has been checked by ``mrccsc_shared.codec``. What is dumped is the wire form again, so that the cache on
disk is read back through the same door.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, assert_never

from mrccsc_shared.entry import KINDS, EntryKind
from mrccsc_shared.limits import LAST_TEXT
from mrccsc_tui.sanitize import line
from mrccsc_tui.sanitize import text as safe_text
from mrccsc_tui.state.models import (
    Amendment,
    Contact,
    Conversation,
    Entry,
    Member,
    Message,
    Notice,
    Person,
    Presence,
    Reaction,
    SessionRecord,
)

Wire = Mapping[str, Any]


def read_person(wire: Wire) -> Person:
    """A ``User``."""
    return Person(wire["user"], line(wire["username"], 32), line(wire["display_name"], 64))


def read_presence(wire: Wire | None) -> Presence | None:
    """A ``Presence``; absent stays unknown."""
    if wire is None:
        return None
    return Presence(wire["user"], wire["status"], line(wire.get("text", "")), wire.get("last_seen"))


def read_contact(wire: Wire) -> Contact:
    """A ``Contact``."""
    presence = read_presence(wire.get("presence"))
    return Contact(read_person(wire["user"]), wire["relation"], presence, wire.get("conv"))


def read_member(wire: Wire) -> Member:
    """A ``Member``."""
    return Member(read_person(wire["user"]), wire["role"], read_presence(wire.get("presence")))


def read_conversation(wire: Wire) -> Conversation:
    """A ``Conversation``, holding nothing of its log: the tail is empty at its head."""
    last = wire.get("last")
    return Conversation(
        conv=wire["conv"],
        kind=wire["kind"],
        title=line(wire["title"], 64),
        start=wire["from"],
        head=wire["head"],
        topic=line(wire.get("topic", "")),
        visibility=wire.get("visibility"),
        peer=wire.get("peer"),
        role=wire.get("role"),
        muted=wire["muted"],
        read=wire["read"],
        peer_read=wire.get("peer_read"),
        unread=wire["unread"],
        unread_from=wire.get("unread_from"),
        mentions=wire["mentions"],
        members=wire.get("members"),
        last=None if last is None else shorten(read_entry(last)),
        tail_start=wire["head"] + 1,
        cursor=wire["head"],
    )


def read_session(wire: Wire) -> SessionRecord:
    """A ``SessionInfo``."""
    device = wire.get("device")
    name = line(device["name"], 64) if device else ""
    return SessionRecord(wire["session"], name, wire["created"], wire["last_seen"], wire["current"])


def read_entry(wire: Wire) -> Entry:
    """An ``Entry`` in any of its kinds, or an ``UnknownEntry``."""
    kind: EntryKind | Literal["unknown"] = wire["kind"] if wire["kind"] in KINDS else "unknown"
    place = wire["conv"], wire["seq"], wire["by"], wire["at"], wire.get("cid")
    match kind:
        case "message":
            return _read_message(wire)
        case "edit":
            raw = wire["text"]
            mentions = tuple(sorted(wire.get("mentions", ())))
            return Amendment(*place, kind, wire["target"], safe_text(raw), raw, mentions)
        case "delete":
            return Amendment(*place, kind, wire["target"])
        case "reaction":
            return Amendment(*place, kind, wire["target"], line(wire["emoji"], 32), wire["emoji"], on=wire["on"])
        case "unknown":
            return Notice(*place, kind)
        case "create" | "join" | "leave" | "role" | "change":
            return _read_notice(wire)
        case _:
            assert_never(kind)


def _read_message(wire: Wire) -> Message:
    deleted = wire.get("deleted", False)
    raw = "" if deleted else wire.get("text", "")
    return Message(
        conv=wire["conv"],
        seq=wire["seq"],
        by=wire["by"],
        at=wire["at"],
        cid=wire.get("cid"),
        text=safe_text(raw),
        raw=raw,
        rev=wire["rev"],
        reply_to=wire.get("reply_to"),
        edited=None if deleted else wire.get("edited"),
        deleted=deleted,
        reactions=() if deleted else read_reactions(wire.get("reactions", {})),
        mentions=() if deleted else tuple(sorted(wire.get("mentions", ()))),
    )


def _read_notice(wire: Wire) -> Notice:
    title, topic = wire.get("title"), wire.get("topic")
    return Notice(
        wire["conv"],
        wire["seq"],
        wire["by"],
        wire["at"],
        wire.get("cid"),
        wire["kind"],
        wire.get("user"),
        wire.get("reason"),
        wire.get("role"),
        None if title is None else line(title, 64),
        None if topic is None else line(topic),
        wire.get("visibility"),
    )


def read_reactions(wire: Mapping[str, list[int]]) -> tuple[Reaction, ...]:
    """Reactions in one order whoever gives them: by emoji, then by user."""
    return tuple(Reaction(line(raw, 32), tuple(sorted(users)), raw) for raw, users in sorted(wire.items()) if users)


def shorten(entry: Entry) -> Entry:
    """An entry as ``Conversation.last`` has it: with the beginning of its text."""
    if isinstance(entry, Notice) or len(entry.raw) <= LAST_TEXT:
        return entry
    raw = entry.raw[:LAST_TEXT]
    return replace(entry, text=safe_text(raw), raw=raw)


def dump_person(person: Person) -> dict[str, Any]:
    """A ``User``."""
    return {"user": person.user, "username": person.username, "display_name": person.display_name}


def dump_contact(contact: Contact) -> dict[str, Any]:
    """A ``Contact`` without its presence, which does not outlive the line."""
    known = _present(conv=contact.conv)
    return {"user": dump_person(contact.person), "relation": contact.relation, **known}


def dump_conversation(conversation: Conversation) -> dict[str, Any]:
    """A ``Conversation``; what is held of its log is not part of it."""
    last = conversation.last
    return {
        "conv": conversation.conv,
        "kind": conversation.kind,
        "title": conversation.title,
        "from": conversation.start,
        "head": conversation.head,
        "muted": conversation.muted,
        "read": conversation.read,
        "unread": conversation.unread,
        "mentions": conversation.mentions,
        **_present(
            topic=conversation.topic or None,
            visibility=conversation.visibility,
            peer=conversation.peer,
            role=conversation.role,
            peer_read=conversation.peer_read,
            unread_from=conversation.unread_from,
            members=conversation.members,
            last=None if last is None else dump_entry(last),
        ),
    }


def dump_entry(entry: Entry) -> dict[str, Any]:
    """An ``Entry``, a message in its present state."""
    wire: dict[str, Any] = {"conv": entry.conv, "seq": entry.seq, "by": entry.by, "at": entry.at}
    if entry.cid is not None:
        wire["cid"] = entry.cid
    if isinstance(entry, Message):
        wire |= {"kind": "message", "rev": entry.rev}
        if entry.deleted:
            wire["deleted"] = True
        else:
            wire["text"] = entry.raw
        reactions = {reaction.raw: list(reaction.users) for reaction in entry.reactions}
        return wire | _present(
            reply_to=entry.reply_to,
            edited=entry.edited,
            reactions=reactions or None,
            mentions=list(entry.mentions) or None,
        )
    wire["kind"] = entry.kind
    if isinstance(entry, Notice):
        return wire | _present(
            user=entry.user,
            reason=entry.reason,
            role=entry.role,
            title=entry.title,
            topic=entry.topic,
            visibility=entry.visibility,
        )
    wire["target"] = entry.target
    match entry.kind:
        case "edit":
            wire |= {"text": entry.raw, **_present(mentions=list(entry.mentions) or None)}
        case "reaction":
            wire |= {"emoji": entry.raw, "on": entry.on}
        case "delete":
            pass
        case _:
            assert_never(entry.kind)
    return wire


def _present(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
