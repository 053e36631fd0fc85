"""The life of a run as one table: (phase, fact) → what the state becomes.

`step` is pure: it reads no clock and touches nothing. What is to be said stands in the state's
outbox, what is to be done follows from the state by `wanted`. A fact that has no row changes
nothing, so repeats and latecomers are harmless, and nothing leaves Completed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from crossfade.domain.facts import (
    Aborted,
    Acquired,
    ActionDone,
    Assessed,
    Deleted,
    Fact,
    Fought,
    Overdue,
    Shifted,
    TargetLost,
    TrialRead,
    WeightsRead,
)
from crossfade.domain.runs import Condition, Ending, Phase, Plan, RunState, Shift

FIGHTS = 3
SILENT_INTERVALS = 10

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
    return _say_stage(marked, "ExperimentInitialized", told)


def step(state: RunState, fact: Fact) -> RunState:
    """The state after a fact; the very same state where the fact changes nothing."""
    row = TABLE.get((state.phase, type(fact)))
    return state if row is None else row(state, fact)


# --- what the rows do -------------------------------------------------------------------------


def _acquire(state: RunState, fact: Acquired) -> RunState:
    held = state.marked("TargetAcquired", True, "TargetAcquired", "", fact.at)
    if "start" in state.plan.actions:
        return _launch(_enter(held, Phase.STARTING, fact.at), "start", fact.at)
    return _read(_enter(held, Phase.READING, fact.at), fact.at)


def _after_start(state: RunState, fact: ActionDone) -> RunState:
    if not fact.ok:
        return _fail(state, "HandlerFailed", "Start actions failed", fact.at, fact.message)
    return _read(replace(state, phase=Phase.READING, action=""), fact.at)


def _after_trial(state: RunState, fact: TrialRead) -> RunState:
    if fact.faults:
        return _fail(state, "MetricsUnreadable", "; ".join(fact.faults), fact.at)
    return _due(replace(state, phase=Phase.WEIGHING), fact.at)


def _after_weighing(state: RunState, fact: WeightsRead) -> RunState:
    if fact.fault:
        told = f"Specification of version weightObjRef invalid: {fact.fault}"
        return _fail(state, "InvalidExperiment", told, fact.at)
    found = replace(state, observed=fact.split, recommended=state.plan.baseline)
    found = found.saying(
        "weight-change", cause="found", observed=fact.split, objects=list(fact.objects)
    )
    running = _enter(replace(found, start_at=fact.at), Phase.RUNNING, fact.at, fact.document)
    return _due(running, fact.at)


def _assess(state: RunState, fact: Assessed) -> RunState:
    if fact.iteration <= state.iteration or state.ending is not None:
        return state
    seen = replace(
        state,
        iteration=fact.iteration,
        analysis=fact.analysis,
        winner=fact.winner,
        recommended=fact.recommended or state.plan.baseline,
        verdict=fact.verdict,
        reasons=fact.reasons,
    )
    seen = seen.marked(
        "Completed", False, "IterationUpdate", f"Completed Iteration {fact.iteration}", fact.at
    )
    if fact.iteration % state.plan.iterations_per_loop == 0:
        seen = _end_loop(seen, fact.at)
    seen = _want(seen, fact.split, "assessment", fact.at)
    return _advance(_conclude(seen, fact) if fact.final else _due(seen, fact.at), fact.at)


def _end_loop(state: RunState, at: float) -> RunState:
    loop = state.iteration // state.plan.iterations_per_loop
    told = state.marked("Completed", False, "IterationUpdate", f"Completed Loop {loop}", at)
    return _launch(told, f"loop-{loop}", at) if "loop" in state.plan.actions else told


def _conclude(state: RunState, fact: Assessed) -> RunState:
    """What the last assessment leads to: promotion, or everything back to the baseline."""
    outcome = {"promote": "promoted", "rollback": "rolled-back"}.get(fact.verdict, fact.verdict)
    promoted = outcome == "promoted"
    finish = "finish" in state.plan.actions
    quiet = (
        "Experiment completed successfully" if promoted or finish else "Experiment rolled back"
    )
    if outcome in ("inconclusive", "no-data"):
        quiet = "Experiment completed successfully"
    message = "Experiment Completed" if finish else quiet
    ending = Ending(outcome, "finish" if finish else "", message)
    ended = replace(state, ending=ending, deadline=fact.at + state.plan.phase_seconds)
    if promoted:
        return ended
    kept = replace(ended, recommended=state.plan.baseline)
    return _want(kept, kept.everything_to_baseline, "rollback", fact.at)


def _abort(state: RunState, fact: Aborted) -> RunState:
    by = f" by {fact.by}" if fact.by else ""
    why = f": {fact.reason}" if fact.reason else ""
    message = f"Experiment aborted{by}{why}"
    action = "rollback" if "rollback" in state.plan.actions else ""
    ending = Ending("aborted", action, message)
    ended = replace(
        state,
        ending=ending,
        epoch=state.epoch + 1,
        recommended=state.plan.baseline,
        deadline=fact.at + state.plan.phase_seconds,
    )
    if state.phase is not Phase.RUNNING:
        return _complete(ended, fact.at)
    return _advance(_want(ended, ended.everything_to_baseline, "rollback", fact.at), fact.at)


def _settle(state: RunState, fact: Shifted) -> RunState:
    wanted = state.shift
    if wanted is None or fact.observed != wanted.split:
        return replace(state, observed=fact.observed)
    told = state.saying(
        "weight-change",
        iteration=wanted.iteration,
        cause=wanted.cause,
        before=fact.before,
        asked=wanted.split,
        observed=fact.observed,
        objects=list(fact.objects),
        latencySeconds=round(fact.latency_seconds, 6),
    )
    return _advance(replace(told, observed=fact.observed, shift=None, fights=0), fact.at)


def _fight(state: RunState, fact: Fought) -> RunState:
    fights = state.fights + 1
    told = replace(state, observed=fact.observed, fights=fights).saying(
        "incident",
        what="weights-fought-over",
        state="opened",
        text=fact.text,
        detail={"times": fights},
    )
    # The next iteration asserts the split again; after three in a row nothing moves any more.
    return _advance(replace(told, shift=None), fact.at) if state.ending is None else told


def _lose_target(state: RunState, fact: TargetLost) -> RunState:
    told = f"Failure redistributing weights: {fact.text}"
    return _fail(state, "WeightRedistributionFailed", told, fact.at)


def _after_action(state: RunState, fact: ActionDone) -> RunState:
    if fact.action != state.action:
        return state
    done = replace(state, action="")
    if not fact.ok:
        kind = fact.action.partition("-")[0].capitalize()
        return _fail(done, "HandlerFailed", f"{kind} actions failed", fact.at, fact.message)
    return _advance(done, fact.at) if state.phase is Phase.RUNNING else _complete(done, fact.at)


def _delete(state: RunState, fact: Deleted) -> RunState:
    ending = Ending("aborted", "", "Experiment deleted")
    return _complete(replace(state, ending=ending, gone=True), fact.at)


def _overdue(state: RunState, fact: Overdue) -> RunState:
    if not state.deadline or fact.at < state.deadline:
        return state
    reason, message = _OVERDUE[state.phase]
    if state.phase is Phase.RUNNING and state.ending is not None:
        reason = "WeightRedistributionFailed"
        message = (
            "Failure redistributing weights: the last split did not come into force in time"
        )
    return _fail(state, reason, message, fact.at)


_OVERDUE = {
    Phase.STARTING: ("HandlerFailed", "Start actions failed"),
    Phase.READING: ("MetricsUnreadable", "no trial reading came in time: is the collector up?"),
    Phase.WEIGHING: ("InvalidExperiment", "the weights could not be read in time"),
    Phase.RUNNING: ("AnalyticsServiceError", "no assessment came in time"),
    Phase.FINISHING: ("HandlerFailed", "Finish actions failed"),
}


# --- what rows share --------------------------------------------------------------------------


def _enter(
    state: RunState, phase: Phase, at: float, document: dict[str, Any] | None = None
) -> RunState:
    moved = replace(state, phase=phase, epoch=state.epoch + 1)
    told = f"Advanced to {moved.stage}"
    marked = moved.marked("Completed", False, "StageAdvanced", told, at)
    return _say_stage(marked, "StageAdvanced", told, document)


def _read(state: RunState, at: float) -> RunState:
    return _due(_say_stage(state, "TrialReading", "reading every metric once"), at)


def _launch(state: RunState, action: str, at: float) -> RunState:
    kind = action.partition("-")[0]
    told = state.marked(
        "Completed",
        False,
        "HandlerLaunched",
        f"{kind.capitalize()} handler '{kind}' launched",
        at,
    )
    # Twice the action's own limit: an interrupted task runs once more.
    return replace(told, action=action, deadline=at + 2 * state.plan.action_seconds + 60)


def _due(state: RunState, at: float) -> RunState:
    plan = state.plan
    running = state.phase is Phase.RUNNING
    patience = max(
        plan.phase_seconds, SILENT_INTERVALS * plan.interval_seconds if running else 0
    )
    return replace(state, deadline=at + patience + (plan.interval_seconds if running else 0))


def _want(state: RunState, split: dict[str, int], cause: str, at: float) -> RunState:
    stopped = state.fights >= FIGHTS and cause == "assessment"
    if not state.plan.moves_weights or stopped or split == state.observed:
        # What is in force already needs no write, and supersedes an older wish.
        return replace(state, shift=None)
    until = at + state.plan.phase_seconds
    return replace(state, shift=Shift(split, cause, state.iteration, at, until))


def _advance(state: RunState, at: float) -> RunState:
    """Go on to the end when it was decided and nothing stands in its way any more."""
    if state.ending is None or state.shift is not None or state.action:
        return state
    if not state.ending.action:
        return _complete(state, at)
    return _launch(_enter(state, Phase.FINISHING, at), state.ending.action, at)


def _fail(state: RunState, reason: str, message: str, at: float, detail: str = "") -> RunState:
    told = f"{message}: {detail}" if detail else message
    failed = state.marked("Failed", True, reason, told, at)
    return _complete(replace(failed, ending=Ending("failed", "", "Experiment failed")), at)


def _complete(state: RunState, at: float) -> RunState:
    ending = state.ending or Ending("failed", "", "Experiment failed")
    done = replace(
        state,
        phase=Phase.COMPLETED,
        epoch=state.epoch + 1,
        outcome=ending.outcome,
        shift=None,
        action="",
        deadline=0.0,
    )
    marked = done.marked("Completed", True, "ExperimentCompleted", ending.message, at)
    failed = state.condition("Failed")
    told = failed.message if failed and failed.status else ending.message
    return _say_stage(marked, "ExperimentCompleted", told)


def _say_stage(
    state: RunState, reason: str, message: str, document: dict[str, Any] | None = None
) -> RunState:
    return state.saying(
        "stage-change",
        revision=state.revision,
        stage=state.stage,
        reason=reason,
        message=message,
        outcome=state.outcome or None,
        winner=state.winner or None,
        recommended=state.recommended or None,
        document=document,
    )


# --- the table --------------------------------------------------------------------------------

_OPEN = tuple(phase for phase in Phase if phase is not Phase.COMPLETED)

TABLE: Mapping[tuple[Phase, type[Fact]], Row] = MappingProxyType(
    {
        (Phase.WAITING, Acquired): _acquire,
        (Phase.STARTING, ActionDone): _after_start,
        (Phase.READING, TrialRead): _after_trial,
        (Phase.WEIGHING, WeightsRead): _after_weighing,
        (Phase.RUNNING, Assessed): _assess,
        (Phase.RUNNING, Shifted): _settle,
        (Phase.RUNNING, Fought): _fight,
        (Phase.RUNNING, TargetLost): _lose_target,
        (Phase.RUNNING, ActionDone): _after_action,
        (Phase.FINISHING, ActionDone): _after_action,
        **{(phase, Aborted): _abort for phase in _OPEN},
        **{(phase, Deleted): _delete for phase in _OPEN},
        **{(phase, Overdue): _overdue for phase in _OPEN if phase is not Phase.WAITING},
    }
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be done now: nothing, or one thing."""

    kind: str = ""
    """``, `acquire`, `act`, `weigh`, `shift` or `leave`."""


def wanted(state: RunState) -> Wanted:
    """What the world has yet to do for this run."""
    if state.phase is Phase.WAITING:
        return Wanted("acquire")
    if state.over:
        return Wanted("leave")
    if state.phase is Phase.WEIGHING:
        return Wanted("weigh")
    if state.shift is not None:
        return Wanted("shift")
    return Wanted("act" if state.action else "")


def refuse(state: RunState, reason: str, message: str, at: float) -> RunState:
    """A run that failed before it began."""
    return _fail(state, reason, message, at)
