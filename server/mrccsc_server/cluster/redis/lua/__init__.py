"""The scripts that run inside Redis, each one step for all who watch. ``common`` is what each begins with.

================  =====================================================================================
key               what
================  =====================================================================================
``store``         a hash: the id of this store's content, when a node was last heard, when all had spoken; or only when
                  the last node took its leave
``nodes``         a sorted set: incarnations by the end of their lease
``info:NODE``     what a node tells of itself, as long as its lease
``users:NODE``    a set: the users whom a node has
``p:USER``        a hash: how a user is seen, and through which nodes
``c:CONV``        a sorted set: the nodes that follow a conversation, by when they said so last
``u:USER``        the same of a user
``n:NODE``        the same of a node's own beats, which take the route of hints
``sent:NODE``     the number of a node's last call with hints, so that none is carried out twice
``t:…``           throttles
================  =====================================================================================

Every key has a time to live, so that a cluster that is gone leaves nothing for ever. The scripts build the names of
their keys themselves: they are for one Redis (with replicas or not), not for Redis Cluster.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from mrccsc_server.cluster.redis.wire import Script


@cache
def script(name: str, *preludes: str) -> Script:
    """The script of that name, after what all share and the given preludes."""
    folder = files(__name__)
    parts = [(folder / f"{part}.lua").read_text(encoding="utf-8") for part in ("common", *preludes, name)]
    return Script(name, "\n".join(parts))


REGISTER = script("register")
BEAT = script("beat")
LEAVE = script("leave")
TELL = script("tell")
COMMAND = script("command")
NODES = script("nodes")
FOLLOW = script("follow")
ROUTE = script("route")
PRESENCE = script("presence", "people")
BURY = script("bury", "people")
THROTTLE = script("throttle")
