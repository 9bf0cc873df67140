"""The right panel: who is in the group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.message import Message as Event

from mrccsc_tui.state.models import Member
from mrccsc_tui.state.store import Store
from mrccsc_tui.ui.glyphs import Glyphs
from mrccsc_tui.ui.keymap import MEMBERS, bindings
from mrccsc_tui.ui.widgets.rows import ListRow, Piece, RowList
from mrccsc_tui.ui.widgets.sidebar import PersonKey
from mrccsc_tui.ui.widgets.timeline.wrap import clip
from mrccsc_tui.ui.words import status_of

_SECTIONS = {"owner": "OWNER", "admin": "ADMINS", "member": "MEMBERS"}


class Members(RowList):
    """The members of the open group, by role and name."""

    BINDINGS = bindings(MEMBERS)
    DEFAULT_CSS = """
    Members { background: $surface; }
    """

    @dataclass
    class Acted(Event):
        """A key was pressed on a member, or where there is none."""

        what: str
        user: int | None

    def __init__(self, store: Store, glyphs: Glyphs) -> None:
        super().__init__(bar=glyphs.bar, id="members")
        self._store = store
        self._glyphs = glyphs
        self._shown: tuple[Sequence[Member] | None, bool] = (None, False)

    def on_resize(self) -> None:
        """Cut the names to the new width."""
        members, direct = self._shown
        self.show(members, direct=direct)

    def show(self, members: Sequence[Member] | None, *, direct: bool = False) -> None:
        """Show these members; ``None`` while they are not known."""
        self._shown = members, direct
        if members is None:
            words = "not a group" if direct else "not loaded"
            self.set_rows([ListRow(None, (((words, "dim"),),))])
            return
        rows: list[ListRow] = []
        for role, heading in _SECTIONS.items():
            found = sorted(
                (member for member in members if member.role == role),
                key=lambda member: (member.person.display_name.casefold(), member.person.user),
            )
            if not found:
                continue
            if rows:
                rows.append(ListRow(None, (((" ", "dim"),),)))
            title = f"{heading} {len(found)}" if role != "owner" else heading
            rows.append(ListRow(None, (((title, "heading"),),)))
            rows += [self._row(member) for member in found]
        self.set_rows(rows)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Where nobody is listed there are no commands."""
        return self.cursor is not None if action == "member" else super().check_action(action, parameters)

    def action_member(self, what: str) -> None:
        """A key about a member."""
        user = self.cursor.user if isinstance(self.cursor, PersonKey) else None
        self.post_message(self.Acted(what, user))

    def _row(self, member: Member) -> ListRow:
        user = member.person.user
        mine = self._store.me is not None and self._store.me.user == user
        presence = self._store.presence(user) or member.presence
        status = "online" if mine and self._store.status.online else status_of(presence)
        name = clip(member.person.display_name, max((self.size.width or 24) - 8, 4), self._glyphs.ellipsis)
        pieces: list[Piece] = [
            (f"{self._glyphs.presence[status]} ", status or "dim"),
            (name, "dim" if status in ("offline", "") else "text"),
        ]
        if mine:
            pieces.append((f" {self._glyphs.dot} you", "dim"))
        return ListRow(PersonKey(user), (tuple(pieces),))
