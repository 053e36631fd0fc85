"""`/metrics`: the views as Prometheus families with bounded labels, dropped after the end.

They are projected from the log, so after a restart they are right before the console is ready. A
run's lines are written once for each event about it, and a scrape lets others in between runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from crossfade.runtime.clock import Clock
from crossfade_console.fleet import fleet_text
from crossfade_console.projection import Projection, Run
from crossfade_console.series import AGE, FAMILIES, INCIDENTS, labels, series

BREATH = 20
"""Runs that are written before others have their turn: about two milliseconds."""


@dataclass(frozen=True, slots=True)
class Written:
    """A run's lines by family, as of one version of it."""

    version: int
    who: str
    lines: dict[str, str]


class ProjectedMetrics:
    """The exposition of a projection; every scrape is one pass."""

    def __init__(self, projection: Projection, clock: Clock, keep: timedelta) -> None:
        self.projection, self.clock, self.keep = projection, clock, keep
        self._written: dict[str, Written] = {}

    async def text(self) -> bytes:
        """The exposition; what changed while it was written is in the next one at the latest."""
        now = self.clock()
        runs = [run for run in self.projection.latest() if self._shown(run, now)]
        written: dict[str, Written] = {}
        for run in runs:
            uid = run.known.uid
            kept = self._written.get(uid)
            if kept is None or kept.version != run.version:
                kept = write(run)
                if len(written) % BREATH == 0:
                    await asyncio.sleep(0)
            written[uid] = kept
        self._written = written
        parts = []
        for family in FAMILIES:
            parts.append(family.head)
            parts += [one.lines.get(family.name, "") for one in written.values()]
            await asyncio.sleep(0)
        parts += _ages(runs, written, now)
        return "".join(parts).encode() + fleet_text(self.projection)

    def _shown(self, run: Run, now: datetime) -> bool:
        ended = run.known.ended_at
        return ended is None or now - ended <= self.keep


def write(run: Run) -> Written:
    """The lines of a run, but for those that change without an event."""
    version, who = run.version, labels(namespace=run.known.namespace, experiment=run.known.name)
    lines: dict[str, list[str]] = {}
    for family, more, value in series(run):
        line = f"{family.name}{{{who}{more}}} {value!r}\n"
        lines.setdefault(family.name, []).append(line)
    return Written(version, who, {name: "".join(found) for name, found in lines.items()})


def _ages(runs: list[Run], written: dict[str, Written], now: datetime) -> Iterator[str]:
    """What grows by itself: it is as of now, and of open runs alone."""
    open_runs = [(written[run.known.uid].who, run.known) for run in runs if not run.known.over]
    yield AGE.head
    for who, known in open_runs:
        if known.sampled_at is not None:
            age = max((now - known.sampled_at).total_seconds(), 0.0)
            yield f"{AGE.name}{{{who}}} {age!r}\n"
    yield INCIDENTS.head
    for who, known in open_runs:
        yield f"{INCIDENTS.name}{{{who}}} {len(known.troubles)}\n"
