"""What one event is worth telling people, and how urgently."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from crossfade.events import (
    ActionOutcome,
    Assessment,
    Event,
    Incident,
    StageChange,
    WeightChange,
)
from crossfade.resources.annotations import Topic
from crossfade.telling.known import Known
from crossfade.telling.numbers import split
from crossfade.telling.sentences import NEEDS_APPROVAL, PAUSED, headline, iteration, why


class Urgency(IntEnum):
    """What goes first when not everything can go at once; progress may be left out."""

    TERMINAL = 0
    APPROVAL = 1
    TROUBLE = 2
    PROGRESS = 3


@dataclass(frozen=True, slots=True)
class Telling:
    """One plain sentence, without the experiment's name."""

    topic: Topic
    urgency: Urgency
    text: str


def tell(event: Event, known: Known) -> Telling | None:
    """What an event says, given what is known with it; None where it is not worth a word."""
    if isinstance(event, StageChange):
        return _stage(event, known)
    if isinstance(event, Assessment):
        return _assessment(event, known)
    if isinstance(event, WeightChange):
        return _weights(event, known)
    if isinstance(event, Incident):
        return _incident(event)
    return _action(event) if isinstance(event, ActionOutcome) else None


def _stage(event: StageChange, known: Known) -> Telling | None:
    if event.stage == "Completed":
        return _ending(known)
    if event.reason == "TargetBusy":
        return Telling("queued", Urgency.PROGRESS, event.message or "waiting for its target")
    if event.reason == NEEDS_APPROVAL:
        return Telling("approval", Urgency.APPROVAL, event.message or "needs approval")
    if event.stage == "Running":
        return _beginning(event, known)
    return None


def _beginning(event: StageChange, known: Known) -> Telling:
    if event.reason != "StageAdvanced":
        urgency = Urgency.TROUBLE if event.reason == PAUSED else Urgency.PROGRESS
        return Telling("order", urgency, event.message or event.reason)
    against = f"{' and '.join(known.candidates)} against {known.baseline}"
    what = against if known.candidates else (known.baseline or "an experiment")
    pattern = f"{known.pattern}: " if known.pattern else ""
    of = f", {known.of} looks, {known.interval_seconds} s apart" if known.of else ""
    return Telling("started", Urgency.PROGRESS, f"started: {pattern}{what}{of}")


def _ending(known: Known) -> Telling:
    reason = why(known)
    text = headline(known) + (f": {reason.rstrip('.')}" if reason else "")
    topics: dict[str, Topic] = {
        "promoted": "winner",
        "rolled-back": "rolled-back",
        "failed": "failed",
        "aborted": "aborted",
    }
    return Telling(topics.get(known.outcome or "", "ended"), Urgency.TERMINAL, text)


def _assessment(event: Assessment, known: Known) -> Telling | None:
    if event.iteration < known.iteration:
        return None  # it came late; what is known is of a later look
    moves = event.split and event.split != known.in_force and not known.fixed
    if moves and not event.final:
        return None  # the weight change that follows says it all in one sentence
    return Telling("decided" if event.final else "progress", Urgency.PROGRESS, iteration(known))


def _weights(event: WeightChange, known: Known) -> Telling | None:
    if event.cause == "found":
        return None
    if event.asked and event.asked != event.observed:
        told = f"asked for {split(event.asked)}, but {split(event.observed)} is in force"
        return Telling("trouble", Urgency.TROUBLE, told)
    if event.cause == "assessment" and event.iteration != known.iteration:
        return None  # late or early, as after a crash: what is known is of another look
    if event.cause == "assessment":
        return Telling("weights", Urgency.PROGRESS, iteration(known))
    word = "all traffic moved back" if event.cause == "rollback" else "traffic moved"
    by = f" by the {event.action} action" if event.action else ""
    return Telling("weights", Urgency.PROGRESS, f"{word}{by}: {split(event.observed)}")


def _incident(event: Incident) -> Telling:
    if event.state == "closed":
        return Telling("recovered", Urgency.TROUBLE, f"over: {event.text}")
    return Telling("trouble", Urgency.TROUBLE, event.text)


def _action(event: ActionOutcome) -> Telling | None:
    if event.ok:
        return None
    last = event.output.strip().rpartition("\n")[2]
    told = f"task {event.task} of the {event.action} action {event.failure}"
    return Telling("action", Urgency.TROUBLE, f"{told}: {last}" if last else told)
