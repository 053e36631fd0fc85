"""The status of v2alpha2, made from a run's state; source: its §1.3 and §3.9."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from crossfade.domain.runs import Condition, RunState
from crossfade.errors import CrossfadeError, NotFound, Permanent
from crossfade.resources import Document
from crossfade.resources.status import moment
from crossfade.runtime.clock import Clock
from crossfade.runtime.runs import Runs
from crossfade_actuator.cluster import Cluster

LONGEST_NOTE = 1024


def status_of(state: RunState, document: Document | None = None) -> dict[str, Any]:
    """The status block as JSON; `document` adds the metrics as they were when the run began."""
    status: dict[str, Any] = {
        "conditions": [_condition(c) for c in state.conditions],
        "initTime": _at(state.init_at),
        "lastUpdateTime": _at(state.update_at),
        "stage": state.stage,
        "completedIterations": state.completed_iterations,
        "message": state.message,
    }
    if state.start_at:
        status["startTime"] = _at(state.start_at)
    if state.observed:
        status["currentWeightDistribution"] = [
            {"name": name, "value": weight} for name, weight in state.observed.items()
        ]
    if state.recommended:
        status["versionRecommendedForPromotion"] = state.recommended
    if analysis := _analysis(state):
        status["analysis"] = analysis
    if document is not None and state.start_at:
        status["metrics"] = [
            # Named as in the analysis, so that iter8ctl finds the one by the other.
            {"name": ref, "metricObj": document.metric(ref).dump()}
            for ref in document.references
        ]
    return status


def _analysis(state: RunState) -> dict[str, Any]:
    """The last analysis; histograms are carried over from one to the next."""
    if not state.histograms:
        return state.analysis
    block = {
        "provenance": "Builtin metrics collector",
        "timestamp": _at(state.histograms_at),
        "data": state.histograms,
    }
    return {"aggregatedBuiltinHists": block} | state.analysis


def _condition(condition: Condition) -> dict[str, Any]:
    made = {
        "type": condition.type,
        "status": "True" if condition.status else "False",
        "lastTransitionTime": _at(condition.at),
    }
    if condition.reason:
        made["reason"] = condition.reason
    if condition.message:
        made["message"] = condition.message
    return made


def _at(seconds: float) -> str:
    return moment(datetime.fromtimestamp(seconds, UTC))


@dataclass(slots=True)
class StatusWriter:
    """Writes the status of a run's resource, and a Kubernetes Event for what changed in it."""

    cluster: Cluster
    runs: Runs
    clock: Clock
    reporter: str
    told: dict[str, set[Condition]] = field(default_factory=dict)

    async def show(self, state: RunState) -> None:
        """Raises NotFound where the resource is gone, and only there: that ends a run."""
        document = await self._document(state)
        await self.cluster.patch_status(
            state.namespace, state.name, state.uid, status_of(state, document)
        )
        await self._tell(state)

    async def _document(self, state: RunState) -> Document | None:
        if not state.revision:
            return None
        try:
            return await self.runs.document(state.uid, state.revision)
        except NotFound as lost:
            raise Permanent(f"no status without its document: {lost}") from lost

    async def _tell(self, state: RunState) -> None:
        told = self.told.setdefault(state.uid, set())
        for mark in state.marks:
            if mark not in told:
                told.add(mark)
                await self._event(state, mark)
        if state.over:
            self.told.pop(state.uid, None)

    async def _event(self, state: RunState, condition: Condition) -> None:
        event = event_of(state, condition, self.clock(), self.reporter)
        try:
            await self.cluster.create_event(state.namespace, event)
        except CrossfadeError:
            return  # an Event is a courtesy; the condition itself stands in the status


def event_of(
    state: RunState, condition: Condition, now: datetime, reporter: str
) -> dict[str, Any]:
    """A Kubernetes Event about one condition of an Experiment."""
    key = f"{state.uid}/{condition.type}/{condition.reason}/{condition.message}/{condition.at}"
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "name": f"{_beginning(state.name)}.{uuid.uuid5(uuid.NAMESPACE_OID, key).hex[:16]}",
            "namespace": state.namespace,
        },
        "eventTime": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "reportingController": "crossfade.io/actuator",
        "reportingInstance": reporter,
        "action": condition.reason,
        "reason": condition.reason,
        "note": _noted(condition.message or condition.reason),
        "type": "Warning" if condition.type == "Failed" and condition.status else "Normal",
        "regarding": {
            "apiVersion": "iter8.tools/v2alpha2",
            "kind": "Experiment",
            "namespace": state.namespace,
            "name": state.name,
            "uid": state.uid,
        },
    }


def _beginning(name: str) -> str:
    """As much of an experiment's name as leaves room in an Event's, which has 253 characters."""
    return name[:230].rstrip("-.")


def _noted(text: str) -> str:
    """The text in at most 1024 bytes: a longer note is refused by the API server."""
    if len(text.encode()) <= LONGEST_NOTE:
        return text
    return text.encode()[: LONGEST_NOTE - 3].decode(errors="ignore") + "…"
