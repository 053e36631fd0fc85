"""`crossfade describe`: a run in full, in our layout or in iter8ctl's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from crossfade.errors import FieldError, Malformed
from crossfade_cli.options import Name, Namespace

if TYPE_CHECKING:
    from crossfade.settings import Settings
    from crossfade.telling import Known
    from crossfade_cli.finding import Run

PIPED_WIDTH = 160
"""Columns where nobody's terminal sets a width, so that tables are not cut."""
Layout = Literal["crossfade", "iter8"]


def describe(
    name: Name = None,
    namespace: Namespace = None,
    layout: Annotated[
        Layout, typer.Option(help="`iter8` prints what iter8ctl prints, to the byte.")
    ] = "crossfade",
    filename: Annotated[
        Path | None,
        typer.Option("-f", "--filename", help="An Experiment with its status; `-` for stdin."),
    ] = None,
) -> None:
    """Describe an experiment: progress, winner, weights, reasons, objectives, evidence, failure.

    Example: kubectl get experiment quickstart-exp -o yaml | crossfade describe -f -
    """
    from crossfade_cli import describe as iter8
    from crossfade_cli.picture import picture

    known: Known | None = None
    if filename is not None:
        resource = _read(filename)
    else:
        run, known = _look_up(name, namespace)
        resource = run.resource
    if layout == "iter8":
        typer.echo(iter8.describe(resource))
        return
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    console.print(picture(resource, known))


def _read(path: Path) -> dict[str, Any]:
    from crossfade.resources import parse_experiment
    from crossfade.resources.parsing import misread_status
    from crossfade_cli.files import documents

    found = [d for d in documents([path]) if d.get("kind") == "Experiment"]
    if len(found) != 1:
        right = "right is one Experiment, as `kubectl get experiment NAME -o yaml` prints it"
        raise Malformed([FieldError(str(path), f"found {len(found)} Experiments; {right}")])
    parse_experiment(found[0])
    if wrong := misread_status(found[0].get("status") or {}):
        raise Malformed(wrong)
    return dict(found[0])


def _look_up(name: str | None, namespace: str | None) -> tuple[Run, Known | None]:
    from crossfade.settings import load
    from crossfade_cli.talking import now

    return now(_found(load(), name, namespace))


async def _found(
    settings: Settings, name: str | None, namespace: str | None
) -> tuple[Run, Known | None]:
    from crossfade_cli import finding
    from crossfade_cli.talking import talking

    async with talking(settings.bus) as talk:
        run = await finding.one(talk, name, namespace)
        return run, await finding.known(talk, run.state)
