"""One row of a timeline as lines of styled text, and how many lines that makes. No Textual.

``RowRenderer.height`` and ``RowRenderer.lines`` always agree: the first is asked for every row, the second only for
what is seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from typing import NamedTuple, TypeAlias, assert_never

from rich.cells import cell_len

from mrccsc_tui.state.models import Conversation, Message, Notice, Pending, Row
from mrccsc_tui.state.store import Store
from mrccsc_tui.ui.glyphs import UNICODE, Glyphs
from mrccsc_tui.ui.widgets.timeline.marks import find_marks
from mrccsc_tui.ui.widgets.timeline.notices import describe
from mrccsc_tui.ui.widgets.timeline.wrap import clip, count_lines, wrap

GUTTER = 10
"""Cells left of the text: the bar of the selected message, the time, and the state of an own message."""

MINUTE = 60_000
"""Milliseconds. The time stands where it is another minute than above."""

GROUP_GAP = 5 * MINUTE
"""The author is named again in each of these parts of an hour, and whenever nothing was said for as long."""

STRETCH = 10
"""Entries after which time and author stand there again: few pages are without. Own messages show by their state whose
they are.
"""

NAME_COLOURS = 5

Item: TypeAlias = Row | Pending


class Span(NamedTuple):
    """Text in one style; ``link`` is an address that it leads to."""

    text: str
    style: str = "text"
    link: str = ""


Line: TypeAlias = list[Span]


class Decor(NamedTuple):
    """What stands above the text of a row."""

    blank: bool
    day: bool
    new: bool
    heading: bool

    @property
    def lines(self) -> int:
        """How many lines it takes."""
        return self.blank + self.day + self.new + self.heading


class Changes(NamedTuple):
    """What the user did to a message and the server has not confirmed."""

    text: str | None = None
    suffix: str = ""
    emoji: tuple[tuple[str, bool], ...] = ()
    failed: tuple[str, ...] = ()


_NOTHING = Changes()


@dataclass
class RowRenderer:
    """How the rows of one conversation look at a width.

    While the width is 0 nothing is known of heights: every row counts as one line. ``divider`` is the seq above which
    the "new since" line stands. ``spacious`` puts a blank line between authors.
    """

    store: Store
    conv: int
    width: int = 0
    zone: tzinfo | None = None
    glyphs: Glyphs = UNICODE
    divider: int | None = None
    spacious: bool = True
    changes: dict[int, Changes] = field(default_factory=dict)
    """Unconfirmed changes by the seq of their message."""

    @property
    def text_width(self) -> int:
        """Cells of a line of text."""
        return max(self.width - GUTTER - 1, 8)

    def height(self, item: Item, before: Item | None) -> int:
        """How many lines a row takes below ``before``."""
        if not self.width:
            return 1
        lines = self.decor(item, before).lines
        if isinstance(item, Notice):
            return lines + count_lines(self._notice(item), self.text_width)
        lines += count_lines(self.body(item)[0], self.text_width)
        if item.reply_to is not None and not self._deleted(item):
            lines += 1
        if isinstance(item, Message):
            lines += len(self._reactions(item)) + len(self._failures(item))
        elif item.state == "failed":
            lines += len(self._wrapped(self._refusal(item)))
        return lines

    def lines(self, item: Item, before: Item | None) -> list[Line]:
        """The lines of a row below ``before``."""
        return list(self._lines(item, before))

    def decor(self, item: Item, before: Item | None) -> Decor:
        """What stands above a row: a day line, the "new since" line, the author."""
        if before is None:
            return Decor(blank=False, day=True, new=self._is_new(item, None), heading=not isinstance(item, Notice))
        day = self._day(_at(item)) != self._day(_at(before))
        new = self._is_new(item, before)
        if isinstance(item, Notice):
            gap = not isinstance(before, Notice)
            return Decor(blank=self.spacious and (gap or day or new), day=day, new=new, heading=False)
        heading = (
            day
            or new
            or isinstance(before, Notice)
            or self._author(before) != self._author(item)
            # By the clock and the seq, not by the last heading: that would have to be looked for.
            or _at(item) // GROUP_GAP != _at(before) // GROUP_GAP
            or (self._author(item) != self._my_id and _far(before, item))
        )
        return Decor(blank=self.spacious and heading, day=day, new=new, heading=heading)

    def body(self, item: Message | Pending) -> tuple[str, int]:
        """The text of a message with its marks in words, and where these begin."""
        if isinstance(item, Pending):
            text = item.text.expandtabs(4)
            return (text + "  (waiting)" if item.state == "waiting" else text), len(text)
        if item.deleted:
            return "(deleted)", 0
        changes = self.changes.get(item.seq, _NOTHING)
        text = (item.text if changes.text is None else changes.text).expandtabs(4)
        suffix = changes.suffix or ("(edited)" if item.edited is not None else "")
        return (f"{text}  {suffix}" if suffix else text), len(text)

    def when(self, at: int) -> datetime:
        """A moment in the zone of the screen."""
        return datetime.fromtimestamp(at / 1000, self.zone)

    def quote(self, seq: int) -> str:
        """One line about the message at ``seq``."""
        message = self.store.message(self.conv, seq)
        if message is None:
            return "an earlier message"
        text = "(deleted)" if message.deleted else message.text
        return f"{self._name(message.by)}: {' '.join(text[:400].split())}"

    def _lines(self, item: Item, before: Item | None) -> Iterator[Line]:
        decor = self.decor(item, before)
        if decor.blank:
            yield []
        if decor.day:
            yield self._rule(_day_name(self._day(_at(item))), "day")
        if decor.new:
            yield self._rule(f"new since {self.when(_at(item)):%H:%M}", "new")
        time = "" if decor.heading else self._time(item, before)
        if isinstance(item, Notice):
            yield from self._notice_lines(item, time)
            return
        if decor.heading:
            yield self._heading(item)
        if item.reply_to is not None and not self._deleted(item):
            quoted = clip(f"{self.glyphs.quote} {self.quote(item.reply_to)}", self.text_width, self.glyphs.ellipsis)
            yield [*_gutter(time), Span(quoted, "quote")]
            time = ""
        yield from self._text_lines(item, time)
        if isinstance(item, Message):
            for line in self._reactions(item):
                yield [*_gutter(), *line]
            for text in self._failures(item):
                yield [*_gutter(), Span(text, "failed")]
        elif item.state == "failed":
            for text in self._wrapped(self._refusal(item)):
                yield [*_gutter(), Span(text, "failed")]

    def _time(self, item: Item, before: Item | None) -> str:
        """The time of a row that has no heading, unless the row above says the same."""
        if before is not None and _at(item) // MINUTE == _at(before) // MINUTE and not _far(before, item):
            return ""
        return self._clock(item)

    def _clock(self, item: Item) -> str:
        return f"{self.when(_at(item)):%H:%M}"

    def _text_lines(self, item: Message | Pending, time: str) -> Iterator[Line]:
        text, suffix = self.body(item)
        marks = find_marks(text[:suffix], self._mentioned(item), self._my_username)
        gutter = _gutter(time, *self._sign(item))
        plain = "deleted" if self._deleted(item) else "text"
        for start, end in wrap(text, self.text_width):
            line = gutter
            at = start
            for mark in marks:
                low, high = max(mark.start, start), min(mark.end, end)
                if low >= high:
                    continue
                if low > at:
                    line.append(Span(text[at:low], plain))
                link = text[mark.start : mark.end] if mark.kind == "link" else ""
                line.append(Span(text[low:high], mark.kind, link))
                at = high
            edge = max(min(suffix, end), at)
            if edge > at:
                line.append(Span(text[at:edge], plain))
            if end > edge:
                line.append(Span(text[edge:end], "state"))
            yield line
            gutter = _gutter()

    def _heading(self, item: Message | Pending) -> Line:
        user = self._author(item)
        gutter = _gutter(self._clock(item))
        if user == self._my_id:
            return [*gutter, Span("You", "me")]
        person = self.store.person(user)
        name = clip(person.display_name, max(self.text_width - 2, 4), self.glyphs.ellipsis)
        line = [*gutter, Span(name, f"name-{user % NAME_COLOURS}")]
        handle = f"  @{person.username}"
        if (
            person.username.casefold() not in ("", person.display_name.casefold())
            and cell_len(name) + len(handle) <= self.text_width
        ):
            line.append(Span(handle, "time"))
        return line

    def _notice_lines(self, item: Notice, time: str) -> Iterator[Line]:
        text = self._notice(item)
        sign = {"join": self.glyphs.join, "leave": self.glyphs.leave}.get(item.kind, self.glyphs.note)
        gutter = _gutter(time, sign, "notice")
        for start, end in wrap(text, self.text_width):
            yield [*gutter, Span(text[start:end], "notice")]
            gutter = _gutter()

    def _rule(self, text: str, style: str) -> Line:
        room = self.width - 2
        side = max((room - len(text) - 2) // 2, 0)
        left = self.glyphs.rule * side
        right = self.glyphs.rule * max(room - side - len(text) - 2, 0)
        return [Span(" " + left, f"{style}-rule"), Span(f" {text} ", style), Span(right, f"{style}-rule")]

    def _sign(self, item: Message | Pending) -> tuple[str, str]:
        if isinstance(item, Pending):
            return (self.glyphs.failed, "failed") if item.state == "failed" else (self.glyphs.waiting, "state")
        if item.by != self._my_id or item.deleted:
            return "", "state"
        conversation = self._conversation
        if conversation is not None and conversation.peer_read is not None and conversation.peer_read >= item.seq:
            return self.glyphs.read, "read"
        return self.glyphs.sent, "state"

    def _reactions(self, item: Message) -> list[Line]:
        """Packed into lines; the user's own are in brackets."""
        counts = {reaction.emoji: list(reaction.users) for reaction in item.reactions}
        waiting: set[str] = set()
        for emoji, on in self.changes.get(item.seq, _NOTHING).emoji:
            users = [user for user in counts.get(emoji, []) if user != self._my_id]
            counts[emoji] = [*users, self._my_id] if on else users
            waiting.add(emoji)
        lines: list[Line] = []
        room = 0
        for emoji, users in counts.items():
            if not users and emoji not in waiting:
                continue
            text = f"{emoji} {len(users)}{self.glyphs.ellipsis if emoji in waiting else ''}"
            own = self._my_id in users
            text = f"[{text}]" if own else text
            cells = cell_len(text) + 2
            if cells > room:
                lines.append([])
                room = self.text_width
            lines[-1] += [Span(text, "reaction-own" if own else "reaction"), Span("  ")]
            room -= cells
        return lines

    def _failures(self, item: Message) -> list[str]:
        return [line for text in self.changes.get(item.seq, _NOTHING).failed for line in self._wrapped(text)]

    def _refusal(self, item: Pending) -> str:
        return f"not sent: {(item.why or 'refused').rstrip('.')} {self.glyphs.dot} select it: t tries again, x discards"

    def _wrapped(self, text: str) -> list[str]:
        return [text[start:end] for start, end in wrap(text, self.text_width)]

    def _notice(self, item: Notice) -> str:
        conversation = self._conversation
        direct = conversation is not None and conversation.kind == "direct"
        return describe(item, self._name, direct=direct)

    def _mentioned(self, item: Message | Pending) -> Sequence[str]:
        if isinstance(item, Pending):
            return ()
        return [self.store.person(user).username for user in item.mentions]

    def _is_new(self, item: Item, before: Item | None) -> bool:
        if self.divider is None or isinstance(item, Pending) or item.seq < self.divider:
            return False
        return before is None or (not isinstance(before, Pending) and before.seq < self.divider)

    def _name(self, user: int) -> str:
        return "You" if user == self._my_id else self.store.person(user).display_name

    def _author(self, item: Item) -> int:
        return self._my_id if isinstance(item, Pending) else item.by

    def _deleted(self, item: Message | Pending) -> bool:
        return isinstance(item, Message) and item.deleted

    def _day(self, at: int) -> date:
        return self.when(at).date()

    @property
    def _conversation(self) -> Conversation | None:
        return self.store.conversations.get(self.conv)

    @property
    def _my_id(self) -> int:
        return self.store.me.user if self.store.me is not None else 0

    @property
    def _my_username(self) -> str:
        return self.store.me.username if self.store.me is not None else ""


