"""Saying something: messages and what is done to them, read marks and typing."""

from __future__ import annotations

from typing import Literal, NotRequired

from typing_extensions import TypedDict

from mrccsc_shared.messages.base import Command, Notice, frame
from mrccsc_shared.types import Cid, Cursor, Flag, Id, RequestId, Seq, Time


class MessageSend(Command):
    """Say something. ``after`` names the sender's previous send when that is not acked yet."""

    answer = "ack"
    type: Literal["message.send"] = "message.send"
    conv: Id
    cid: Cid
    text: str
    reply_to: Seq | None = None
    after: Cid | None = None


class MessageEdit(Command):
    """Give an own message a new text."""

    answer = "ack"
    type: Literal["message.edit"] = "message.edit"
    conv: Id
    cid: Cid
    seq: Seq
    text: str


class MessageDelete(Command):
    """Delete an own message, or as owner or admin anyone's."""

    answer = "ack"
    type: Literal["message.delete"] = "message.delete"
    conv: Id
    cid: Cid
    seq: Seq


class MessageReact(Command):
    """Set one emoji on a message, or take it back."""

    answer = "ack"
    type: Literal["message.react"] = "message.react"
    conv: Id
    cid: Cid
    seq: Seq
    emoji: str
    on: bool


@frame
class Ack(TypedDict):
    """The entry is durably stored at ``seq``; ``duplicate`` when it was before this request."""

    type: Literal["ack"]
    re: RequestId
    conv: Id
    cid: Cid
    seq: Seq
    at: Time
    duplicate: bool


class ReadMark(Notice):
    """Read up to ``seq``; with ``unread`` see everything from ``seq`` on as unread."""

    type: Literal["read.mark"] = "read.mark"
    conv: Id
    seq: Cursor
    unread: Flag | None = None


@frame
class ReadMarked(TypedDict):
    """``user`` has read up to ``seq``."""

    type: Literal["read.marked"]
    conv: Id
    user: Id
    seq: Cursor
    unread_from: NotRequired[Seq]


class Typing(Notice):
    """The asker is typing."""

    type: Literal["typing"] = "typing"
    conv: Id


@frame
class TypingEvent(TypedDict):
    """``user`` is typing; at most one in 3 s."""

    type: Literal["typing"]
    conv: Id
    user: Id
