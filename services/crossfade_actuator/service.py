"""Actuator: everything that touches the cluster.

Consumes  commands, metric-sample of iteration 0, assessment, the second clock, Experiments
Emits     stage-change, weight-change, action-outcome, incident

A handler stores one fact and returns; what follows from it is done by the converger, at once and
again at every strike of the second clock until it holds. It asks no metric back-end and judges
nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson

from crossfade.domain.facts import Assessed, Overdue, Silent, TrialRead
from crossfade.domain.runs import Phase, RunState
from crossfade.errors import NotFound
from crossfade.events import CATALOGUE, Assessment, Incident, MetricSample, subjects
from crossfade.events.samples import fatal
from crossfade.runtime.clock import Clock
from crossfade.runtime.service import (
    NOTHING,
    Command,
    DeadLetter,
    Deadline,
    Reaction,
    Request,
    Schedule,
    Subscription,
    on,
)
from crossfade_actuator.admission import Admission
from crossfade_actuator.commanded import Commanded
from crossfade_actuator.converging import Converger
from crossfade_actuator.doors import Doors, Queue
from crossfade_actuator.ledger import Ledger
from crossfade_actuator.revising import Revising
from crossfade_actuator.verbs import FACTS

STREAMS = frozenset({subjects.EVENTS, subjects.COMMANDS, subjects.CLOCK, subjects.DEADLETTERS})
SILENT_AFTER = 2.0
"""Intervals without an assessment after which the clock is set again."""


@dataclass(frozen=True, slots=True)
class Actuator:
    """Stores facts about runs and has them followed."""

    ledger: Ledger
    admission: Admission
    converger: Converger
    queue: Queue
    clock: Clock
    watchers: Sequence[Callable[[], Awaitable[None]]] = ()
    closers: Sequence[Callable[[], Awaitable[None]]] = field(default=())
    name: str = "actuator"

    def subscriptions(self) -> Sequence[Subscription]:
        """What this service listens to."""
        return [
            on(Command, self.obey),
            on(MetricSample, self.note_trial),
            on(Assessment, self.follow),
            on(Deadline, self.look_after),
            on(DeadLetter, self.report),
        ]

    def requests(self) -> Sequence[Request]:
        """A door for every verb."""
        doors = [Request(verb, partial(self.ask, verb)) for verb in FACTS]
        return [Request("start-experiment", self.ask_start), *doors]

    def loops(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """Watching Experiments, where there is a cluster."""
        return self.watchers

    async def close(self) -> None:
        """Stop looking at runs, and give back sessions."""
        await self.converger.close()
        for closer in self.closers:
            await closer()

    async def ask_start(self, body: bytes) -> Mapping[str, Any]:
        """The answer to a start, with the uid of its run."""
        return await self._doors.start(body)

    async def ask(self, verb: str, body: bytes) -> Mapping[str, Any]:
        """The answer to any other verb, with the uid of the run that it speaks of."""
        return await self._doors.ask(verb, body)

    async def obey(self, command: Command) -> Reaction:
        """Carry out a command of the queue."""
        revising = Revising(self.admission)
        commanded = Commanded(self.ledger, self.admission, self._doors, revising)
        for uid in await commanded.carry_out(command):
            self.converger.kick(uid)
        return NOTHING

    async def note_trial(self, sample: MetricSample) -> Reaction:
        """The trial reading tells whether the metrics can be read at all."""
        if sample.iteration:
            return NOTHING
        faults = tuple(
            f"{reading.metric} of {reading.version}: {reading.detail or reading.absent}"
            for reading in sample.readings
            if fatal(reading)
        )
        await self.ledger.apply(sample.uid, TrialRead(self._now(), faults))
        self.converger.kick(sample.uid)
        return NOTHING

    async def follow(self, assessment: Assessment) -> Reaction:
        """An assessment becomes the split that is wanted, or the end."""
        fact = Assessed(
            self._now(),
            assessment.iteration,
            assessment.split,
            assessment.verdict,
            assessment.final,
            assessment.winner or "",
            assessment.recommended,
            assessment.analysis,
            tuple({"code": r.code, "text": r.text} for r in assessment.reasons),
        )
        await self.ledger.apply(assessment.uid, fact)
        self.converger.kick(assessment.uid)
        return NOTHING

    async def look_after(self, strike: Deadline) -> Reaction:
        """See to every open run: overdue, its clock fallen silent, or something left to do."""
        schedules: list[Schedule] = []
        for uid in await self.ledger.open_runs():
            try:
                state = await self.ledger.apply(uid, Overdue(self._now()))
            except NotFound:
                await self.ledger.close(uid)
                continue
            if self._silent(state):
                state = await self.ledger.apply(uid, Silent(self._now()))
                schedules.append(_clock_of(state))
            if self.converger.has_work(state):
                self.converger.kick(uid)
        return Reaction(schedules=schedules)

    async def report(self, letter: DeadLetter) -> Reaction:
        """A message that was set aside is an incident, of its run where it names one."""
        uid, iteration = _origin(letter.id)
        incident = Incident(
            namespace=letter.namespace,
            name=letter.name,
            uid=uid,
            iteration=iteration,
            what_happened=f"set-aside-{letter.sequence}",
            text=f"{letter.service} set aside {letter.subject}: {letter.reason}",
            detail={"id": letter.id, "service": letter.service},
        )
        return Reaction([incident])

    @property
    def _doors(self) -> Doors:
        return Doors(self.ledger, self.admission, self.queue, self.clock)

    def _silent(self, state: RunState) -> bool:
        since = self._now() - max(state.update_at, state.start_at)
        rests = state.ending is not None or state.paused or state.gate
        running = state.phase is Phase.RUNNING and not rests
        return running and since > SILENT_AFTER * state.plan.interval_seconds + 2

    def _now(self) -> float:
        return self.clock().timestamp()


def _clock_of(state: RunState) -> Schedule:
    body = orjson.dumps({"uid": state.uid, "revision": state.revision})
    interval = round(state.plan.interval_seconds)
    return Schedule(state.namespace, state.name, interval, body)


def _origin(identity: str) -> tuple[str, int]:
    """Run and iteration of an event's id; of a command's only the run, of neither `-` and 0."""
    uid, _, rest = identity.partition("/")
    iteration, _, what = rest.partition("/")
    if uid in STREAMS or not iteration.isdigit():
        return "-", 0  # a message of no id is called by its place in a stream
    # In a command's id the number is an epoch or a generation.
    return uid, int(iteration) if what.partition("/")[0] in CATALOGUE else 0
