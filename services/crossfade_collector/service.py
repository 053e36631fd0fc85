"""Collector: asks metric back-ends, on the clock.

Consumes  stage-change, weight-change, ticks      in the stream's order, one run at a time
Emits     metric-sample                           one for each tick that counts, and the trial's

It judges nothing (the analyzer does) and keeps no value: a sample is said, then only its number
is remembered. Two replicas may take one sample together; its id lets the log keep the first.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import orjson

from crossfade.errors import Malformed
from crossfade.events import MetricSample, StageChange, WeightChange, subjects
from crossfade.resources import Document
from crossfade.runtime.runs import Runs
from crossfade.runtime.service import (
    NOTHING,
    Reaction,
    Request,
    Schedule,
    Store,
    Subscription,
    Tick,
    delivery,
    on,
)
from crossfade_collector.broker import Broker
from crossfade_collector.progress import Phase, Progress
from crossfade_collector.sources.port import Question
from crossfade_collector.templates import values

LAST_STAGES = ("Finishing", "Completed")
RESTS = ("Paused", "ApprovalNeeded")
"""Reasons of Running at which nothing is sampled until somebody says that it goes on."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Collector:
    """Takes one sample of a run at each tick; all it remembers is in `state`."""

    runs: Runs
    state: Store
    queries: Broker
    clock: Callable[[], datetime] = field(default=_now)

    @property
    def name(self) -> str:
        """The service's name in subjects and keys."""
        return "collector"

    def subscriptions(self) -> Sequence[Subscription]:
        """What this service listens to."""
        return [
            on(StageChange, self.follow),
            on(WeightChange, self.note),
            on(Tick, self.collect),
        ]

    def requests(self) -> Sequence[Request]:
        """It answers at no door."""
        return ()

    def loops(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """Its clock is the broker's."""
        return ()

    async def close(self) -> None:
        """Close the connections to back-ends."""
        await self.queries.close()

    async def follow(self, change: StageChange) -> Reaction:
        """Start, stop or try, as the run's life goes on."""
        if change.reason == "TrialReading":
            return await self._try(change)
        progress = await self._progress(change.uid)
        if change.stage in LAST_STAGES:
            return await self._stop(change, progress, "closed")
        if progress.phase == "closed":
            return NOTHING
        if change.stage != "Running":
            return NOTHING
        if change.reason in RESTS:
            return await self._stop(change, progress, "paused")
        if change.reason == "SpecChanged" and progress.phase == "paused":
            revision = max(change.revision, progress.revision)
            return Reaction(writes=[progress.write(revision=revision)])
        return await self._start(change, progress)

    async def note(self, change: WeightChange) -> Reaction:
        """Remember the split that is in force from now on."""
        progress = await self._progress(change.uid)
        if progress.phase == "closed" or progress.split == change.observed:
            return NOTHING
        return Reaction(writes=[progress.write(split=change.observed)])

    async def collect(self, tick: Tick) -> Reaction:
        """Take the next sample, if this tick is one of the running run and not a repeat."""
        uid = _uid(tick)
        progress = await self._progress(uid)
        if progress.phase != "running":
            ended = progress.phase in ("closed", "paused")
            return await self._silence(tick, uid) if ended else NOTHING
        document = await self.runs.document(uid, progress.revision)
        at = self._instant(tick, document.interval_seconds)
        if progress.is_complete(document.iterations):
            return await self._silence(tick, uid)
        if progress.is_early(at, document.interval_seconds):
            return NOTHING
        sample = await self._sample(document, progress, at)
        last = sample.iteration >= document.iterations
        taken = progress.write(
            iteration=sample.iteration, last_tick_at=at, sampled=progress.revision
        )
        return Reaction(
            events=[sample.about(tick.namespace, tick.name)],
            writes=[taken],
            schedules=(await self._silence(tick, uid)).schedules if last else (),
        )

    async def _try(self, change: StageChange) -> Reaction:
        """Read every metric once, as if one interval had passed; iteration 0 moves nothing."""
        known = await self._progress(change.uid)
        if known.phase != "waiting":
            return NOTHING
        document = await self.runs.document(change.uid, change.revision)
        at, elapsed = self.clock(), document.interval_seconds
        progress = Progress(uid=change.uid, revision=change.revision, split=known.split)
        sample = await self._read(document, progress, 0, at, elapsed)
        return Reaction(events=[sample.about(change.namespace, change.name)])

    async def _start(self, change: StageChange, progress: Progress) -> Reaction:
        document = await self.runs.document(change.uid, change.revision)
        revision = max(change.revision, progress.revision)
        if replace(progress, revision=revision).is_complete(document.iterations):
            return NOTHING
        now = delivery.get().stored_at or self.clock()
        started = progress.write(
            revision=revision,
            phase="running",
            started_at=progress.started_at or now,
        )
        body = orjson.dumps({"uid": change.uid, "revision": change.revision})
        clock = Schedule(change.namespace, change.name, document.interval_seconds, body)
        return Reaction(writes=[started], schedules=[clock])

    async def _stop(self, change: StageChange, progress: Progress, phase: Phase) -> Reaction:
        writes = [] if progress.phase == phase else [progress.write(phase=phase)]
        silence = await self._silence(change, change.uid)
        return Reaction(writes=writes, schedules=silence.schedules)

    async def _silence(self, named: StageChange | Tick, uid: str) -> Reaction:
        """Stop the clock, unless a later run of the same name has made it its own."""
        key = subjects.name_key(named.namespace, named.name)
        latest = await self.runs.store.get(key)
        if latest is not None and latest.value.decode() != uid:
            return NOTHING
        return Reaction(schedules=[Schedule(named.namespace, named.name, None)])

    async def _sample(
        self, document: Document, progress: Progress, at: datetime
    ) -> MetricSample:
        elapsed = progress.elapsed_seconds(at, document.interval_seconds)
        return await self._read(document, progress, progress.iteration + 1, at, elapsed)

    async def _read(
        self, document: Document, progress: Progress, iteration: int, at: datetime, elapsed: int
    ) -> MetricSample:
        asked = _questions(document, progress.uid, iteration, at, elapsed)
        readings = await self.queries.read(asked)
        return MetricSample(
            uid=progress.uid,
            revision=progress.revision,
            iteration=iteration,
            of=document.iterations,
            at=at,
            elapsed_seconds=elapsed,
            split=progress.split,
            readings=(*readings, *await self.queries.beside(asked, readings)),
        )

    async def _progress(self, uid: str) -> Progress:
        return Progress.of(uid, await self.state.get(subjects.own_key(self.name, uid)))

    def _instant(self, tick: Tick, interval_seconds: int) -> datetime:
        """When the clock struck; now, where that was too long ago to ask about."""
        now = self.clock()
        late = now - tick.at
        return tick.at if abs(late) < timedelta(seconds=interval_seconds / 2) else now


def _questions(
    document: Document, uid: str, iteration: int, at: datetime, elapsed: int
) -> list[Question]:
    """Every metric for every version, baseline first."""
    metrics = [document.metric(ref) for ref in document.references]
    return [
        Question(
            uid=uid,
            iteration=iteration,
            version=version.name,
            metric=metric,
            values=values(document, version, metric, at, elapsed),
            at=at,
            elapsed_seconds=elapsed,
        )
        for metric in metrics
        for version in document.versions
    ]


def _uid(tick: Tick) -> str:
    try:
        return str(orjson.loads(tick.body)["uid"])
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise Malformed(f"tick of {tick.namespace}/{tick.name}: no uid in its body") from error
