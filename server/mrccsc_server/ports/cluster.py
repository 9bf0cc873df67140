"""What binds nodes into a cluster."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from mrccsc_server.ports.bus import Bus
from mrccsc_server.ports.nodes import Nodes
from mrccsc_server.ports.presence import Presence
from mrccsc_server.ports.throttles import Throttles


class Cluster(Protocol):
    """One connection of a node to its cluster: all parts of it."""

    bus: Bus
    presence: Presence
    nodes: Nodes
    throttles: Throttles
    counters: Counter[str]
    """What happened since the start: hints_sent, hints_received, hints_dropped, bundles_sent, bundles_received,
    malformed, gaps, connects. For metrics; what never happened may be absent.
    """
