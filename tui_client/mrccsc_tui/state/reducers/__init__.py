"""One function for each frame that a server can send and that changes what is known. No I/O.

``register``       the decorator, and the frames that are answers and nothing else
``session``        what a session begins with
``people``         contacts, presence, names
``conversations``  their facts, coming and going; groups and members
``entries``        the log: live entries, acknowledgements, pages of history
``reading``        read marks and counts, typing
"""

from mrccsc_tui.state.reducers import conversations, entries, people, reading, session
from mrccsc_tui.state.reducers.register import ANSWER_ONLY, REDUCERS

__all__ = ["ANSWER_ONLY", "REDUCERS", "conversations", "entries", "people", "reading", "session"]
