"""The line above the messages: what the conversation is, and who is in it."""

from __future__ import annotations

from mrccsc_tui.state.models import Conversation
from mrccsc_tui.state.store import Store
from mrccsc_tui.ui.glyphs import Glyphs
from mrccsc_tui.ui.widgets.rows import Piece
from mrccsc_tui.ui.words import count, presence_words, sign, status_of


def title_of(conversation: Conversation, store: Store, glyphs: Glyphs) -> list[Piece]:
    """The title, then the facts that tell how one may talk there, then the topic."""
    mark, style = sign(conversation, store, glyphs)
    pieces: list[Piece] = [(f"{mark} ", style), (conversation.title, "strong")]
    facts: list[str] = []
    if conversation.peer is not None:
        presence = store.presence(conversation.peer)
        username = store.person(conversation.peer).username
        facts = [f"@{username}" if username else "", presence_words(presence)]
        if status_of(presence) == "" and conversation.peer not in store.contacts:
            facts[-1] = "not a friend: read only"
    else:
        if conversation.members is not None:
            facts.append(count(conversation.members, "member"))
        facts.append(conversation.visibility or "")
    if conversation.muted:
        facts.append("muted")
    pieces.append((f"  {f' {glyphs.dot} '.join(fact for fact in facts if fact)}", "dim"))
    if conversation.topic:
        pieces.append((f"  {conversation.topic}", "text"))
    return pieces
