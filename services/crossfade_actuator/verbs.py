"""Verbs: what people may ask of a run that is there, when it may be asked, and as which fact.

A verb may carry the epoch at which it was decided, as buttons do. It is refused once the run has
moved on: what was right for the picture then may be wrong for the one now.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from crossfade.domain.facts import (
    Aborted,
    Approved,
    Asked,
    Fact,
    Paused,
    Promoted,
    RejectedBy,
    Resumed,
)
from crossfade.domain.runs import Phase, RunState
from crossfade.errors import FieldError, Malformed

Body = Mapping[str, Any]


def _asked(kind: type[Asked]) -> Callable[[float, Body], Fact]:
    def fact(at: float, body: Body) -> Fact:
        return kind(at, str(body.get("requestedBy") or ""), str(body.get("reason") or ""))

    return fact


def _promoted(at: float, body: Body) -> Fact:
    by, why = str(body.get("requestedBy") or ""), str(body.get("reason") or "")
    return Promoted(at, by, why, str(body.get("version") or ""))


FACTS: Mapping[str, Callable[[float, Body], Fact]] = MappingProxyType(
    {
        "abort": _asked(Aborted),
        "pause": _asked(Paused),
        "resume": _asked(Resumed),
        "promote": _promoted,
        "approve": _asked(Approved),
        "reject": _asked(RejectedBy),
    }
)


def check(verb: str, state: RunState, body: Body) -> None:
    """Raises Malformed where the run cannot be asked that, saying what would be right."""
    if state.over:
        name = f"{state.namespace}/{state.name}"
        raise Malformed([FieldError("name", f"{name} has ended already: {state.message}")])
    _check_epoch(state, body)
    objection = _OBJECTIONS.get(verb, _none)(state, body)
    if objection is not None:
        raise Malformed([objection])


def _check_epoch(state: RunState, body: Body) -> None:
    asked = body.get("epoch")
    if asked is not None and asked != state.epoch:
        moved = f"decided at epoch {asked}, the run is at {state.epoch} by now: {state.message}"
        raise Malformed([FieldError("epoch", moved)])


def _none(state: RunState, body: Body) -> FieldError | None:
    return None


def _pause(state: RunState, body: Body) -> FieldError | None:
    if state.phase is Phase.RUNNING and not state.paused and state.ending is None:
        return None
    return FieldError("name", f"only a running experiment can be paused; it is {_where(state)}")


def _resume(state: RunState, body: Body) -> FieldError | None:
    if state.paused:
        return None
    return FieldError("name", f"only a paused experiment can be resumed; it is {_where(state)}")


def _promote(state: RunState, body: Body) -> FieldError | None:
    versions = ", ".join(state.plan.versions)
    if body.get("version") not in state.plan.versions:
        return FieldError(
            "version", f"found {body.get('version')!r}; right is one of {versions}"
        )
    if state.phase is not Phase.RUNNING or state.ending is not None:
        return FieldError(
            "name", f"only a running experiment has versions to promote; it is {_where(state)}"
        )
    return None


def _gate(state: RunState, body: Body) -> FieldError | None:
    return None if state.gate else FieldError("name", "it does not wait for anybody's approval")


_OBJECTIONS: Mapping[str, Callable[[RunState, Body], FieldError | None]] = MappingProxyType(
    {
        "pause": _pause,
        "resume": _resume,
        "promote": _promote,
        "approve": _gate,
        "reject": _gate,
    }
)


def _where(state: RunState) -> str:
    if state.ending is not None:
        return "ending"
    return "paused" if state.paused else state.stage.lower()
