"""When a run is stuck: what its events say together, though none of them says it alone.

Stuck means that it goes nowhere by itself and somebody should look:

* `stale-data`            no assessment comes any more (the incident of that name)
* `weights-fought-over`   somebody else writes the weights too, three times in a row: from then on
                          nothing is moved
* `no-data`               three samples in a row could not be read from a back-end, or five looks in
                          a row found nothing to judge by
* `split-not-followed`    three samples in a row saw another split in force than was asked for

A phase that passes its deadline needs no rule: the run ends then, and its end is told. Each is
announced once, however often its event comes again, and so is its end.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from crossfade.events import (
    Assessment,
    Event,
    Incident,
    MetricSample,
    StageChange,
    WeightChange,
)
from crossfade.events.event import Body
from crossfade.telling import Known, Telling, Urgency, tell
from crossfade.telling.numbers import split, spoken
from crossfade.telling.sentences import NEEDS_APPROVAL, PAUSED

STALE = "stale-data"
FOUGHT = "weights-fought-over"
NO_DATA = "no-data"
NOT_FOLLOWED = "split-not-followed"

FIGHTS = 3
UNREAD_SAMPLES = 3
EMPTY_LOOKS = 5
ASTRAY_SAMPLES = 3
FAULTS = frozenset(
    {"http-status", "not-json", "timeout", "unreachable", "unauthorized", "jq-error"}
)
"""Absences that are a back-end's fault; the others may only mean that there is no traffic yet."""


class Signs(Body):
    """What was seen of a run in a row, and what it is stuck in: the cause, and its sentence."""

    unread: int = 0
    empty: int = 0
    astray: int = 0
    stuck: dict[str, str] = Field(default_factory=dict)


def news(
    signs: Signs, before: Known, event: Event, known: Known
) -> tuple[Signs, tuple[Telling, ...]]:
    """What one event is worth telling, with what it adds up to; `known` includes it."""
    after = Signs()
    turns: tuple[Telling, ...] = ()
    if not known.over:
        counted = _counted(signs, event, known)
        stuck = dict(_causes(counted, event, known))
        after = counted.model_copy(update={"stuck": stuck})
        turns = tuple(_turns(signs.stuck, stuck))
    if isinstance(event, Incident) and (turns or _again(before, event)):
        return after, turns
    own = tell(event, known)
    return after, ((own,) if own else ()) + turns


def _counted(signs: Signs, event: Event, known: Known) -> Signs:
    """The rows, one event longer or broken off."""
    if isinstance(event, MetricSample):
        unread = signs.unread + 1 if _unread(known) else 0
        astray = signs.astray + 1 if _is_astray(event, known) else 0
        return signs.model_copy(update={"unread": unread, "astray": astray})
    if isinstance(event, Assessment):
        return signs.model_copy(
            update={"empty": signs.empty + 1 if event.verdict == "no-data" else 0}
        )
    if isinstance(event, WeightChange | StageChange):
        return signs.model_copy(update={"astray": 0})
    return signs


def _causes(signs: Signs, event: Event, known: Known) -> Iterator[tuple[str, str]]:
    """What the run is stuck in now; a cause keeps the sentence that it was announced with."""
    held = signs.stuck
    if STALE in known.troubles:
        yield STALE, held.get(STALE, known.troubles[STALE])
    if FOUGHT in known.troubles and (FOUGHT in held or _times(event) >= FIGHTS):
        text = f"{known.troubles[FOUGHT]}; after {FIGHTS} times in a row nothing is moved"
        yield FOUGHT, held.get(FOUGHT, text)
    if signs.unread >= UNREAD_SAMPLES or signs.empty >= EMPTY_LOOKS:
        yield NO_DATA, held.get(NO_DATA, _missing(signs, known))
    if signs.astray >= ASTRAY_SAMPLES:
        text = (
            f"asked for {split(known.asked)}, but {split(known.in_force)} is in force "
            f"for {signs.astray} looks"
        )
        yield NOT_FOLLOWED, held.get(NOT_FOLLOWED, text)


def _turns(before: dict[str, str], after: dict[str, str]) -> Iterator[Telling]:
    for cause, text in after.items():
        if cause not in before:
            yield Telling("stuck", Urgency.TROUBLE, f"stuck: {text}")
    for cause, text in before.items():
        if cause not in after:
            yield Telling("unstuck", Urgency.TROUBLE, f"no longer stuck; it was: {text}")


def _again(before: Known, event: Incident) -> bool:
    """Whether an incident says what is known already."""
    there = event.what_happened in before.troubles
    return there if event.state == "opened" else not there


def _times(event: Event) -> int:
    if not isinstance(event, Incident) or event.what_happened != FOUGHT:
        return 0
    times = event.detail.get("times", 1)
    return times if isinstance(times, int) else 1


def _judged(known: Known) -> Iterator[str]:
    yield from (limit.metric for limit in known.objectives)
    if known.reward:
        yield known.reward


def _unread(known: Known) -> str:
    """A judged metric that its back-end did not give, in words; empty where all were given."""
    for metric in _judged(known):
        for version, why in known.absent.get(metric, {}).items():
            if why in FAULTS:
                return f"{spoken(metric)} of {version} cannot be read ({why})"
    return ""


def _missing(signs: Signs, known: Known) -> str:
    if signs.unread >= UNREAD_SAMPLES:
        return f"{_unread(known)}, {signs.unread} looks in a row"
    return f"nothing to judge by, {signs.empty} looks in a row"


def _is_astray(event: MetricSample, known: Known) -> bool:
    """Whether another split is in force than the last assessment asked for."""
    waits = known.reason in (PAUSED, NEEDS_APPROVAL)
    movable = not known.fixed and bool(known.observed and known.asked) and event.iteration > 1
    return movable and not waits and event.split != known.asked