def pending_changes(pending: Sequence[Pending]) -> dict[int, Changes]:
    """The unconfirmed edits, deletions and reactions by the seq of their message."""
    found: dict[int, Changes] = {}
    for act in pending:
        if act.kind == "send" or act.target is None:
            continue
        changes = found.get(act.target, _NOTHING)
        match act.kind:
            case "edit":
                undone, waiting = "edit not saved", changes._replace(text=act.text, suffix="(edit waiting)")
            case "delete":
                undone, waiting = "not deleted", changes._replace(suffix="(deletion waiting)")
            case "react":
                undone, waiting = "reaction not set", changes._replace(emoji=(*changes.emoji, (act.text, act.on)))
            case _:
                assert_never(act.kind)
        if act.state == "failed":
            why = (act.why or "refused").rstrip(".")
            waiting = changes._replace(failed=(*changes.failed, f"{undone}: {why} (t tries again, x discards)"))
        found[act.target] = waiting
    return found


def _at(item: Item) -> int:
    return item.created if isinstance(item, Pending) else item.at


def _far(before: Item, item: Item) -> bool:
    """Whether another stretch begins between two rows; what is not sent yet stays with what is above."""
    if isinstance(before, Pending) or isinstance(item, Pending):
        return False
    return before.seq // STRETCH != item.seq // STRETCH


def _gutter(time: str = "", sign: str = "", style: str = "state") -> Line:
    return [Span(f" {time:>5} ", "time"), Span(f"{sign:>2} ", style)]


def _day_name(day: date) -> str:
    return f"{day:%A} {day.day} {day:%B} {day.year}"
