"""`crossfade assert`: conditions as exit codes, for pipelines; waits when asked to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from crossfade.errors import FieldError, Malformed, NotFound
from crossfade_cli.options import Name, Namespace

if TYPE_CHECKING:
    from crossfade.domain.runs import RunState
    from crossfade.settings import Settings
    from crossfade_cli.talking import Talk

PAUSE_SECONDS = 0.5


def _failed(state: RunState) -> bool:
    condition = state.condition("Failed")
    return condition is not None and condition.status


def _outcome(*outcomes: str) -> Callable[[RunState], bool]:
    return lambda state: state.over and state.outcome in outcomes


CONDITIONS: Mapping[str, tuple[Callable[[RunState], bool], str]] = {
    "completed": (lambda state: state.over, "experiment has not completed"),
    "winnerFound": (lambda state: bool(state.winner), "no winner found in experiment"),
    "successful": (
        lambda state: state.over and not _failed(state) and state.outcome != "aborted",
        "experiment has not completed successfully",
    ),
    "failed": (_failed, "experiment has not failed"),
    "failure": (_failed, "experiment has not failed"),
    "running": (lambda state: state.stage == "Running", "experiment is not running"),
    "promoted": (_outcome("promoted"), "no candidate was promoted"),
    "rolledBack": (_outcome("rolled-back"), "experiment was not rolled back"),
    "inconclusive": (_outcome("inconclusive"), "experiment did not end inconclusive"),
    "noData": (_outcome("no-data"), "experiment did not end without data"),
    "aborted": (_outcome("aborted"), "experiment was not aborted"),
}
"""What may be asserted: whether it holds, and what is said where it does not."""


def assert_(
    name: Name = None,
    condition: Annotated[
        list[str] | None,
        typer.Option(
            "-c", "--condition", help=f"{', '.join(CONDITIONS)}; repeatable or with commas."
        ),
    ] = None,
    namespace: Namespace = None,
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait for them.")] = 0,
) -> None:
    """Check conditions of an experiment; exit code 0 if all hold, 1 if not.

    Example: crossfade assert quickstart-exp -c completed,winnerFound --timeout 300
    """
    from crossfade.settings import load
    from crossfade_cli.talking import now

    wanted = [c.strip() for part in condition or () for c in part.split(",") if c.strip()]
    _check(wanted)
    unmet = now(_wait(load(), name, namespace, wanted, timeout))
    if unmet:
        typer.echo(CONDITIONS[unmet][1], err=True)
        raise typer.Exit(1)
    typer.echo("All conditions satisfied.")


def _check(wanted: Sequence[str]) -> None:
    if not wanted:
        raise Malformed("one or more conditions must be specified with assert")
    wrong = [c for c in wanted if c not in CONDITIONS]
    right = f"right is one of {', '.join(CONDITIONS)}"
    if wrong:
        raise Malformed(FieldError("", f"Invalid condition: {c}; {right}") for c in wrong)


async def _wait(
    settings: Settings,
    name: str | None,
    namespace: str | None,
    wanted: Sequence[str],
    timeout: float,
) -> str:
    """The first condition that does not hold, or nothing."""
    from crossfade_cli.talking import talking

    loop = asyncio.get_running_loop()
    end = loop.time() + timeout
    async with talking(settings.bus) as talk:
        while True:
            state = await _state(talk, name, namespace, patient=loop.time() < end)
            unmet = _unmet(state, wanted) if state else wanted[0]
            if not unmet or loop.time() >= end or (state is not None and state.over):
                return unmet
            await asyncio.sleep(PAUSE_SECONDS)


async def _state(
    talk: Talk, name: str | None, namespace: str | None, *, patient: bool
) -> RunState | None:
    from crossfade_cli.finding import one

    try:
        return (await one(talk, name, namespace)).state
    except NotFound:
        if patient:
            return None
        raise


def _unmet(state: RunState, wanted: Sequence[str]) -> str:
    return next((c for c in wanted if not CONDITIONS[c][0](state)), "")
