"""The schema that both sides of MRCCSC obey. No I/O, no asyncio, no SQL, no terminal.

``limits``    every number both sides obey, and the server's configurable ones
``types``     the constrained scalar types that frames are made of
``text``      what may stand in names, titles, texts and emoji; ``@mentions``
``errors``    every error and close code once: its text, and whether to come back
``entry``     the entries of a conversation's log
``messages``  one module a feature: the requests, answers and events of the protocol
``framing``   bytes ⇄ lines, capped
``codec``     lines ⇄ models
"""

from typing import Final

__version__ = "0.1.0"

PROTOCOL: Final = 1
"""The protocol version that ``welcome`` names."""
