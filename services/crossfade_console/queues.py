"""Who waits for which target, behind whom: derived from the stages that runs say they are in.

The order is the actuator's: whoever holds the target, then by the start of the run, then by uid.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from crossfade.telling import Known

QUEUED = "TargetBusy"


@dataclass(frozen=True, slots=True)
class Place:
    """A run's place at its target: 0 holds it, 1 is next; `waiting` runs wait in all.

    `holder` and `ahead` are `namespace/name`, empty where nobody is.
    """

    position: int
    waiting: int
    holder: str = ""
    ahead: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "position": self.position,
            "waiting": self.waiting,
            "holder": self.holder,
            "ahead": self.ahead,
        }


@dataclass(slots=True)
class Queues:
    """Every target that an open run holds or waits for."""

    by_target: dict[str, dict[str, Known]] = field(default_factory=dict)

    def take(self, known: Known) -> Iterator[tuple[str, Place | None]]:
        """Places by uid after a run entered a stage; None for one that left."""
        if not known.target:
            return
        open_ones = self.by_target.setdefault(known.target, {})
        if known.over:
            open_ones.pop(known.uid, None)
            yield known.uid, None
        else:
            open_ones[known.uid] = known
        if not open_ones:
            del self.by_target[known.target]
        yield from _places(open_ones)

    def clear(self) -> None:
        """Forget everything."""
        self.by_target.clear()


def _places(open_ones: dict[str, Known]) -> Iterator[tuple[str, Place]]:
    """The holder first; a run that has not been told to wait yet may still get the target."""
    queued = [k for k in open_ones.values() if _waits(k)]
    held = [k for k in open_ones.values() if not _waits(k) and k.stage != "Waiting"]
    order = sorted(queued, key=lambda k: (k.started_at is None, k.started_at, k.uid))
    holder = held[0].title if held else ""
    for known in held:
        yield known.uid, Place(0, len(order))
    ahead = holder
    for position, known in enumerate(order, start=1):
        yield known.uid, Place(position, len(order), holder, ahead)
        ahead = known.title


def _waits(known: Known) -> bool:
    return known.stage == "Waiting" and known.reason == QUEUED
