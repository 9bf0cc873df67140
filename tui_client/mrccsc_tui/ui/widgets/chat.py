"""The middle of the main screen: one conversation, from its title to the composer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.message import Message as Event

from mrccsc_shared.limits import MAX_TEXT
from mrccsc_tui.client import ChatClient
from mrccsc_tui.state.models import Conversation, Message
from mrccsc_tui.ui.bridge import LogDigest
from mrccsc_tui.ui.commands.completion import complete
from mrccsc_tui.ui.emoji import with_emoji
from mrccsc_tui.ui.glyphs import Glyphs
from mrccsc_tui.ui.widgets.composer import Composer
from mrccsc_tui.ui.widgets.line import TextLine
from mrccsc_tui.ui.widgets.mode import ModeLine
from mrccsc_tui.ui.widgets.timeline import RowRenderer, Timeline, TimelineRows
from mrccsc_tui.ui.widgets.timeline.wrap import clip
from mrccsc_tui.ui.widgets.title import title_of
from mrccsc_tui.ui.widgets.typing import TypingLine
from mrccsc_tui.ui.widgets.welcome import Welcome
from mrccsc_tui.ui.words import has_unread

FETCHED_UNREAD = 1_000
"""Entries that are fetched at once to begin at the first unread one; beyond that one begins at the newest."""

SPACIOUS_FROM = 24
"""Lines of the terminal from which authors are kept apart by a blank line."""


@dataclass(frozen=True)
class Edit:
    """The composer changes ``message`` instead of saying something new; ``draft`` is what was being typed before."""

    message: Message
    draft: str


class ChatPanel(Vertical):
    """One conversation. It keeps the read mark and the "new since" line while the person can see it."""

    DEFAULT_CSS = """
    ChatPanel { width: 1fr; background: $background; }
    ChatPanel > #title { background: $panel; }
    ChatPanel > #mode { display: none; }
    ChatPanel.-mode > #mode { display: block; }
    ChatPanel > Timeline { display: none; height: 1fr; }
    ChatPanel.-open > Timeline { display: block; }
    ChatPanel.-open > Welcome { display: none; }
    """

    class OlderWanted(Event):
        """There is older history and it is near to being seen."""

    @dataclass
    class UnreadWanted(Event):
        """The first unread message is not held, and not too far to be fetched; then call :meth:`arrive`."""

        conv: int
        seq: int

    def __init__(
        self,
        client: ChatClient,
        glyphs: Glyphs,
        zone: tzinfo | None,
        *,
        themes: Sequence[str],
        changed_keys: Mapping[str, str],
    ) -> None:
        super().__init__(id="chat")
        self._client = client
        self._glyphs = glyphs
        self._zone = zone
        self._themes = themes
        self._changed_keys = changed_keys
        self.conv: int | None = None
        self._edit: Edit | None = None
        self.attentive = False
        """The person can see this: the terminal has the focus and nothing covers the conversation."""
        self._seen = 0
        self._kept_unread = False
        self._arriving = False
        """The first unread message is not held yet; nothing counts as seen until it is."""

    def compose(self) -> ComposeResult:
        """From the title to the composer."""
        yield TextLine(id="title")
        yield Welcome()
        yield Timeline(id="timeline")
        yield TypingLine(self._client.store, self._glyphs)
        yield ModeLine(self._client.store, self._glyphs)
        yield Composer(self._complete, self._changed_keys)

    @property
    def timeline(self) -> Timeline:
        """The messages."""
        return self.query_one(Timeline)

    @property
    def composer(self) -> Composer:
        """Where one types."""
        return self.query_one(Composer)

    @property
    def conversation(self) -> Conversation | None:
        """What is open, as it is now."""
        return None if self.conv is None else self._client.store.conversations.get(self.conv)

    # -- opening ----------------------------------------------------------------------------------------------------

    def open(self, conv: int | None) -> None:
        """Show a conversation at its first unread message, or at the newest; ``None`` shows the way in.

        What was typed before any was open comes along, where nothing was being typed there.
        """
        self.leave_edit()
        carried = self.composer.draft if self.conv is None else ""
        if self.conversation is not None:
            # Keys that came in one piece with the one that leads away may not be in the draft yet.
            self.composer.put(self.composer.draft)
            self._client.set_draft(self.conversation.conv, self.composer.text)
        self.conv = conv
        self._kept_unread = False
        conversation = self.conversation
        self.set_class(conversation is not None, "-open")
        self.query_one(TypingLine).open(conv)
        if conversation is None:
            self.conv = None
            self.timeline.show(None)
            self._client.look_at(None)
            self.composer.put("")
            self.refresh_facts()
            return
        unread = has_unread(conversation)
        self._seen = conversation.unread_from - 1 if conversation.unread_from is not None else conversation.read
        renderer = RowRenderer(
            self._client.store,
            conversation.conv,
            zone=self._zone,
            glyphs=self._glyphs,
            spacious=self.app.size.height >= SPACIOUS_FROM,
        )
        rows = TimelineRows(renderer)
        near = conversation.head - self._seen <= FETCHED_UNREAD
        self._arriving = unread and near and conversation.tail_start > self._seen + 1
        if self._arriving:
            self.post_message(self.UnreadWanted(conversation.conv, self._seen + 1))
        if unread:
            held = conversation.tail_start <= self._seen + 1
            renderer.divider = (self._first_new(rows) if held else None) or self._seen + 1
        self.timeline.show(rows, at=renderer.divider)
        self._client.look_at(conversation.conv)
        self._bring_draft(conversation.conv, carried)
        self.refresh_facts()
        self.mark_seen()

    def _bring_draft(self, conv: int, carried: str) -> None:
        draft = self._client.draft(conv)
        if carried.strip() and not draft:
            draft = carried
            self._client.set_draft(conv, draft)
        else:
            self.composer.keep(carried)
        self.composer.put(draft)
        self._warn_of_length()

    def take(self, digest: LogDigest | None, *, names: bool) -> None:
        """Show what happened here."""
        conversation = self.conversation
        if self.conv is not None and conversation is None:
            self.composer.keep(self.composer.text)
            self.open(None)
            return
        if digest is not None or names:
            looks = names or (digest is not None and not digest.grown and not digest.changed)
            changed = digest.changed if digest is not None else ()
            caught_up = self._first_new(self.timeline.rows) is None
            self.timeline.take_in(changed, restart=digest is not None and digest.restarted, repaint=looks)
            if caught_up:
                self._divide(missed=digest is not None and digest.missed)
            if self._arriving and conversation is not None and conversation.tail_start <= self._seen + 1:
                self.arrive(conversation.conv)
            self.mark_seen()
        self.refresh_facts()

    def refresh_facts(self) -> None:
        """The title line, the way in, the composer's invitation, what it answers."""
        store = self._client.store
        self._show_mode()
        conversation = self.conversation
        if conversation is None:
            me = store.me
            self.query_one("#title", TextLine).show([(me.display_name if me is not None else "", "strong")])
            self.query_one(Welcome).refresh_words(store)
            self.composer.placeholder = "/help shows what you can do"
            return
        self.query_one("#title", TextLine).show(title_of(conversation, store, self._glyphs))
        # A string would be read as markup, and titles are others' words.
        self.composer.placeholder = Content(f"Message {clip(conversation.title, 30, self._glyphs.ellipsis)}")

    def select(self, seq: int) -> bool:
        """Put a message into view and select it; whether it is held."""
        return self.timeline.go_to(seq)

    # -- reading ----------------------------------------------------------------------------------------------------

    def mark_seen(self) -> None:
        """Set the read mark as far as the person can see, once they can."""
        conversation = self.conversation
        rows = self.timeline.rows
        if conversation is None or not self.attentive or self._arriving or not rows:
            return
        seen = rows.cursor if self.timeline.following else self.timeline.bottom_seq() or 0
        self._seen = max(self._seen, seen)
        if (
            not self._kept_unread
            and has_unread(conversation)
            and seen > min(conversation.read, (conversation.unread_from or seen + 1) - 1)
        ):
            self._client.mark_read(conversation.conv, seen)

    def keep_unread(self, message: Message) -> None:
        """Show everything from ``message`` on as unread, until the conversation is opened again."""
        self._client.mark_read(message.conv, message.seq, unread=True)
        self._kept_unread = True
        self.timeline.move_divider(message.seq)

    @property
    def divider(self) -> int | None:
        """The seq that the "new since" line stands above, when there is such a line."""
        rows = self.timeline.rows
        return None if rows is None else rows.renderer.divider

    def first_unread(self) -> None:
        """Go to the "new since" line, as far as that is held."""
        rows = self.timeline.rows
        if rows is not None and rows.renderer.divider is not None:
            ordinal = rows.at_index(rows.index(rows.renderer.divider))
            if ordinal < rows.heights.end:
                self.timeline.bring(rows.key(ordinal))

    def arrive(self, conv: int) -> None:
        """All the unread messages are held, or as many as can be: go to the first, and count what is seen from now."""
        conversation = self.conversation
        if not self._arriving or conversation is None or conversation.conv != conv:
            return
        self._arriving = False
        self.timeline.take_in()
        if conversation.tail_start <= self._seen + 1:
            self.timeline.move_divider(self._first_new(self.timeline.rows))
            self.first_unread()
        self.mark_seen()

    def _first_new(self, rows: TimelineRows | None) -> int | None:
        """The seq of the first message by others that is shown and was not seen."""
        me = self._client.store.me
        for row in () if rows is None else rows.after(self._seen):
            if isinstance(row, Message) and (me is None or row.by != me.user):
                return row.seq
        return None

    def _divide(self, *, missed: bool) -> None:
        """Put the "new since" line above what came just now, when all before had been seen.

        There is no line above what comes while the person looks at the newest message, unless it was ``missed``: said
        while the line was down. Where there is something else still to be seen, the line stays above that.
        """
        looking = self.attentive and self.timeline.following
        if (looking and not missed) or self._kept_unread or self._arriving:
            return
        if (new := self._first_new(self.timeline.rows)) is not None:
            self.timeline.move_divider(new)

    # -- typing and sending -----------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Send a text, as an answer or a change where one was begun. Raises what the client raises; the text stays."""
        conversation = self.conversation
        if conversation is None:
            return
        edit, typed = self._edit, text
        text = with_emoji(text)
        if edit is not None:
            self._client.edit(edit.message.conv, edit.message.seq, text)
        else:
            self._client.send(conversation.conv, text, self._client.draft_reply(conversation.conv))
            self._client.set_draft_reply(conversation.conv, None)
        self.accept_text(typed)
        self._edit = None
        self._show_mode()
        if edit is None:
            self.timeline.newest()
        elif edit.draft:
            self.composer.give_back(edit.draft)

    def accept_text(self, text: str) -> None:
        """What was typed has been taken; Ctrl+↑ brings it back."""
        self.composer.keep(text)
        if self.conv is not None and self._edit is None:
            self._client.set_draft(self.conv, self.composer.text)
        self._warn_of_length()

    def begin(self, kind: str, message: Message, text: str | None = None) -> None:
        """Answer or edit a message."""
        self.leave_edit()
        if kind == "edit":
            self._edit = Edit(message, self.composer.draft)
            shown = message.text if text is None else text
            self.composer.put(f"/{shown}" if shown.startswith("/") else shown)
        else:
            self.query_one(ModeLine).remember(message)
            self._client.set_draft_reply(message.conv, message.seq)
        self._show_mode()
        self.composer.focus()

    def leave_mode(self) -> None:
        """Edit no more, or else answer no more. Nothing typed is lost."""
        if not self.leave_edit() and self.conv is not None:
            self._client.set_draft_reply(self.conv, None)
            self._show_mode()

    def leave_edit(self) -> bool:
        """Edit no more: the draft from before comes back. Whether there was an edit."""
        edit, self._edit = self._edit, None
        if edit is not None:
            self.composer.keep(self.composer.text)
            self.composer.put(edit.draft)
            self._show_mode()
        return edit is not None

    @on(Composer.Typed)
    def keep_draft(self) -> None:
        """Every key goes to the draft, and tells the others that one is typing."""
        self._warn_of_length()
        text, conversation = self.composer.draft, self.conversation
        is_command = text.startswith("/") and not text.startswith("//")
        if self.save_draft() and conversation is not None and text.strip() and not is_command:
            self._client.typing(conversation.conv)

    def save_draft(self) -> bool:
        """Keep what is typed as the draft of the conversation; whether it is one."""
        conversation = self.conversation
        if conversation is None or self._edit is not None:
            return False
        self._client.set_draft(conversation.conv, self.composer.draft)
        return True

    @on(Timeline.OlderWanted)
    def want_older(self) -> None:
        """Near the beginning of what is held."""
        if self.conversation is not None and self.conversation.more_before:
            self.post_message(self.OlderWanted())

    @on(Timeline.Followed)
    def tell_following(self, event: Timeline.Followed) -> None:
        """Whether newer messages are out of view."""
        self.query_one(TypingLine).show_scrolled(not event.following and self.timeline.rows is not None)
        self.mark_seen()

    def _warn_of_length(self) -> None:
        text, much = self.composer.text, MAX_TEXT * 3 // 4
        # A character has at most four bytes: short texts need not be encoded at every key.
        size = len(text.encode("utf-8", "replace")) if len(text) * 4 > much else 0
        self.query_one(TypingLine).warn(f"{size} of {MAX_TEXT} bytes" if size > much else "")

    def _show_mode(self) -> None:
        conv = None if self.conversation is None else self.conv
        seq = None if conv is None else self._client.draft_reply(conv)
        shown = self._edit is not None or seq is not None
        self.set_class(shown, "-mode")
        self.composer.set_class(shown, "-reply")
        line = self.query_one(ModeLine)
        if self._edit is not None:
            line.editing(self._edit.message)
        elif conv is not None and seq is not None:
            line.answering(conv, seq)

    def _complete(self, line: str, word: str) -> list[str]:
        return complete(self._client.store, self.conv, line, word, self._themes)
