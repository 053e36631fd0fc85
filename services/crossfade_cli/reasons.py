"""`crossfade why`: the last verdict, its reasons, and what happens next and when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import typer

from crossfade_cli.options import Name, Namespace

if TYPE_CHECKING:
    from crossfade.domain.runs import RunState
    from crossfade.settings import Settings
    from crossfade.telling import Known


def why(name: Name = None, namespace: Namespace = None) -> None:
    """Say why an experiment stands where it stands, and what happens next and when.

    Example: crossfade why quickstart-exp
    """
    from crossfade.settings import load
    from crossfade_cli.talking import now

    for line in now(_lines(load(), name, namespace)):
        typer.echo(line)


async def _lines(settings: Settings, name: str | None, namespace: str | None) -> list[str]:
    from crossfade_cli import finding
    from crossfade_cli.talking import talking

    async with talking(settings.bus) as talk:
        run = await finding.one(talk, name, namespace)
        known = await finding.known(talk, run.state)
    return list(explained(run.state, known, datetime.now(UTC)))


def explained(state: RunState, known: Known | None, now: datetime) -> Iterator[str]:
    """The answer, a sentence a line."""
    from crossfade.telling import headline, objective_states

    title = f"{state.namespace}/{state.name}"
    yield f"{title}: {headline(known) if known else state.message}"
    if state.verdict:
        planned = state.plan.iterations
        yield f"Verdict of iteration {state.iteration}/{planned}: {state.verdict}"
    for reason in state.reasons:
        yield f"  - {reason.get('text', '')} [{reason.get('code', '')}]"
    yield from _ending(state)
    waiting = [s for s in objective_states(known) if s.standing == "not-yet"] if known else []
    for objective in waiting:
        yield f"  … {objective.sentence}"
    for text in known.troubles.values() if known else ():
        yield f"Trouble: {text}"
    yield f"Next: {follows(state, now)}"


def _ending(state: RunState) -> Iterator[str]:
    failed, completed = state.condition("Failed"), state.condition("Completed")
    if failed is not None and failed.status:
        yield f"Failed: {failed.reason}: {failed.message}"
    if state.over and completed is not None:
        yield f"Ended: {completed.message}"


def follows(state: RunState, now: datetime) -> str:
    """What happens next, and when."""
    from crossfade.domain.runs import Phase
    from crossfade.telling.numbers import duration

    left = state.deadline - now.timestamp()
    until = f", within {duration(left)}" if state.deadline and left > 0 else ""
    if state.gate:
        return f"somebody approves or rejects it at the gate `{state.gate}`{until}"
    if state.paused:
        return "nothing until `crossfade resume`"
    if state.phase is Phase.RUNNING:
        return _running(state, now, until)
    return _NEXT[state.phase].format(
        target=state.target, action=state.action or "finish", until=until
    )


def _running(state: RunState, now: datetime, until: str) -> str:
    from crossfade.telling.numbers import duration, split

    if state.ending is not None:
        shift = state.shift
        first = f"the split {split(shift.split)} comes into force, then " if shift else ""
        return f"{first}it ends as {state.ending.outcome}{until}"
    interval = state.plan.interval_seconds
    since = state.start_at or state.update_at
    due = since + (state.iteration + 1) * interval - now.timestamp()
    when = f"in {duration(due)}" if due > 0 else "any moment"
    last = state.iteration + 1 >= state.plan.iterations
    ending = ", the last one" if last else ""
    return f"iteration {state.iteration + 1} of {state.plan.iterations} is read {when}{ending}"


_NEXT = {
    "waiting": "it begins when the target {target} is free",
    "starting": "the start action ends{until}",
    "admitting": "the document is read again as the start action left it{until}",
    "reading": "the trial reading of every metric arrives{until}",
    "weighing": "the weights are read and tried{until}",
    "finishing": "the {action} action ends{until}",
    "completed": "nothing: it has ended",
}
