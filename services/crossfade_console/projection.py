"""The fold of the whole log into one view a run, in memory, bounded on every side."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from crossfade.events import Assessment, Incident, MetricSample, StageChange
from crossfade.runtime.service import Logged
from crossfade.telling import Known, learn
from crossfade.telling.phases import phase
from crossfade_console.entries import entry
from crossfade_console.histories import History, packed
from crossfade_console.queues import Place, Queues
from crossfade_console.tallies import Tally

LINES = 250
MOST_RUNS = 5000
SERVICE_LINES = 100
FOR_SOMEBODY = ("paused", "waiting_approval")
LONGEST_VERSION = 19


@dataclass(slots=True)
class Run:
    """One run as the pages show it; `version` grows with every event about it."""

    known: Known
    history: History
    lines: deque[bytes] = field(default_factory=lambda: deque(maxlen=LINES))
    """JSON, as small as it can be kept."""
    version: int = 0
    decisions: Counter[str] = field(default_factory=Counter)
    fights: int = 0
    held_at: datetime | None = None
    """Since when it waits for somebody; None while it does not."""
    held_seconds: float = 0.0
    place: Place | None = None
    """Where it stands at its target; None before it is known and after the end."""


@dataclass(slots=True)
class Projection:
    """All runs, the one last changed at the end; `version` grows with every event."""

    history_limit: int = 240
    runs: OrderedDict[str, Run] = field(default_factory=OrderedDict)
    by_name: dict[tuple[str, str], str] = field(default_factory=dict)
    """The latest run of an experiment's name."""
    version: int = 0
    last_at: datetime | None = None
    finished: Counter[str] = field(default_factory=Counter)
    durations: Tally = field(default_factory=Tally)
    waits: Tally = field(default_factory=Tally)
    absences: Counter[str] = field(default_factory=Counter)
    services: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=SERVICE_LINES))
    """What services said of themselves."""
    queues: Queues = field(default_factory=Queues)
    born: str = field(default_factory=lambda: secrets.token_hex(4))
    """Tells this projection's versions from those of another process."""
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def cursor(self) -> str:
        """Where a reader stands who knows everything so far."""
        return f"{self.born}.{self.version}"

    def since(self, cursor: str) -> int:
        """The version of a reader's cursor; -1, as if it knew nothing, for one of elsewhere."""
        born, _, version = cursor.partition(".")
        ours = born == self.born and version.isascii() and version.isdecimal()
        return int(version) if ours and len(version) < LONGEST_VERSION else -1

    def take(self, logged: Logged) -> None:
        """Fold one more event."""
        event = logged.event
        self.version += 1
        self.last_at = logged.at
        if event.uid == "-":
            self.services.append(entry(logged, Known(uid="-")))
        else:
            run = self._run(logged)
            was_over = run.known.over
            run.known = learn(run.known, event, logged.at)
            _hold(run, logged.at)
            run.history.take(event, run.known)
            run.lines.append(packed(entry(logged, run.known)))
            run.version = self.version
            self.runs.move_to_end(event.uid)
            self._count(logged, run, was_over)
            if isinstance(event, StageChange):
                self._line_up(run)
        self._wake()

    def clear(self) -> None:
        """Begin anew; the version goes on growing, for whoever waits for the next one."""
        self.runs.clear()
        self.by_name.clear()
        self.finished.clear()
        self.durations, self.waits = Tally(), Tally()
        self.absences.clear()
        self.services.clear()
        self.queues.clear()

    def find(self, namespace: str, name: str, uid: str = "") -> Run | None:
        """The latest run of an experiment, or the one with that uid."""
        run = self.runs.get(uid or self.by_name.get((namespace, name), ""))
        return (
            run if run and (run.known.namespace, run.known.name) == (namespace, name) else None
        )

    def latest(self) -> Iterator[Run]:
        """The latest run of every experiment, the one last changed first."""
        for uid in reversed(self.runs):
            run = self.runs[uid]
            if self.by_name.get((run.known.namespace, run.known.name)) == uid:
                yield run

    async def wait(self, seen: int, seconds: float) -> None:
        """Return when there is more than version `seen`, or after so many seconds."""
        if self.version > seen:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return

    def forget(self, now: datetime, keep: timedelta) -> None:
        """Let go of runs that ended long ago, and of the oldest ended ones beyond the bound."""
        over = [u for u, r in self.runs.items() if r.known.over]
        surplus = set(over[: max(0, len(self.runs) - MOST_RUNS)])
        for uid in over:
            ended = self.runs[uid].known.ended_at
            if uid in surplus or (ended is not None and now - ended > keep):
                known = self.runs.pop(uid).known
                if self.by_name.get((known.namespace, known.name)) == uid:
                    del self.by_name[known.namespace, known.name]

    def _run(self, logged: Logged) -> Run:
        event = logged.event
        run = self.runs.get(event.uid)
        if run is None:
            run = Run(Known(uid=event.uid), History(self.history_limit))
            self.runs[event.uid] = run
            self.by_name[event.namespace, event.name] = event.uid
        return run

    def _line_up(self, changed: Run) -> None:
        """Note who stands where; whoever moved up has changed without an event of its own."""
        for uid, place in self.queues.take(changed.known):
            run = self.runs[uid]
            if run.place != place:
                run.place, run.version = place, self.version
                self.runs.move_to_end(uid)

    def _count(self, logged: Logged, run: Run, was_over: bool) -> None:
        event, known = logged.event, run.known
        if isinstance(event, Assessment):
            run.decisions[event.verdict] += 1
        elif isinstance(event, MetricSample):
            self.absences.update(r.absent for r in event.readings if r.absent)
        elif isinstance(event, Incident) and event.what_happened == "weights-fought-over":
            run.fights += event.state == "opened"
        elif isinstance(event, StageChange) and known.over and not was_over:
            self.finished[known.outcome or "ended"] += 1
            if known.started_at and known.ended_at:
                self.durations.add((known.ended_at - known.started_at).total_seconds())
                self.waits.add(run.held_seconds)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _hold(run: Run, at: datetime) -> None:
    """Note how long a run has waited for people."""
    waits = phase(run.known) in FOR_SOMEBODY
    if waits and run.held_at is None:
        run.held_at = at
    elif not waits and run.held_at is not None:
        run.held_seconds += (at - run.held_at).total_seconds()
        run.held_at = None
