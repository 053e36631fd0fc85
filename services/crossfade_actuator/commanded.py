"""Commanded: what the commands of the queue make of runs; each may come twice, or late."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from crossfade.domain.facts import Approved, Deleted, EditRefused, Fact
from crossfade.domain.lifecycle import step
from crossfade.domain.runs import RunState
from crossfade.errors import Conflict, FieldError, Malformed, NotFound
from crossfade.events import subjects
from crossfade.resources import LARGEST_START, condition_of, reason_of, split_body
from crossfade.runtime.service import Command, delivery
from crossfade_actuator.admission import (
    Admission,
    find_run,
    named,
    own_uid,
    parsed,
    uid_of,
    with_uid,
)
from crossfade_actuator.annotated import noting, order
from crossfade_actuator.doors import Doors
from crossfade_actuator.ledger import Ledger
from crossfade_actuator.repeating import request_of
from crossfade_actuator.revising import Revising
from crossfade_actuator.verbs import FACTS, check

log = logging.getLogger(__name__)

METRIC_GRACE = 20
"""Deliveries that a start waits for Metrics which are applied a moment after it."""


@dataclass(frozen=True, slots=True)
class Commanded:
    """Answers which runs are to be looked at after a command."""

    ledger: Ledger
    admission: Admission
    doors: Doors
    revising: Revising

    async def carry_out(self, command: Command) -> list[str]:
        """The runs that it changed, by uid. Raises Malformed for what nobody may ask."""
        if command.verb == "start-experiment":
            return await self._start(command)
        if command.verb == "deleted":
            return await self._delete(command)
        if command.verb == "annotation":
            return await self._heed(command)
        if command.verb in FACTS:
            return await self._order(command)
        right = ", ".join(subjects.VERBS)
        found = f"found {command.verb!r}, right is one of {right}"
        raise Malformed([FieldError("verb", found)])

    async def _order(self, command: Command) -> list[str]:
        namespace, name, uid, whole = named(command.body)
        state = await find_run(self.ledger, namespace, name, uid)
        check(command.verb, state, whole)
        await self.ledger.apply(state.uid, await self._fact(command.verb, state, whole))
        return [state.uid]

    async def _heed(self, command: Command) -> list[str]:
        """Do what the annotation asks for, unless it is what was heard of it last."""
        namespace, name, uid, whole = named(command.body)
        state = await find_run(self.ledger, namespace, name, uid)
        text = str(whole.get("asked") or "")
        if state.annotation == text or state.over:
            return []
        heard = noting(text)
        if not text:
            await self.ledger.change(state.uid, heard)
            return []
        try:
            verb, asked = order(text, state, whole)
        except Malformed:
            await self.ledger.change(state.uid, heard)
            raise
        fact = await self._fact(verb, state, asked)
        await self.ledger.change(state.uid, lambda now: heard(step(now, fact)))
        return [state.uid]

    async def _fact(self, verb: str, state: RunState, body: Mapping[str, Any]) -> Fact:
        fact = FACTS[verb](self._now(), body)
        if isinstance(fact, Approved) and state.gate == "start":
            document = await self.admission.runs.document(state.uid, state.revision)
            fact = replace(fact, document=document.to_json())
        return fact

    async def _start(self, command: Command) -> list[str]:
        body, whole = command.body, parsed(command.body)
        experiment, _ = split_body(whole)
        request = command.id
        try:
            request = request_of(whole) or request
            _check_size(whole)
            if self.admission.catalog is not None and not own_uid(experiment):
                document = await self.admission.examine(body)
                if await self.doors.known(document, body, request) is not None:
                    return []
                uid, made = await self.doors.identity(document, body, request)
                body, experiment = with_uid(body, uid, made), made or experiment
            return await self._begin(body, uid_of(experiment, request))
        except Malformed as error:
            uid = uid_of(experiment, request)
            return [(await self._refused(experiment, uid, error)).uid]

    async def _begin(self, body: bytes, uid: str) -> list[str]:
        """The run of this uid: there already, perhaps to be edited, or begun now."""
        known = await self._known(uid)
        if known is not None:
            return [(known if known.over else await self.revising.edit(known, body)).uid]
        document = await self.admission.examine(body)
        _wait_for(document.missing)
        older = await self.ledger.latest(document.namespace, document.name)
        if older is None or older.over:
            return [(await self.admission.start(document, uid)).uid]
        if older.uid == uid or self.admission.catalog is None:
            # Another replica began it meanwhile, or the same start was sent twice under two ids.
            return [older.uid]
        # A resource of this name with another uid: the older one was deleted.
        await self.ledger.apply(older.uid, Deleted(self._now()))
        return [older.uid, (await self.admission.start(document, uid)).uid]

    async def _known(self, uid: str) -> RunState | None:
        try:
            return await self.ledger.load(uid)
        except NotFound:
            return None

    async def _refused(
        self, experiment: Mapping[str, Any], uid: str, error: Malformed
    ) -> RunState:
        known = await self._known(uid)
        if known is not None and known.over:
            return known
        if {reason_of(e) for e in error.errors} == {"MetricUnavailable"}:
            _wait_for([str(e) for e in error.errors])
        if known is not None:
            log.warning("edit refused", extra={"run": uid, "told": error.errors})
            _, fault = condition_of(error.errors)
            return await self.ledger.apply(uid, EditRefused(self._now(), fault))
        if not own_uid(experiment):
            raise error  # no resource to say it on: set aside, and an incident
        return await self.admission.refuse(experiment, uid, error)

    async def _delete(self, command: Command) -> list[str]:
        uid = str(parsed(command.body).get("uid"))
        try:
            await self.ledger.apply(uid, Deleted(self._now()))
        except NotFound:
            return []  # it was never let in
        return [uid]

    def _now(self) -> float:
        return self.admission.clock().timestamp()


def _check_size(body: Mapping[str, Any]) -> None:
    """Raises Malformed for what stands in place of an Experiment that was too large to send."""
    if "leftOut" in body:
        right = f"right would be an Experiment of at most {LARGEST_START} bytes"
        raise Malformed([FieldError("", f"found {body['leftOut']} bytes; {right}")])


def _wait_for(metrics: Sequence[str]) -> None:
    """Raises Conflict for a moment where metrics are missing.

    Applied together with its metrics, an experiment may be seen a moment before them; and the watch
    may tell of one before the start does that brings its metrics along.
    """
    if metrics and delivery.get().attempt < METRIC_GRACE:
        raise Conflict(f"not there yet: {', '.join(metrics)}")
