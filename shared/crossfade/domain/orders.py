"""Orders: what people may ask of a run, and what its state becomes."""

from __future__ import annotations

from dataclasses import replace

from crossfade.domain.facts import (
    Aborted,
    Approved,
    Edited,
    EditRefused,
    Paused,
    Promoted,
    RejectedBy,
    Resumed,
)
from crossfade.domain.moves import (
    abort,
    advance,
    begin_running,
    by_whom,
    due,
    end,
    say_stage,
    under,
    want,
)
from crossfade.domain.runs import (
    RunState,
)

REFUSED = "edit-refused"


def approve(state: RunState, fact: Approved) -> RunState:
    """Through the gate."""
    if not state.gate:
        return state
    open_ = replace(state, gate="", epoch=state.epoch + 1)
    told = f"{state.gate} approved{by_whom(fact.by, fact.reason)}"
    marked = open_.marked("Completed", False, "Approved", told, fact.at)
    said = say_stage(marked, "Approved", told)
    if state.gate == "start":
        return begin_running(said, fact.at, fact.document)
    return advance(end(said, "promoted", fact.at), fact.at)


def reject(state: RunState, fact: RejectedBy) -> RunState:
    """The gate stays shut: abort."""
    if not state.gate:
        return state
    return abort(replace(state, gate=""), fact.at, fact.by, fact.reason or "rejected")


def pause(state: RunState, fact: Paused) -> RunState:
    """Sample and move nothing until resumed."""
    if state.paused or state.ending is not None or state.gate:
        return state
    told = f"Paused{by_whom(fact.by, fact.reason)}"
    paused = replace(state, paused=True, epoch=state.epoch + 1, shift=None)
    marked = paused.marked("Completed", False, "Paused", told, fact.at)
    return replace(say_stage(marked, "Paused", told), deadline=0.0)


def resume(state: RunState, fact: Resumed) -> RunState:
    """Go on after a pause."""
    if not state.paused:
        return state
    told = f"Resumed{by_whom(fact.by, fact.reason)}"
    resumed = replace(state, paused=False, epoch=state.epoch + 1)
    marked = resumed.marked("Completed", False, "Resumed", told, fact.at)
    return due(say_stage(marked, "Resumed", told), fact.at)


def promote(state: RunState, fact: Promoted) -> RunState:
    """End now with this version, whatever the evidence says."""
    if state.ending is not None or fact.version not in state.plan.versions:
        return state
    told = f"{fact.version} promoted{by_whom(fact.by, fact.reason)}"
    chosen = replace(
        state,
        paused=False,
        gate="",
        epoch=state.epoch + 1,
        winner=fact.version,
        recommended=fact.version,
        verdict="promote",
        reasons=({"code": "promoted-by-hand", "text": told},),
    )
    split = {v: 100 if v == fact.version else 0 for v in state.plan.versions}
    ended = end(
        chosen.marked("Completed", False, "Promoted", told, fact.at), "promoted", fact.at
    )
    return advance(want(ended, split, "promotion", fact.at), fact.at)


def edit(state: RunState, fact: Edited) -> RunState:
    """Go on under a new revision of the document."""
    if state.refused:
        text = "the document is one that can be taken again"
        closed = state.saying("incident", what=REFUSED, state="closed", text=text)
        state = replace(closed, refused="")
    return state if state.ending is not None else under(state, fact.revision, fact.plan)


def refuse_edit(state: RunState, fact: EditRefused) -> RunState:
    """Go on as before, and say what is wrong with the edit: an incident, once."""
    if state.refused == fact.fault:
        return state
    text = f"the edit is not taken, the run goes on as before it: {fact.fault}"
    told = state.saying("incident", what=REFUSED, state="opened", text=text)
    if not state.paused and not state.gate:
        told = told.marked("Completed", False, "EditRefused", fact.fault, fact.at)
    return replace(told, refused=fact.fault)


def stop(state: RunState, fact: Aborted) -> RunState:
    """End early, because somebody asked."""
    return abort(state, fact.at, fact.by, fact.reason)
