"""One line of the page's log for each event: a plain sentence and a tone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from typing import Any

from crossfade.events import (
    ActionOutcome,
    Assessment,
    Event,
    Incident,
    MetricSample,
    StageChange,
    WeightChange,
)
from crossfade.runtime.service import Logged
from crossfade.telling import Known, headline, iteration
from crossfade.telling.numbers import number, short, split, within

LONGEST = 1000
"""Characters of a line; the event behind it has all, and a run keeps hundreds of lines."""
_OUTCOME_TONES = {"promoted": "good", "kept": "good", "failed": "bad", "rolled-back": "bad"}


def entry(logged: Logged, known: Known) -> dict[str, Any]:
    """The line of an event, given what is known with it."""
    text, tone = _line(logged.event, known)
    return {
        "sequence": logged.sequence,
        "id": logged.event.id,
        "at": logged.at.isoformat(),
        "kind": logged.event.kind,
        "iteration": logged.event.iteration,
        "text": within(text, LONGEST),
        "tone": tone,
    }


@singledispatch
def _line(event: Event, known: Known) -> tuple[str, str]:
    return event.kind, ""


@_line.register
def _(event: StageChange, known: Known) -> tuple[str, str]:
    if event.stage == "Completed":
        why = f": {event.message}" if event.message else ""
        return f"{headline(known)}{why}", _OUTCOME_TONES.get(event.outcome or "", "warn")
    return f"{event.stage}: {event.message or event.reason}", ""


@_line.register
def _(event: MetricSample, known: Known) -> tuple[str, str]:
    absent = [r for r in event.readings if r.value is None]
    got = f"{len(event.readings) - len(absent)} of {len(event.readings)} readings"
    if event.iteration == 0:
        got = f"trial reading: {got}"
    if not absent:
        return got, ""
    first = absent[0]
    return f"{got}; {short(first.metric)} of {first.version}: {first.absent}", "warn"


@_line.register
def _(event: Assessment, known: Known) -> tuple[str, str]:
    tones = {"promote": "good", "rollback": "bad", "no-data": "warn", "inconclusive": "warn"}
    return f"{event.verdict} · {iteration(known)}", tones.get(event.verdict, "")


@_line.register
def _(event: WeightChange, known: Known) -> tuple[str, str]:
    objects = ", ".join(f"{o.kind} {o.namespace}/{o.name}" for o in event.objects)
    where = f" ({objects})" if objects else ""
    if event.cause == "found":
        return f"found at {split(event.observed)}{where}", ""
    moved = moves(event.before, event.observed)
    if event.action:
        return f"{moved}{where}, by the {event.action} action", ""
    took = f", in force after {event.latency_seconds * 1000:.3g} ms"
    apart = event.asked and event.asked != event.observed
    asked = f", asked for {split(event.asked)}" if apart else ""
    return f"{moved}{asked}{where}{took}", "warn" if apart else ""


@_line.register
def _(event: Incident, known: Known) -> tuple[str, str]:
    closed = event.state == "closed"
    return f"{event.state}: {event.text}", "good" if closed else "bad"


@_line.register
def _(event: ActionOutcome, known: Known) -> tuple[str, str]:
    how = "skipped" if event.skipped else "done" if event.ok else event.failure
    again = f", attempt {event.attempt}" if event.attempt > 1 else ""
    took = f" in {number(event.seconds)} s"
    return f"{event.action} task {event.task} {how}{again}{took}", "" if event.ok else "bad"


def moves(before: Mapping[str, int], after: Mapping[str, int]) -> str:
    """What moved: `iris-v2 60 → 70`; every version's weight where nothing did."""
    moved = [f"{v} {before.get(v, 0)} → {w}" for v, w in after.items() if before.get(v) != w]
    return ", ".join(moved) if before and moved else split(dict(after))
