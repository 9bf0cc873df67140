"""Groups: making, finding and changing them, and who is in them."""

from __future__ import annotations

import uuid
from typing import Any

from mrccsc_shared.entry import Role, Visibility
from mrccsc_shared.errors import ErrorCode
from mrccsc_shared.limits import MAX_PAGE
from mrccsc_tui.client.core import ClientCore
from mrccsc_tui.link.connection import Frame
from mrccsc_tui.link.errors import RequestError
from mrccsc_tui.state.models import Conversation, Member
from mrccsc_tui.state.wire import read_conversation

_RANK: dict[Role, int] = {"owner": 0, "admin": 1, "member": 2}


class Groups(ClientCore):
    """What can be done to groups. Each act has a cid, so that repeating it after a lost answer does it once."""

    async def create_group(
        self, title: str, topic: str | None = None, visibility: Visibility = "private"
    ) -> Conversation:
        """Make a group that the user owns."""
        frame = await self._act("group.create", title=title, topic=topic or None, visibility=visibility)
        return self._entered(frame)

    async def find_groups(self, query: str = "") -> tuple[Conversation, ...]:
        """Public groups by a part of their title, the largest first. These are not in the store."""
        request: dict[str, Any] = {"type": "group.find", "limit": MAX_PAGE}
        if query:
            request["query"] = query
        frame = await self._engine.ask(request)
        return tuple(map(read_conversation, frame["groups"]))

    async def join_group(self, conv: int) -> Conversation:
        """Become a member of a public group."""
        return self._entered(await self._act("group.join", conv=conv))

    async def leave_group(self, conv: int) -> None:
        """Leave a group."""
        await self._act("group.leave", conv=conv)

    async def invite(self, conv: int, user: int) -> None:
        """Make a friend a member."""
        await self._act("group.invite", conv=conv, user=user)

    async def remove_member(self, conv: int, user: int) -> None:
        """Take a member out; they may come back."""
        await self._act("group.remove", conv=conv, user=user)

    async def ban(self, conv: int, user: int) -> None:
        """Take somebody out until unbanned."""
        await self._act("group.ban", conv=conv, user=user)

    async def unban(self, conv: int, user: int) -> None:
        """Let somebody join again."""
        await self._act("group.unban", conv=conv, user=user)

    async def set_role(self, conv: int, user: int, role: Role) -> None:
        """Give a member a role; ``owner`` hands the group over."""
        await self._act("group.role", conv=conv, user=user, role=role)

    async def update_group(
        self,
        conv: int,
        *,
        title: str | None = None,
        topic: str | None = None,
        visibility: Visibility | None = None,
    ) -> None:
        """Change what is given; an empty topic takes it away."""
        await self._act("group.update", conv=conv, title=title, topic=topic, visibility=visibility)

    async def load_members(self, conv: int, *, fresh: bool = False) -> tuple[Member, ...]:
        """All members, owner and admins first, then by name. Asks once; ``fresh`` asks again (for presences)."""
        if fresh or self.store.members(conv) is None:
            await self._history.load_members(conv)
        members = self.store.members(conv) or {}
        return tuple(sorted(members.values(), key=lambda one: (_RANK[one.role], one.person.display_name.casefold())))

    async def mute(self, conv: int, muted: bool = True) -> None:
        """Mute or unmute a conversation on all devices."""
        await self._engine.ask({"type": "conversation.mute", "conv": conv, "muted": muted})

    def _entered(self, frame: Frame) -> Conversation:
        held = self.store.conversations.get(frame["conversation"]["conv"])
        if held is None:
            raise RequestError(ErrorCode.NOT_FOUND, "You were in that group, and are not in it any more.")
        return held

    async def _act(self, kind: str, **fields: Any) -> Frame:
        request = {"type": kind, "cid": str(uuid.uuid4())}
        return await self._engine.ask(request | {name: value for name, value in fields.items() if value is not None})
