"""The state of a run, as values: what is known, what is wanted, what is still to be said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from crossfade.domain.splits import Split


class Phase(StrEnum):
    """Where a run is; finer than the stages of v2alpha2."""

    WAITING = "waiting"  # in the target's queue
    STARTING = "starting"  # start actions
    ADMITTING = "admitting"  # the document again, as the start actions left it
    READING = "reading"  # the trial reading
    WEIGHING = "weighing"  # are weights readable and writable?
    RUNNING = "running"
    FINISHING = "finishing"  # finish or rollback actions
    COMPLETED = "completed"


MARKS = 16
"""Changes of conditions that a state remembers; a look at a run makes six at most."""

STAGES: Mapping[Phase, str] = {
    Phase.WAITING: "Waiting",
    Phase.STARTING: "Initializing",
    Phase.ADMITTING: "Initializing",
    Phase.READING: "Initializing",
    Phase.WEIGHING: "Initializing",
    Phase.RUNNING: "Running",
    Phase.FINISHING: "Finishing",
    Phase.COMPLETED: "Completed",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What the lifecycle needs to know of the document."""

    baseline: str
    versions: tuple[str, ...]
    iterations: int
    iterations_per_loop: int
    interval_seconds: float
    moves_weights: bool = True
    actions: tuple[str, ...] = ()
    gates: tuple[str, ...] = ()
    """Of `start` and `promote`: what waits for somebody's approval."""
    approval_seconds: float = 86_400.0
    phase_seconds: float = 120.0
    action_seconds: float = 300.0


@dataclass(frozen=True, slots=True)
class Condition:
    """One of v2alpha2's conditions; `at` in seconds since the epoch."""

    type: str
    status: bool
    reason: str = ""
    message: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Announcement:
    """An event still to be said: kind and body. It stays in the state until the log has it."""

    kind: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shift:
    """A split to bring about, and why."""

    split: dict[str, int]
    cause: str
    iteration: int
    since: float
    until: float


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """What is known of one task: intent is written before it runs, the outcome after."""

    attempt: int
    done: bool = False
    ok: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run will end once its last split is in force and its actions are done."""

    outcome: str
    action: str
    message: str


@dataclass(frozen=True, slots=True)
class RunState:
    """Everything that the actuator keeps of a run."""

    uid: str
    namespace: str
    name: str
    target: str
    plan: Plan
    revision: int = 1
    phase: Phase = Phase.WAITING
    epoch: int = 1
    iteration: int = 0
    uncounted: bool = False
    """Whether that iteration ended in a rollback: not a completed one (v2alpha2 §3.3)."""
    conditions: tuple[Condition, ...] = ()
    marks: tuple[Condition, ...] = ()
    """The last changes of conditions, oldest first: two in one step are still two Events."""
    message: str = ""
    init_at: float = 0.0
    start_at: float = 0.0
    update_at: float = 0.0
    deadline: float = 0.0
    """When the phase is overdue; 0 for never."""
    observed: dict[str, int] = field(default_factory=dict)
    shift: Shift | None = None
    fights: int = 0
    analysis: dict[str, Any] = field(default_factory=dict)
    recommended: str = ""
    winner: str = ""
    verdict: str = ""
    reasons: tuple[dict[str, str], ...] = ()
    action: str = ""
    """The action that is wanted now: `start`, `finish`, `rollback`, `loop-<n>`."""
    tasks: dict[str, TaskRecord] = field(default_factory=dict)
    """By `<action>/<task>`."""
    histograms: dict[str, Any] = field(default_factory=dict)
    """By version, what `metrics/collect` measured; source: v2alpha2 §1.3."""
    histograms_at: float = 0.0
    ending: Ending | None = None
    outcome: str = ""
    outbox: tuple[Announcement, ...] = ()
    paused: bool = False
    stale: bool = False
    """Whether assessments are missing, and an incident says so."""
    refused: str = ""
    """What is wrong with the last edit, which was not taken; an incident says so."""
    gate: str = ""
    """The gate that the run stands at: `start`, `promote`, or none."""
    annotation: str = ""
    """What the resource's annotation asked for last, whether or not it could be done."""
    gone: bool = False
    """The Experiment resource was deleted: there is no status to write."""

    @property
    def stage(self) -> str:
        """The stage of v2alpha2."""
        return STAGES[self.phase]

    @property
    def completed_iterations(self) -> int:
        """As v2alpha2 counts them."""
        return self.iteration - self.uncounted

    @property
    def over(self) -> bool:
        """Whether the run has ended."""
        return self.phase is Phase.COMPLETED

    @property
    def everything_to_baseline(self) -> Split:
        """The split of a rollback."""
        return {v: 100 if v == self.plan.baseline else 0 for v in self.plan.versions}

    def condition(self, kind: str) -> Condition | None:
        """The condition of a type."""
        return next((c for c in self.conditions if c.type == kind), None)

    def marked(self, kind: str, status: bool, reason: str, message: str, at: float) -> RunState:
        """With a condition set, which also sets the message, as v2alpha2 does."""
        made = Condition(kind, status, reason, message, at)
        kept = tuple(made if c.type == kind else c for c in self.conditions)
        text = f"{reason}: {message}" if message else reason
        before = self.condition(kind)
        news = before is None or replace(before, at=at) != made
        marks = (*self.marks, made)[-MARKS:] if news else self.marks
        return replace(self, conditions=kept, marks=marks, message=text, update_at=at)

    def saying(self, kind: str, **body: Any) -> RunState:
        """With one more event to say."""
        whole = {"uid": self.uid, "iteration": self.iteration} | body
        return replace(self, outbox=(*self.outbox, Announcement(kind, whole)))
