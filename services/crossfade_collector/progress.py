"""Progress: what the collector remembers of a run; never a value that was read."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, Self

import orjson

from crossfade.events import subjects
from crossfade.runtime.service import Entry, Write

NEAR_SECONDS = 0.5
EARLY_SHARE = 0.5

Phase = Literal["waiting", "running", "paused", "closed"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has been sampled, since when, and under which split."""

    uid: str
    revision: int = 1
    phase: Phase = "waiting"
    started_at: datetime | None = None
    iteration: int = 0
    last_tick_at: datetime | None = None
    sampled: int = 0
    """The revision under which the last sample was taken; 0 before the first one."""
    split: dict[str, int] = field(default_factory=dict)
    stored_as: int = 0
    """The revision in the store; 0 before the first write."""

    def is_complete(self, iterations: int) -> bool:
        """Whether the last sample of so many was taken.

        An edit may leave fewer than there are already: then one more is the last.
        """
        return self.iteration >= iterations and self.sampled in (0, self.revision)

    def is_early(self, at: datetime, interval_seconds: int) -> bool:
        """Whether a tick comes so soon after the last one that it repeats it."""
        before = self.last_tick_at or self.started_at
        if before is None:
            return True
        return (at - before).total_seconds() < EARLY_SHARE * interval_seconds

    def elapsed_seconds(self, at: datetime, interval_seconds: int) -> int:
        """Whole seconds from the start to a moment, at least 1.

        Ticks come some milliseconds beside the interval; within half a second of a multiple of it
        the multiple is meant, so that 15 iterations at 10 s read 10, 20, … 150. Else truncated.
        """
        if self.started_at is None:
            return 1
        elapsed = (at - self.started_at).total_seconds()
        nearest = round(elapsed / interval_seconds) * interval_seconds
        exact = nearest if abs(elapsed - nearest) <= NEAR_SECONDS else math.floor(elapsed)
        return max(1, exact)

    def write(self, **changes: Any) -> Write:
        """The write that keeps these changes, unless somebody else wrote first."""
        after = replace(self, **changes)
        return Write(subjects.own_key("collector", self.uid), after.to_json(), self.stored_as)

    def to_json(self) -> bytes:
        """The form in the store."""
        return orjson.dumps(
            {
                "uid": self.uid,
                "revision": self.revision,
                "phase": self.phase,
                "startedAt": self.started_at,
                "iteration": self.iteration,
                "lastTickAt": self.last_tick_at,
                "sampled": self.sampled,
                "split": self.split,
            }
        )

    @classmethod
    def of(cls, uid: str, entry: Entry | None) -> Self:
        """What is remembered of a run; a fresh one where that is nothing."""
        if entry is None:
            return cls(uid)
        kept = orjson.loads(entry.value)
        return cls(
            uid=uid,
            revision=kept["revision"],
            phase=kept["phase"],
            started_at=_moment(kept["startedAt"]),
            iteration=kept["iteration"],
            last_tick_at=_moment(kept["lastTickAt"]),
            sampled=kept.get("sampled", 0),
            split=kept["split"],
            stored_as=entry.revision,
        )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
