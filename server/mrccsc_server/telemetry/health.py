"""Whether the node lives, whether it is ready for clients, and why not."""

from __future__ import annotations

from mrccsc_server.ports import Clock

HUNG_AFTER = 10.0
"""Seconds without a beat of the event loop after which the node counts as hung."""


class Health:
    """Written by the event loop, read by the status server's threads.

    Live: the loop beats. Ready: live, accepting, and without a fatal problem. A problem that is not fatal is a
    degradation: shown, but the node goes on serving.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._beat = clock.monotonic()
        self._accepting = False
        self._problems: dict[str, tuple[str, bool]] = {}

    def beat(self) -> None:
        """The loop runs."""
        self._beat = self._clock.monotonic()

    def accept(self, accepting: bool) -> None:
        """Whether new clients are let in."""
        self._accepting = accepting

    def report(self, part: str, problem: str | None, *, fatal: bool = True) -> None:
        """What is wrong with a part (``database``, ``bus``), or ``None`` when it is well again."""
        problems = dict(self._problems)
        problems.pop(part, None)
        if problem is not None:
            problems[part] = (problem, fatal)
        self._problems = problems

    @property
    def live(self) -> bool:
        """Whether the event loop has run within the last seconds."""
        return self._clock.monotonic() - self._beat < HUNG_AFTER

    @property
    def ready(self) -> bool:
        """Whether a balancer should send clients here."""
        return self.live and self._accepting and not any(fatal for _, fatal in self._problems.values())

    @property
    def problems(self) -> list[str]:
        """One sentence each."""
        found = [f"{part}: {problem}" for part, (problem, _) in self._problems.items()]
        if not self._accepting:
            found.append("listener: takes no clients now")
        if not self.live:
            found.append("loop: does not run")
        return found
