"""Moves: what the rows of the lifecycle's table share; each gives the next state."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from crossfade.domain.runs import (
    Ending,
    Phase,
    Plan,
    RunState,
    Shift,
)

SILENT_INTERVALS = 10
FIGHTS = 3
FINISHED = "Experiment Completed"
QUIET = "Experiment completed successfully"


def begin_running(state: RunState, at: float, document: dict[str, Any] | None) -> RunState:
    """Into Running; from here on the clock ticks."""
    return due(enter(replace(state, start_at=at), Phase.RUNNING, at, document), at)


def end(state: RunState, outcome: str, at: float) -> RunState:
    """Decided: promotion goes on to the finish action, all else returns the traffic first."""
    finish = "finish" in state.plan.actions
    quiet = "Experiment rolled back" if state.uncounted else QUIET
    ending = Ending(outcome, "finish" if finish else "", FINISHED if finish else quiet)
    ended = replace(state, ending=ending, deadline=at + state.plan.phase_seconds)
    if outcome == "promoted":
        return ended
    kept = replace(ended, recommended=state.plan.baseline)
    return want(kept, kept.everything_to_baseline, "rollback", at)


def ask_approval(state: RunState, gate: str, at: float) -> RunState:
    """Stand at a gate until somebody answers."""
    asked = replace(state, gate=gate, epoch=state.epoch + 1)
    told = f"waiting for approval to {gate}"
    marked = asked.marked("Completed", False, "ApprovalNeeded", told, at)
    return replace(
        say_stage(marked, "ApprovalNeeded", told), deadline=at + state.plan.approval_seconds
    )


def by_whom(who: str, why: str) -> str:
    """Who asked and why, as the end of a sentence."""
    return (f" by {who}" if who else "") + (f": {why}" if why else "")


def enter(
    state: RunState, phase: Phase, at: float, document: dict[str, Any] | None = None
) -> RunState:
    """Into another phase, said as a stage-change."""
    moved = replace(state, phase=phase, epoch=state.epoch + 1)
    told = f"Advanced to {moved.stage}"
    marked = moved.marked("Completed", False, "StageAdvanced", told, at)
    return say_stage(marked, "StageAdvanced", told, document)


def under(state: RunState, revision: int, plan: Plan) -> RunState:
    """Under another revision of the document, unless it is under that one already."""
    if revision <= state.revision:
        return state
    edited = replace(state, revision=revision, plan=plan, epoch=state.epoch + 1)
    return say_stage(edited, "SpecChanged", f"going on under revision {revision}")


def read(state: RunState, at: float) -> RunState:
    """Have every metric read once."""
    return due(say_stage(state, "TrialReading", "reading every metric once"), at)


def launch(state: RunState, action: str, at: float) -> RunState:
    """Want an action to be run."""
    kind = action.partition("-")[0]
    # Upstream tells why it runs the finish action, also in this word.
    cause = "rollback" if state.uncounted and kind == "finish" else kind
    text = f"{cause.capitalize()} handler '{kind}' launched"
    told = state.marked("Completed", False, "HandlerLaunched", text, at)
    # Twice the action's own limit: an interrupted task runs once more.
    return replace(told, action=action, deadline=at + 2 * state.plan.action_seconds + 60)


def due(state: RunState, at: float) -> RunState:
    """Set the deadline of the phase."""
    plan = state.plan
    running = state.phase is Phase.RUNNING
    patience = max(
        plan.phase_seconds, SILENT_INTERVALS * plan.interval_seconds if running else 0
    )
    return replace(state, deadline=at + patience + (plan.interval_seconds if running else 0))


def want(state: RunState, split: dict[str, int], cause: str, at: float) -> RunState:
    """Want a split; one that is in force needs no write."""
    stopped = state.fights >= FIGHTS and cause == "assessment"
    if not state.plan.moves_weights or stopped or split == state.observed:
        # What is in force already needs no write, and supersedes an older wish.
        return replace(state, shift=None)
    until = at + state.plan.phase_seconds
    return replace(state, shift=Shift(split, cause, state.iteration, at, until))


def advance(state: RunState, at: float) -> RunState:
    """Go on to the end when it was decided and nothing stands in its way any more."""
    if state.ending is None or state.shift is not None or state.action:
        return state
    if not state.ending.action:
        return complete(state, at)
    return launch(enter(state, Phase.FINISHING, at), state.ending.action, at)


def fail(state: RunState, reason: str, message: str, at: float, detail: str = "") -> RunState:
    """End as failed; no action runs and the traffic stays where it is."""
    told = f"{message}: {detail}" if detail else message
    failed = state.marked("Failed", True, reason, told, at)
    return complete(replace(failed, ending=Ending("failed", "", "Experiment failed")), at)


def complete(state: RunState, at: float) -> RunState:
    """Into Completed, the last phase."""
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
    told = f"Advanced to {done.stage}"
    moved = done.marked("Completed", False, "StageAdvanced", told, at)
    marked = moved.marked("Completed", True, "ExperimentCompleted", ending.message, at)
    failed = state.condition("Failed")
    told = failed.message if failed and failed.status else ending.message
    return say_stage(marked, "ExperimentCompleted", told)


def say_stage(
    state: RunState, reason: str, message: str, document: dict[str, Any] | None = None
) -> RunState:
    """With a stage-change to say."""
    return state.saying(
        "stage-change",
        revision=state.revision,
        target=state.target,
        stage=state.stage,
        epoch=state.epoch,
        reason=reason,
        message=message,
        outcome=state.outcome or None,
        winner=state.winner or None,
        recommended=state.recommended or None,
        document=document,
    )


def abort(state: RunState, at: float, by: str, reason: str) -> RunState:
    """End early: the traffic back to the baseline, then the rollback action if there is one."""
    message = f"Experiment aborted{by_whom(by, reason)}"
    action = "rollback" if "rollback" in state.plan.actions else ""
    ending = Ending("aborted", action, message)
    ended = replace(
        state,
        ending=ending,
        paused=False,
        gate="",
        epoch=state.epoch + 1,
        recommended=state.plan.baseline,
        deadline=at + state.plan.phase_seconds,
    )
    if state.phase is not Phase.RUNNING:
        return complete(ended, at)
    return advance(want(ended, ended.everything_to_baseline, "rollback", at), at)
