"""`crossfade get`: the columns of kubectl, and the split and verdict beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from crossfade.errors import NotFound
from crossfade_cli.options import Namespace

if TYPE_CHECKING:
    from crossfade.settings import Settings
    from crossfade_cli.finding import Run

Output = Literal["table", "wide", "json", "yaml"]
GAP = "   "
HEADER = (
    "NAMESPACE",
    "NAME",
    "TYPE",
    "TARGET",
    "STAGE",
    "COMPLETED ITERATIONS",
    "SPLIT",
    "VERDICT",
    "MESSAGE",
)
WIDE = ("WINNER", "RECOMMENDED", "OUTCOME", "UID")


def get(
    name: Annotated[
        str | None, typer.Argument(help="One experiment; absent means all.")
    ] = None,
    namespace: Namespace = None,
    output: Annotated[Output, typer.Option("-o", "--output", help="The form.")] = "table",
) -> None:
    """List experiments with their stage, split and verdict.

    Example: crossfade get -n seldon -o wide
    """
    from crossfade.settings import load
    from crossfade_cli.talking import now

    runs = now(_runs(load(), name, namespace))
    if output in ("json", "yaml"):
        typer.echo(dumped([run.resource for run in runs], output, single=name is not None))
        return
    if not runs:
        where = f" in namespace {namespace}" if namespace else ""
        raise NotFound(f"no experiments found{where}")
    wide = output == "wide"
    typer.echo(columns([HEADER + (WIDE if wide else ()), *(_row(run, wide) for run in runs)]))


async def _runs(settings: Settings, name: str | None, namespace: str | None) -> list[Run]:
    from crossfade_cli.finding import every, one
    from crossfade_cli.talking import talking

    async with talking(settings.bus) as talk:
        if name is not None:
            return [await one(talk, name, namespace)]
        return await every(talk, namespace)


def _row(run: Run, wide: bool) -> tuple[str, ...]:
    state, document = run.state, run.document
    row = (
        state.namespace,
        state.name,
        str(document.pattern) if document else "",
        state.target,
        state.stage,
        str(state.completed_iterations),
        _split(run),
        state.verdict,
        state.message,
    )
    more = (state.winner, state.recommended, state.outcome, state.uid)
    return row + (more if wide else ())


def _split(run: Run) -> str:
    """The weights, baseline first; empty where none are read, and the split is the router's own."""
    document = run.document
    if document and len(document.versions) > 1 and not document.weight_refs:
        return ""
    return ":".join(str(weight) for weight in run.state.observed.values())


def columns(rows: Sequence[Iterable[str]]) -> str:
    """Rows in aligned columns, as kubectl prints them."""
    cells = [tuple(row) for row in rows]
    widths = [max(len(row[at]) for row in cells) for at in range(len(cells[0]))]
    return "\n".join(
        GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def dumped(resources: list[dict[str, Any]], output: str, *, single: bool) -> str:
    """Resources as JSON or YAML, a List unless one was asked for."""
    whole: Any = (
        resources[0] if single else {"apiVersion": "v1", "kind": "List", "items": resources}
    )
    if output == "json":
        import json

        return json.dumps(whole, indent=2, ensure_ascii=False)
    import yaml

    return str(yaml.safe_dump(whole, sort_keys=False, allow_unicode=True)).rstrip()
