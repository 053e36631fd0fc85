"""What is known of a run: the fold of its events, small enough to be kept as one JSON value."""

from __future__ import annotations

from datetime import datetime
from functools import singledispatch
from typing import Any

from pydantic import Field, ValidationError

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
from crossfade.events.event import Body
from crossfade.resources import Document
from crossfade.resources.fields import number
from crossfade.telling.numbers import within

FOUGHT = "weights-fought-over"
LONGEST = 4000
"""Characters of a text that is kept; the log has all of it."""


class Limit(Body):
    """An objective: inclusive limits on a metric, by its key `namespace/name`."""

    metric: str
    lower: float | None = None
    upper: float | None = None
    monitored: bool = False
    """Only watched: it need not be proved."""


class Why(Body):
    """A reason as its assessment gave it."""

    code: str
    text: str


class Known(Body):
    """One run, as far as its events tell. Values are those of the latest sample only."""

    uid: str
    namespace: str = ""
    name: str = ""
    revision: int = 1
    target: str = ""
    pattern: str = ""
    policy: str = ""
    """Who judges: as the latest assessment said; before the first, as the document says."""
    fixed: bool = False
    """Whether nobody moves the weights, whatever is asked for."""
    finishes: bool = False
    """Whether an action of the experiment's own has the last word, and moves the rest unseen."""
    interval_seconds: int = 0
    iteration: int = 0
    of: int = 0
    stage: str = ""
    reason: str = ""
    epoch: int = 0
    """As the last stage change said it; what a button asks for must still be of this epoch."""
    message: str = ""
    outcome: str | None = None
    winner: str | None = None
    recommended: str | None = None
    verdict: str = ""
    final: bool = False
    reasons: tuple[Why, ...] = ()
    versions: tuple[str, ...] = ()
    """The baseline first."""
    objectives: tuple[Limit, ...] = ()
    reward: str = ""
    reward_low: bool = False
    """Whether less of the reward is better."""
    min_effect: float = 0.0
    """The smallest advantage in the reward that is worth a promotion, in its unit."""
    alpha: float | None = None
    """The level of proof where the document names one."""
    counter: str = ""
    """The key of the metric that the document says counts requests."""
    requests: str = ""
    """The same, as long as its values may be counts; empty where they cannot."""
    units: dict[str, str] = Field(default_factory=dict)
    annotations: dict[str, str] = Field(default_factory=dict)
    in_force: dict[str, int] = Field(default_factory=dict)
    """The split that the latest sample was read under."""
    asked: dict[str, int] = Field(default_factory=dict)
    before: dict[str, int] = Field(default_factory=dict)
    observed: dict[str, int] = Field(default_factory=dict)
    values: dict[str, dict[str, float]] = Field(default_factory=dict)
    """By metric key, then version."""
    absent: dict[str, dict[str, str]] = Field(default_factory=dict)
    """By metric key, then version: why there is no value."""
    evidence: tuple[dict[str, Any], ...] = ()
    troubles: dict[str, str] = Field(default_factory=dict)
    """Open incidents: what happened, and its sentence."""
    sampled_at: datetime | None = None
    entered_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    updated_at: datetime | None = None

    @property
    def title(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}" if self.namespace else self.name

    @property
    def over(self) -> bool:
        """Whether the run has ended."""
        return self.stage == "Completed"

    @property
    def baseline(self) -> str:
        """The version that the others are measured against; empty where not known yet."""
        return self.versions[0] if self.versions else ""

    @property
    def candidates(self) -> tuple[str, ...]:
        """The versions that might replace it."""
        return self.versions[1:]

    @property
    def split(self) -> dict[str, int]:
        """The split in force, as last seen."""
        return self.observed or self.in_force or self.asked

    def value(self, metric: str, version: str) -> float | None:
        """The latest value of a metric key, or None."""
        return self.values.get(metric, {}).get(version)


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
