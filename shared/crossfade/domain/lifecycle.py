"""The life of a run as one table: (phase, fact) → what the state becomes.

`step` is pure: it reads no clock and touches nothing. What is to be said stands in the state's
outbox, what is to be done follows from the state by `wanted`. A fact that has no row changes
nothing, so repeats and latecomers are harmless, and nothing leaves Completed. `course` has the
rows of what happens by itself, `orders` those of what people ask, `moves` what both share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from crossfade.domain import course, orders
from crossfade.domain.facts import (
    Aborted,
    Acquired,
    ActionDone,
    Approved,
    Assessed,
    Deleted,
    Edited,
    EditRefused,
    Fact,
    Fought,
    Overdue,
    Paused,
    Promoted,
    Queued,
    Readmitted,
    RejectedBy,
    Resumed,
    Shifted,
    Silent,
    TargetLost,
    TrialRead,
    WeightsRead,
)
from crossfade.domain.moves import (
    fail,
    say_stage,
)
from crossfade.domain.runs import (
    Condition,
    Phase,
    Plan,
    RunState,
)

Row = Callable[[RunState, Any], RunState]


def begin(
    uid: str, namespace: str, name: str, target: str, plan: Plan, at: float, revision: int = 1
) -> RunState:
    """A run that was just admitted: Waiting, three conditions False."""
    kinds = ("Completed", "Failed", "TargetAcquired")
    state = RunState(
        uid,
        namespace,
        name,
        target,
        plan,
        revision,
        conditions=tuple(Condition(kind, False, at=at) for kind in kinds),
        init_at=at,
        update_at=at,
    )
    told = "Experiment status initialized"
    marked = state.marked("Completed", False, "ExperimentInitialized", told, at)
    return say_stage(marked, "ExperimentInitialized", told)


def step(state: RunState, fact: Fact) -> RunState:
    """The state after a fact; the very same state where the fact changes nothing."""
    row = TABLE.get((state.phase, type(fact)))
    return state if row is None else row(state, fact)


_OPEN = tuple(phase for phase in Phase if phase is not Phase.COMPLETED)


TABLE: Mapping[tuple[Phase, type[Fact]], Row] = MappingProxyType(
    {
        (Phase.WAITING, Acquired): course.acquire,
        (Phase.WAITING, Queued): course.wait,
        (Phase.STARTING, ActionDone): course.after_start,
        (Phase.ADMITTING, Readmitted): course.after_admitting,
        (Phase.READING, TrialRead): course.after_trial,
        (Phase.WEIGHING, WeightsRead): course.after_weighing,
        (Phase.RUNNING, Assessed): course.assess,
        (Phase.RUNNING, Shifted): course.settle,
        (Phase.RUNNING, Silent): course.fall_silent,
        (Phase.RUNNING, Fought): course.fight,
        (Phase.RUNNING, TargetLost): course.lose_target,
        (Phase.RUNNING, ActionDone): course.after_action,
        (Phase.FINISHING, ActionDone): course.after_action,
        (Phase.WEIGHING, Approved): orders.approve,
        (Phase.WEIGHING, RejectedBy): orders.reject,
        (Phase.RUNNING, Approved): orders.approve,
        (Phase.RUNNING, RejectedBy): orders.reject,
        (Phase.RUNNING, Paused): orders.pause,
        (Phase.RUNNING, Resumed): orders.resume,
        (Phase.RUNNING, Promoted): orders.promote,
        **{(phase, Edited): orders.edit for phase in _OPEN},
        **{(phase, EditRefused): orders.refuse_edit for phase in _OPEN},
        **{(phase, Aborted): orders.stop for phase in _OPEN},
        **{(phase, Deleted): course.delete for phase in _OPEN},
        **{(phase, Overdue): course.overdue for phase in _OPEN if phase is not Phase.WAITING},
    }
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be done now: nothing, or one thing."""

    kind: str = ""
    """``, `acquire`, `act`, `admit`, `weigh`, `shift` or `leave`."""


def wanted(state: RunState) -> Wanted:
    """What the world has yet to do for this run."""
    if state.phase is Phase.WAITING:
        return Wanted("acquire")
    if state.over:
        return Wanted("leave")
    if state.phase is Phase.ADMITTING:
        return Wanted("admit")
    if state.phase is Phase.WEIGHING:
        return Wanted("" if state.gate else "weigh")
    if state.shift is not None:
        return Wanted("shift")
    return Wanted("act" if state.action else "")


def refuse(state: RunState, reason: str, message: str, at: float) -> RunState:
    """A run that failed before it began."""
    return fail(state, reason, message, at)
