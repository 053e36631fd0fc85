"""`crossfade debug`: what the tasks of an experiment's actions did and printed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from crossfade_cli.options import Name, Namespace

if TYPE_CHECKING:
    from crossfade.events import ActionOutcome
    from crossfade.settings import Settings


def debug(
    name: Name = None,
    namespace: Namespace = None,
    priority: Annotated[
        int,
        typer.Option(
            "-p", "--priority", min=1, max=3, help="1: failures, 2: every task, 3: output too."
        ),
    ] = 1,
) -> None:
    """Print what the tasks of an experiment did, from its action outcomes.

    Example: crossfade debug quickstart-exp -p 3
    """
    from crossfade.settings import load
    from crossfade_cli.talking import now

    for line in now(_lines(load(), name, namespace, priority)):
        typer.echo(line)


async def _lines(
    settings: Settings, name: str | None, namespace: str | None, priority: int
) -> list[str]:
    from crossfade.events import ActionOutcome
    from crossfade_cli.finding import one
    from crossfade_cli.talking import talking

    async with talking(settings.bus) as talk:
        state = (await one(talk, name, namespace)).state
        said = [f"Debugging experiment {state.name} in namespace {state.namespace}"]
        async for logged in talk.journal.follow(
            kinds=["action-outcome"],
            namespace=state.namespace,
            name=state.name,
            live=False,
        ):
            event = logged.event
            if event.uid == state.uid and isinstance(event, ActionOutcome):
                said += [
                    f"source: task-runner priority: {p} message: {text}"
                    for p, text in messages(event)
                    if p <= priority
                ]
    return said


def messages(outcome: ActionOutcome) -> Iterator[tuple[int, str]]:
    """The messages of one outcome with their priorities, 1 the most pressing."""
    what = f"{outcome.action} task {outcome.task}, attempt {outcome.attempt}"
    if outcome.skipped:
        yield 2, f"{what}: skipped, its condition does not hold"
    elif outcome.ok:
        yield 2, f"{what}: completed in {outcome.seconds:.1f} s"
    else:
        yield 1, f"{what}: {outcome.failure} after {outcome.seconds:.1f} s"
    for line in outcome.output.splitlines():
        yield 3 if outcome.ok else 1, line
