"""The operator puts a backup in place of the store, as docs/operations.md says."""

from __future__ import annotations

from typing import ClassVar

from tests.chaos.faults.base import Evidence, Fault
from tests.chaos.trial import until

SINCE = 40
"""Acknowledgements that come after the backup, and are lost with what they acknowledged."""


class BackupRestored(Fault):
    """A backup is made while people talk; later all nodes are stopped, it is restored, and a new epoch is begun."""

    name: ClassVar[str] = "backup restored"
    quiet: ClassVar[float] = 10.0
    """Seconds that lines get to end with the nodes."""

    async def begin(self) -> None:
        note = self.trial.recorder.note
        note("backup")
        await self.system.back_up()
        acked = self.trial.acked
        await until(lambda: self.trial.acked >= acked + SINCE, 30)
        self.codes = [await node.stop() for node in self.system.nodes]
        # What was still on its way to clients is there before the store is another one.
        await until(lambda: not self.scene.lines(), self.quiet)
        self.heads = await self.trial.keep(self.system.url)
        self.epoch = await self.system.restore()
        self.mark = self.scene.mark
        note("restored")
        for node in self.system.nodes:
            await node.start()

    async def bitten(self) -> Evidence | None:
        readies = [one["frame"] for one in self.scene.since(self.mark) if _is_ready(one)]
        reset = sum(frame["reset"] and frame["epoch"] == self.epoch for frame in readies)
        if reset < len(self.trial.company.devices):
            return None
        after: dict[int, int] = {}
        for frame in readies:
            for one in frame["conversations"]:
                after.setdefault(one["conv"], one["head"])
        lost = sum(max(0, self.heads[conv] - head) for conv, head in after.items())
        return {"exits": self.codes, "devices reset": reset, "entries lost": lost} if lost else None

    async def end(self) -> Evidence | None:
        return None


def _is_ready(record: dict[str, object]) -> bool:
    frame = record.get("frame")
    return record["what"] == "heard" and isinstance(frame, dict) and frame["type"] == "session.ready"
