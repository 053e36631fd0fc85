"""The fold of a run's events: what is known of it after one more."""

from __future__ import annotations

from datetime import datetime
from functools import singledispatch
from typing import Any

from pydantic import ValidationError

from crossfade.errors import Malformed
from crossfade.events import (
    ActionOutcome,
    Assessment,
    Event,
    Incident,
    MetricSample,
    StageChange,
    WeightChange,
)
from crossfade.resources import Document
from crossfade.resources.fields import number
from crossfade.telling.known import Known, Limit, Why
from crossfade.telling.numbers import within

FOUGHT = "weights-fought-over"
LONGEST = 4000
"""Characters of a text that is kept; the log has all of it."""


def learn(known: Known | None, event: Event, at: datetime) -> Known:
    """What is known after one more event, stored at an aware moment; repeats change nothing."""
    base = known or Known(uid=event.uid)
    where = {"namespace": event.namespace, "name": event.name} if event.name else {}
    seen = base.model_copy(update={"updated_at": at, **where})
    return seen.model_copy(update=_changes(event, seen, at))


@singledispatch
def _changes(event: Event, known: Known, at: datetime) -> dict[str, Any]:
    return {}


@_changes.register
def _(event: StageChange, known: Known, at: datetime) -> dict[str, Any]:
    if known.over and event.stage != "Completed":
        return {}
    entered = known.entered_at if event.stage == known.stage else at
    made: dict[str, Any] = {
        "stage": event.stage,
        "epoch": max(event.epoch, known.epoch),
        "revision": event.revision,
        "entered_at": entered,
        "started_at": known.started_at or at,
        "outcome": event.outcome or known.outcome,
        "winner": event.winner or known.winner,
        "recommended": event.recommended or known.recommended,
    }
    if event.reason != "SpecChanged" or event.stage != known.stage:
        # An edit of a run that is paused, or waits for somebody, does not make it go on.
        made |= {"reason": event.reason, "message": within(event.message, LONGEST)}
    if event.target:
        made["target"] = event.target
    if event.stage == "Completed":
        made["ended_at"] = known.ended_at or at
        made["troubles"] = {}
    return made | _from_document(event.document, known)


def _from_document(body: dict[str, Any] | None, known: Known) -> dict[str, Any]:
    if not body:
        return {}
    try:
        document = Document.from_json(body)
    except (Malformed, ValidationError):
        return {}  # a later release's document: the run is still told, with less detail
    spec = document.experiment.spec
    reward = document.rewards[0] if document.rewards else None
    count = document.criteria.request_count
    return {
        "target": spec.target,
        "pattern": str(document.pattern),
        "policy": _policy(document, known),
        "fixed": not (document.moves_weights and document.weight_refs),
        "finishes": "finish" in document.actions,
        "interval_seconds": document.interval_seconds,
        "of": document.iterations,
        "versions": tuple(version.name for version in document.versions),
        "objectives": tuple(
            Limit(
                metric=document.key(o.metric),
                lower=o.lower,
                upper=o.upper,
                monitored=o.burden == "monitor",
            )
            for o in document.objectives
        ),
        "reward": document.key(reward.metric) if reward else "",
        "reward_low": bool(reward and reward.preferred_direction == "Low"),
        "min_effect": (number(reward.min_effect) or 0.0) if reward else 0.0,
        "alpha": spec.decision.alpha if spec.decision else None,
        "counter": document.key(count) if count else "",
        "requests": document.key(count) if count else "",
        "units": {k: m.spec.units for k, m in document.metrics.items() if m.spec.units},
        "annotations": dict(document.experiment.metadata.annotations or {}),
    }


def _policy(document: Document, known: Known) -> str:
    """Who will judge; where the document leaves it open, only an assessment tells."""
    return document.decided_by("assured" if known.policy == "assured" else "iter8")


@_changes.register
def _(event: MetricSample, known: Known, at: datetime) -> dict[str, Any]:
    if event.iteration < known.iteration or event.iteration == 0:
        return {}
    values: dict[str, dict[str, float]] = {}
    absent: dict[str, dict[str, str]] = {}
    for reading in event.readings:
        if known.versions and reading.version not in known.versions:
            continue  # measured beside the experiment, of no weight in it
        if reading.value is not None:
            values.setdefault(reading.metric, {})[reading.version] = reading.value
        else:
            absent.setdefault(reading.metric, {})[reading.version] = reading.absent or ""
    return {
        "iteration": event.iteration,
        "of": event.of or known.of,
        "versions": known.versions or tuple(event.split),
        "in_force": event.split,
        "requests": _counting(known.counter or known.requests, values),
        "values": values,
        "absent": absent,
        "sampled_at": event.at,
    }


def _counting(key: str, values: dict[str, dict[str, float]]) -> str:
    """`key`, unless its values cannot be counts: more than none is at least one.

    A rate is none, nor are the seconds that the published example's request-count adds up.
    """
    return "" if 0 < sum(values.get(key, {}).values()) < 1 else key


@_changes.register
def _(event: Assessment, known: Known, at: datetime) -> dict[str, Any]:
    if event.iteration < known.iteration:
        return {}
    return {
        "iteration": event.iteration,
        "asked": event.split,
        "winner": event.winner,
        "recommended": event.recommended,
        "verdict": event.verdict,
        "policy": event.policy or known.policy,
        "final": event.final,
        "reasons": tuple(Why(code=r.code, text=within(r.text, LONGEST)) for r in event.reasons),
        "evidence": event.evidence,
    }


@_changes.register
def _(event: WeightChange, known: Known, at: datetime) -> dict[str, Any]:
    if event.iteration < known.iteration and event.cause == "assessment":
        return {}
    return {
        "before": event.before or known.observed,
        "observed": event.observed,
        # What an action of the experiment's own did, it was told to do.
        "asked": event.observed if event.cause == "action" else event.asked or known.asked,
        "versions": known.versions or tuple(event.observed),
        "troubles": _undisputed(event, known),
    }


def _undisputed(event: WeightChange, known: Known) -> dict[str, str]:
    """A split in force as it was asked for ends a fight over it, which no incident says."""
    settled = event.cause != "found" and event.asked == event.observed
    return {k: v for k, v in known.troubles.items() if not (settled and k == FOUGHT)}


@_changes.register
def _(event: Incident, known: Known, at: datetime) -> dict[str, Any]:
    open_now = {k: v for k, v in known.troubles.items() if k != event.what_happened}
    if event.state == "opened":
        open_now[event.what_happened] = within(event.text, LONGEST)
    return {"troubles": open_now}


@_changes.register
def _(event: ActionOutcome, known: Known, at: datetime) -> dict[str, Any]:
    return {}
