"""Bad days of an API server, for tests of its clients."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from crossfade_lab.cluster.statuses import Status

__all__ = ["Faults"]

_WRITES = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(slots=True)
class Faults:
    """What goes wrong with writes; reads and watches stay well.

    `refusals` are given out one a write, before it is looked at. `late_seconds` lets a write
    land at once and its answer come late: a client that gives up before does not know.
    """

    refusals: deque[Status] = field(default_factory=deque)
    late_seconds: float = 0.0

    def refuse(self, method: str) -> None:
        """Raise the next refusal, if this is a write and there is one."""
        if method in _WRITES and self.refusals:
            raise self.refusals.popleft()

    async def delay(self, method: str) -> None:
        """Hold the answer back, if this is a write."""
        if method in _WRITES and self.late_seconds:
            await asyncio.sleep(self.late_seconds)
