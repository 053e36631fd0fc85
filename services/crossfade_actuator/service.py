"""Actuator: everything that touches the cluster.

Consumes  commands, metric-sample of iteration 0, assessment, the second clock, Experiments
Emits     stage-change, weight-change, action-outcome, incident

A handler stores one fact and returns; what follows from it is done by the converger, at once and
again at every strike of the second clock until it holds. It asks no metric back-end and judges
nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

import orjson

from crossfade.domain.facts import Approved, Assessed, Deleted, Overdue, Silent, TrialRead
from crossfade.domain.runs import Phase, RunState
from crossfade.errors import Conflict, FieldError, Malformed, NotFound
from crossfade.events import Assessment, Incident, MetricSample, subjects
from crossfade.events.samples import fatal
from crossfade.resources import Document, split_body
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
    delivery,
    on,
)
from crossfade_actuator.admission import (
    Admission,
    Catalog,
    find_run,
    named,
    uid_of,
    with_uid,
)
from crossfade_actuator.converging import Converger
from crossfade_actuator.ledger import Ledger
from crossfade_actuator.verbs import FACTS, check

log = logging.getLogger(__name__)

SILENT_AFTER = 2.0
"""Intervals without an assessment after which the clock is set again."""
METRIC_GRACE = 20
"""Deliveries that a start waits for Metrics which are applied a moment after it."""


class Queue(Protocol):
    """The command queue."""

    async def command(self, verb: str, body: bytes, id: str) -> None:  # noqa: A002
        """Keep a command, once per id."""
        ...


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

    # --- doors --------------------------------------------------------------------------------

    async def ask_start(self, body: bytes) -> Mapping[str, Any]:
        """Validate, make the resource where there is a cluster, queue, and answer with the uid."""
        document = await self.admission.examine(body)
        running = await self.admission.open_run(document)
        if running is not None:
            return {"accepted": True, "uid": running.uid, "errors": []}
        uid, resource = await self._identity(document, body)
        await self.queue.command("start-experiment", with_uid(body, uid, resource), uid)
        return {
            "accepted": True,
            "uid": uid,
            "errors": [],
            "warnings": list(document.warnings),
        }

    async def ask(self, verb: str, body: bytes) -> Mapping[str, Any]:
        """Queue what is asked of a run, if it may be asked now, and answer which run it is."""
        namespace, name, uid, whole = named(body)
        state = await find_run(self.ledger, namespace, name, uid)
        check(verb, state, whole)
        asked = orjson.dumps(whole | {"uid": state.uid, "epoch": state.epoch})
        await self.queue.command(verb, asked, f"{state.uid}/{state.epoch}/{verb}")
        return {"accepted": True, "uid": state.uid, "errors": []}

    async def _identity(
        self, document: Document, body: bytes
    ) -> tuple[str, Mapping[str, Any] | None]:
        catalog = self.admission.catalog
        experiment, _ = split_body(orjson.loads(body))
        if catalog is None or _own_uid(experiment):
            return uid_of(experiment, self.clock().isoformat()), None
        try:
            made = await catalog.create_experiment(experiment)
        except Conflict:
            made = await _again(self.ledger, catalog, document, experiment)
        return str(made["metadata"]["uid"]), made

    # --- commands -----------------------------------------------------------------------------

    async def obey(self, command: Command) -> Reaction:
        """Carry out a command of the queue."""
        if command.verb == "start-experiment":
            await self._start(command)
        elif command.verb == "deleted":
            await self._delete(command)
        elif command.verb in FACTS:
            await self._order(command)
        else:
            right = ", ".join(subjects.VERBS)
            raise Malformed(
                [FieldError("verb", f"found {command.verb!r}, right is one of {right}")]
            )
        return NOTHING

    async def _order(self, command: Command) -> None:
        namespace, name, uid, whole = named(command.body)
        state = await find_run(self.ledger, namespace, name, uid)
        check(command.verb, state, whole)
        fact = FACTS[command.verb](self._now(), whole)
        if isinstance(fact, Approved) and state.gate == "start":
            document = await self.converger.runs.document(state.uid, state.revision)
            fact = replace(fact, document=document.to_json())
        await self.ledger.apply(state.uid, fact)
        self.converger.kick(state.uid)

    async def _start(self, command: Command) -> None:
        body, (experiment, _) = command.body, split_body(orjson.loads(command.body))
        try:
            if self.admission.catalog is not None and not _own_uid(experiment):
                document = await self.admission.examine(body)
                if await self.admission.open_run(document) is not None:
                    return
                uid, made = await self._identity(document, body)
                body, experiment = with_uid(body, uid, made), made or experiment
            uid = uid_of(experiment, command.id)
            state = await self._begin(body, uid)
        except Malformed as error:
            state = await self._refused(experiment, uid_of(experiment, command.id), error)
        self.converger.kick(state.uid)

    async def _begin(self, body: bytes, uid: str) -> RunState:
        """The run of this uid: there already, perhaps to be edited, or begun now."""
        known = await self._known(uid)
        if known is not None:
            return known if known.over else await self.admission.edit(known, body)
        document = await self.admission.examine(body)
        older = await self.ledger.latest(document.namespace, document.name)
        if older is not None and not older.over:
            if self.admission.catalog is None:
                return older  # the same start, sent twice under two ids
            # A resource of this name with another uid: the older one was deleted.
            await self.ledger.apply(older.uid, Deleted(self._now()))
            self.converger.kick(older.uid)
        return await self.admission.start(document, uid)

    async def _known(self, uid: str) -> RunState | None:
        try:
            return await self.ledger.load(uid)
        except NotFound:
            return None

    async def _refused(
        self, experiment: Mapping[str, Any], uid: str, error: Malformed
    ) -> RunState:
        known = await self._known(uid)
        if known is not None:
            return known  # an edit that makes no sense: the run goes on as it was
        # Applied together with its metrics, an experiment may be seen a moment before them.
        reasons = {getattr(e, "reason", "") for e in error.errors}
        if reasons == {"MetricUnavailable"} and delivery.get().attempt < METRIC_GRACE:
            raise Conflict(str(error)) from error
        if not _own_uid(experiment):
            raise error  # no resource to say it on: set aside, and an incident
        return await self.admission.refuse(experiment, uid, error)

    async def _delete(self, command: Command) -> None:
        uid = str(orjson.loads(command.body).get("uid"))
        try:
            await self.ledger.apply(uid, Deleted(self._now()))
        except NotFound:
            return  # it was never let in
        self.converger.kick(uid)

    # --- events -------------------------------------------------------------------------------

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

    def _silent(self, state: RunState) -> bool:
        since = self._now() - max(state.update_at, state.start_at)
        running = state.phase is Phase.RUNNING and state.ending is None and not state.paused
        return running and since > SILENT_AFTER * state.plan.interval_seconds + 2

    def _now(self) -> float:
        return self.clock().timestamp()


def _clock_of(state: RunState) -> Schedule:
    body = orjson.dumps({"uid": state.uid, "revision": state.revision})
    interval = round(state.plan.interval_seconds)
    return Schedule(state.namespace, state.name, interval, body)


async def _again(
    ledger: Ledger, catalog: Catalog, document: Document, experiment: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The resource for a name that is taken: the one that no run has seen yet, or a new one.

    One whose run has ended gives way: what it said stays in the log, and the new run gets a uid of
    its own. Raises Conflict where somebody else creates and deletes at the same time.
    """
    found = await catalog.get_experiment(document.namespace, document.name)
    if found is None:
        raise Conflict(f"experiment {document.name} came and went; ask again")
    uid = str(found["metadata"]["uid"])
    try:
        ended = await ledger.load(uid)
    except NotFound:
        return found
    if not ended.over:
        raise Malformed([FieldError("metadata.name", f"running as {uid}")])
    await catalog.delete_experiment(document.namespace, document.name, uid)
    return await catalog.create_experiment(experiment)


def _own_uid(experiment: Mapping[str, Any]) -> str:
    return str((experiment.get("metadata") or {}).get("uid") or "")


def _origin(identity: str) -> tuple[str, int]:
    """Run and iteration of an event's id; `-` and 0 for what is no event."""
    uid, _, rest = identity.partition("/")
    iteration = rest.partition("/")[0]
    return (uid, int(iteration)) if iteration.isdigit() else ("-", 0)
