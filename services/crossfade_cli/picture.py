"""An experiment in full, as our own layout shows it: failure first, evidence last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from crossfade.domain import quantities
from crossfade.telling import Known, headline
from crossfade.telling.numbers import number
from crossfade_cli import describe as iter8
from crossfade_cli.numbers import bars
from crossfade_cli.proofs import evidence

Json = Mapping[str, Any]


def picture(resource: Json, known: Known | None = None) -> RenderableType:
    """The whole of a resource; with what the log knows, also why."""
    return Group(*_parts(resource, known))


def _parts(resource: Json, known: Known | None) -> Iterator[RenderableType]:
    yield _summary(resource, known)
    yield from _failure(resource)
    yield from _section("Weights", _weights(resource))
    yield from _section("Objectives", _objectives(resource))
    yield from _section("Metrics", _metrics(resource))
    if known is not None:
        yield from _section("Why", _reasons(known))
        yield from _section("Evidence", evidence(known.evidence))
        yield from _section("Trouble", _troubles(known))
    yield from _section("Conditions", _conditions(resource))


def _section(title: str, body: RenderableType | None) -> Iterator[RenderableType]:
    if body is not None:
        yield Text(f"\n{title}", "bold")
        yield body


def _summary(resource: Json, known: Known | None) -> Table:
    metadata, spec = resource.get("metadata") or {}, resource.get("spec") or {}
    status = resource.get("status") or {}
    strategy, duration = spec.get("strategy") or {}, spec.get("duration") or {}
    title = f"{metadata.get('namespace') or 'default'}/{metadata.get('name')}"
    kind = f"{iter8.pattern(resource)}, {strategy.get('deploymentPattern') or 'Progressive'}"
    planned = (duration.get("iterationsPerLoop") or 15) * (duration.get("maxLoops") or 1)
    done = status.get("completedIterations") or 0
    table = _grid()
    table.add_row("Experiment", Text(title, "bold"))
    if known is not None:
        table.add_row("State", headline(known))
    table.add_row("Uid", str(metadata.get("uid", "")))
    table.add_row("Pattern", kind)
    table.add_row("Target", str(spec.get("target", "")))
    table.add_row("Stage", str(status.get("stage", "not started")))
    table.add_row("Iterations", f"{done} of {planned}")
    for label, key in (
        ("Started", "startTime"),
        ("Updated", "lastUpdateTime"),
        ("Recommended", "versionRecommendedForPromotion"),
        ("Message", "message"),
    ):
        if status.get(key):
            table.add_row(label, str(status[key]))
    table.add_row("Winner", _winner(status))
    return table


def _winner(status: Json) -> str:
    block = ((status.get("analysis") or {}).get("winnerAssessment") or {}).get("data") or {}
    none = "none" if status.get("stage") == "Completed" else "none yet"
    return str(block.get("winner") or none) if block.get("winnerFound") else none


def _failure(resource: Json) -> Iterator[RenderableType]:
    failed = iter8.condition(resource, "Failed")
    if failed.get("status") == "True":
        yield Text("\nFailed", "bold red")
        yield Text(f"  {failed.get('reason', '')}: {failed.get('message', '')}", "red")


def _weights(resource: Json) -> RenderableType | None:
    status = resource.get("status") or {}
    found = {w["name"]: w["value"] for w in status.get("currentWeightDistribution") or ()}
    block = (status.get("analysis") or {}).get("weights") or {}
    asked = {w["name"]: w["value"] for w in block.get("data") or ()}
    if not found or (len(found) > 1 and not _carried(resource)):
        return None
    moving = status.get("stage") == "Running"
    wanted = {v: f"→ {w} %" for v, w in asked.items() if moving and w != found.get(v)}
    return bars(iter8.versions(resource) or list(found), found, wanted)


def _carried(resource: Json) -> bool:
    """Whether any version's weight is a number somewhere; else the split is the router's own."""
    info = (resource.get("spec") or {}).get("versionInfo") or {}
    versions = (info.get("baseline") or {}, *(info.get("candidates") or ()))
    return any(version.get("weightObjRef") for version in versions)


def _objectives(resource: Json) -> RenderableType | None:
    objectives = ((resource.get("spec") or {}).get("criteria") or {}).get("objectives") or ()
    if not objectives:
        return None
    status = resource.get("status") or {}
    block = ((status.get("analysis") or {}).get("versionAssessments") or {}).get("data") or {}
    names = iter8.versions(resource)
    table = _columns("", *names)
    for at, objective in enumerate(objectives):
        cells = (_met(block.get(name) or (), at, resource, objective, name) for name in names)
        table.add_row(_limits(objective), *cells)
    return table


def _met(
    answers: Sequence[bool], at: int, resource: Json, objective: Json, version: str
) -> Text:
    value = iter8.value(resource, objective["metric"], version)
    shown = "–" if value is None else number(float(value))
    if at >= len(answers):
        return Text(f"{shown} ?", "dim")
    return Text(f"{shown} {'✓' if answers[at] else '✗'}", "green" if answers[at] else "red")


def _limits(objective: Json) -> str:
    lower, upper = objective.get("lowerLimit"), objective.get("upperLimit")
    below = f"{number(float(quantities.parse(lower)))} ≤ " if lower is not None else ""
    above = f" ≤ {number(float(quantities.parse(upper)))}" if upper is not None else ""
    return f"{below}{objective['metric']}{above}"


def _metrics(resource: Json) -> RenderableType | None:
    status = resource.get("status") or {}
    read = ((status.get("analysis") or {}).get("aggregatedMetrics") or {}).get("data") or {}
    if not read:
        return None
    names = iter8.versions(resource)
    table = _columns("", *names)
    for metric in read:
        values = (iter8.value(resource, metric, name) for name in names)
        table.add_row(metric, *("–" if v is None else number(float(v)) for v in values))
    return table


def _reasons(known: Known) -> RenderableType | None:
    if not known.reasons:
        return None
    table = _grid()
    for reason in known.reasons:
        table.add_row(reason.code, reason.text)
    return table


def _troubles(known: Known) -> RenderableType | None:
    if not known.troubles:
        return None
    table = _grid()
    for what, text in known.troubles.items():
        table.add_row(what, Text(text, "yellow"))
    return table


def _conditions(resource: Json) -> RenderableType | None:
    listed = (resource.get("status") or {}).get("conditions") or ()
    if not listed:
        return None
    table = _columns("type", "status", "since", "reason", "message")
    for c in listed:
        table.add_row(*(str(c.get(k, "")) for k in _CONDITION))
    return table


_CONDITION = ("type", "status", "lastTransitionTime", "reason", "message")


def _grid() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _columns(*titles: str) -> Table:
    return Table(*titles, box=None, pad_edge=True, header_style="dim", padding=(0, 2))
