"""All targets by name."""

from __future__ import annotations

from tests.fuzz import client, disk, server, shared
from tests.fuzz.inputs import Target

TARGETS: dict[str, Target] = {**shared.TARGETS, **server.TARGETS, **client.TARGETS, **disk.TARGETS}
