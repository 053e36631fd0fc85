"""Course: what happens to a run by itself, from its admission to its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from crossfade.domain.facts import (
    Acquired,
    ActionDone,
    Assessed,
    Deleted,
    Fought,
    Overdue,
    Queued,
    Readmitted,
    Shifted,
    Silent,
    TargetLost,
    TrialRead,
    WeightsRead,
)
from crossfade.domain.moves import (
    abort,
    advance,
    ask_approval,
    begin_running,
    complete,
    due,
    end,
    enter,
    fail,
    launch,
    read,
    say_stage,
    under,
    want,
)
from crossfade.domain.runs import (
    Ending,
    Phase,
    RunState,
)


def acquire(state: RunState, fact: Acquired) -> RunState:
    """The target is held: start actions first, else the trial reading."""
    held = state.marked("TargetAcquired", True, "TargetAcquired", "", fact.at)
    if "start" in state.plan.actions:
        return launch(enter(held, Phase.STARTING, fact.at), "start", fact.at)
    return read(enter(held, Phase.READING, fact.at), fact.at)


def wait(state: RunState, fact: Queued) -> RunState:
    """Another run holds the target: say which, once."""
    told = f"target {state.target} is held by {fact.holder}"
    known = state.condition("TargetAcquired")
    if known is not None and known.message == told:
        return state
    waiting = replace(state, epoch=state.epoch + 1)
    marked = waiting.marked("TargetAcquired", False, "TargetBusy", told, fact.at)
    return say_stage(marked, "TargetBusy", told)


def after_start(state: RunState, fact: ActionDone) -> RunState:
    """Start actions are done: admit the document once more, or fail."""
    if not fact.ok:
        return fail(state, "HandlerFailed", "Start actions failed", fact.at, fact.message)
    return due(replace(state, phase=Phase.ADMITTING, action=""), fact.at)


def after_admitting(state: RunState, fact: Readmitted) -> RunState:
    """The document as the start actions left it: read every metric once, or fail."""
    if fact.fault:
        return fail(state, fact.reason, fact.fault, fact.at)
    if fact.revision < state.revision:
        return state  # an edit came in between: it is read once more
    if fact.plan is not None:
        state = under(state, fact.revision, fact.plan)
    return read(replace(state, phase=Phase.READING), fact.at)


def after_trial(state: RunState, fact: TrialRead) -> RunState:
    """The metrics can be read: look at the weights, or fail with metric and version."""
    if fact.faults:
        return fail(state, "MetricsUnreadable", _few(fact.faults), fact.at)
    return due(replace(state, phase=Phase.WEIGHING), fact.at)


def _few(faults: Sequence[str]) -> str:
    """The first faults, and how many more there are: one back-end that is down is every reading."""
    rest = len(faults) - FEW
    return "; ".join([*faults[:FEW], *([f"and {rest} more readings"] if rest > 0 else [])])


def after_weighing(state: RunState, fact: WeightsRead) -> RunState:
    """The split as found is said; then the run runs, or waits at its first gate."""
    if fact.fault:
        return fail(state, "InvalidExperiment", f"{UNREADABLE}{fact.fault}", fact.at)
    found = replace(state, observed=fact.split, recommended=state.plan.baseline)
    found = found.saying(
        "weight-change", cause="found", observed=fact.split, objects=list(fact.objects)
    )
    if "start" in state.plan.gates:
        return ask_approval(found, "start", fact.at)
    return begin_running(found, fact.at, fact.document)


def assess(state: RunState, fact: Assessed) -> RunState:
    """An assessment: the split it asks for is wanted, the last one ends the run."""
    if fact.iteration <= state.iteration or _rests(state):
        return state
    seen = replace(
        _fresh(state),
        iteration=fact.iteration,
        analysis=fact.analysis,
        winner=fact.winner,
        recommended=fact.recommended or state.plan.baseline,
        verdict=fact.verdict,
        reasons=fact.reasons,
        uncounted=_rolls_back(state, fact),
    )
    if not seen.uncounted:
        seen = end_iteration(seen, fact.at)
    seen = want(seen, fact.split, "assessment", fact.at)
    return advance(conclude(seen, fact) if fact.final else due(seen, fact.at), fact.at)


def fall_silent(state: RunState, fact: Silent) -> RunState:
    """Assessments are missing: an incident, once, until the next one comes."""
    if state.stale or _rests(state):
        return state
    seconds = fact.at - max(state.update_at, state.start_at)
    text = (
        f"no assessment for {seconds:.0f} s, one is due every {state.plan.interval_seconds:g} s"
    )
    return replace(state, stale=True).saying("incident", what=STALE, state="opened", text=text)


def _rests(state: RunState) -> bool:
    """Whether nothing is to be judged: it is decided, or somebody has to say that it goes on."""
    return state.ending is not None or state.paused or bool(state.gate)


def _rolls_back(state: RunState, fact: Assessed) -> bool:
    """Whether this is a rollback, not only the end of a run whose candidate has lost."""
    asked = any(reason.get("code") == ROLLBACK for reason in fact.reasons)
    early = fact.iteration < state.plan.iterations
    return fact.final and fact.verdict == "rollback" and (early or asked)


def end_iteration(state: RunState, at: float) -> RunState:
    """An iteration is over: say so, and end its loop if it was the last of one."""
    told = f"Completed Iteration {state.iteration}"
    ended = state.marked("Completed", False, "IterationUpdate", told, at)
    return ended if state.iteration % state.plan.iterations_per_loop else end_loop(ended, at)


def end_loop(state: RunState, at: float) -> RunState:
    """A loop is over: say so, and run its action."""
    loop = state.iteration // state.plan.iterations_per_loop
    told = state.marked("Completed", False, "IterationUpdate", f"Completed Loop {loop}", at)
    return launch(told, f"loop-{loop}", at) if "loop" in state.plan.actions else told


def conclude(state: RunState, fact: Assessed) -> RunState:
    """What the last assessment leads to: promotion, or everything back to the baseline."""
    outcome = {"promote": "promoted", "rollback": "rolled-back"}.get(fact.verdict, fact.verdict)
    if outcome == "promoted" and "promote" in state.plan.gates:
        return ask_approval(state, "promote", fact.at)
    return end(state, outcome, fact.at)


def _fresh(state: RunState) -> RunState:
    if not state.stale:
        return state
    text = "assessments come again"
    return replace(state, stale=False).saying("incident", what=STALE, state="closed", text=text)


def settle(state: RunState, fact: Shifted) -> RunState:
    """The wanted split is in force: say it; any other is only noted."""
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
    return advance(replace(told, observed=fact.observed, shift=None, fights=0), fact.at)


def fight(state: RunState, fact: Fought) -> RunState:
    """Somebody else wrote: an incident. The next assessment asserts the split again."""
    fights = state.fights + 1
    told = replace(state, observed=fact.observed, fights=fights).saying(
        "incident",
        what="weights-fought-over",
        state="opened",
        text=fact.text,
        detail={"times": fights},
    )
    # The next iteration asserts the split again; after three in a row nothing moves any more.
    return advance(replace(told, shift=None), fact.at) if state.ending is None else told


def lose_target(state: RunState, fact: TargetLost) -> RunState:
    """The object that carries the weights is gone, or another one: the run fails."""
    if not fact.readable:
        unread = f"{UNREADABLE}{fact.text}"
        return fail(state, "InvalidExperiment", unread, fact.at)
    told = f"Failure redistributing weights: {fact.text}"
    return fail(state, "WeightRedistributionFailed", told, fact.at)


def after_action(state: RunState, fact: ActionDone) -> RunState:
    """An action is done: go on, or fail with the task that failed."""
    if fact.action != state.action:
        return state
    done = replace(_moved(state, fact), action="")
    if not fact.ok:
        kind = fact.action.partition("-")[0].capitalize()
        return fail(done, "HandlerFailed", f"{kind} actions failed", fact.at, fact.message)
    return advance(done, fact.at) if state.phase is Phase.RUNNING else complete(done, fact.at)


def _moved(state: RunState, fact: ActionDone) -> RunState:
    """What an action did to the split, said where it moved."""
    if not fact.observed or fact.observed == state.observed:
        return state
    told = state.saying(
        "weight-change",
        cause="action",
        action=fact.action,
        before=state.observed,
        observed=fact.observed,
        objects=list(fact.objects),
    )
    return replace(told, observed=fact.observed)


def delete(state: RunState, fact: Deleted) -> RunState:
    """The resource is gone: the run ends where it stands."""
    ending = Ending("aborted", "", "Experiment deleted")
    return complete(replace(state, ending=ending, gone=True), fact.at)


def overdue(state: RunState, fact: Overdue) -> RunState:
    """The phase took too long: the run fails, or an unanswered gate aborts it."""
    if not state.deadline or fact.at < state.deadline:
        return state
    if state.gate:
        return abort(replace(state, gate=""), fact.at, "", "nobody approved in time")
    reason, message = _OVERDUE[state.phase]
    if state.phase is Phase.RUNNING and state.ending is not None:
        reason = "WeightRedistributionFailed"
        message = (
            "Failure redistributing weights: the last split did not come into force in time"
        )
    return fail(state, reason, message, fact.at)


FEW = 3
STALE = "stale-data"
UNREADABLE = "Specification of version weightObjectRef invalid: "
ROLLBACK = "rollback-on-failure"
"""The reason of a rollback that an objective asked for."""

_OVERDUE = {
    Phase.STARTING: ("HandlerFailed", "Start actions failed"),
    Phase.ADMITTING: ("InvalidExperiment", "no answer in time as to what start actions left"),
    Phase.READING: ("MetricsUnreadable", "no trial reading came in time: is the collector up?"),
    Phase.WEIGHING: ("InvalidExperiment", "the weights could not be read in time"),
    Phase.RUNNING: ("AnalyticsServiceError", "no assessment came in time"),
    Phase.FINISHING: ("HandlerFailed", "Finish actions failed"),
}
