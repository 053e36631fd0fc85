"""`crossfade explain`: what a document lets one prove, with how much, in how long."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from crossfade.errors import FieldError, Malformed
from crossfade_cli.options import Files

if TYPE_CHECKING:
    from crossfade.resources import Document
    from crossfade.resources.documents import Policy
    from crossfade.settings import Settings
    from crossfade_analyzer.explain import Explained

Output = Literal["text", "json"]
Paths = Annotated[
    list[Path] | None,
    typer.Argument(help="Experiment and Metrics: files, folders, or `-` for standard input."),
]


def explain(
    files: Paths = None,
    filename: Files = [],  # noqa: B006 - typer's default for a repeatable option
    rate: Annotated[
        float | None, typer.Option(min=0, help="Requests per second, all versions together.")
    ] = None,
    last_run: Annotated[
        bool, typer.Option("--last-run", help="Take the rate from the last run in the log.")
    ] = False,
    share: Annotated[
        float, typer.Option(min=0, max=1, help="The baseline's own share of successes.")
    ] = 0.1,
    shapes: Annotated[
        bool, typer.Option("--shapes", help="Print the table of Metrics and claims instead.")
    ] = False,
    output: Annotated[Output, typer.Option("-o", "--output", help="The form.")] = "text",
) -> None:
    """Say what could be proved, with how many requests, in how long, and what is missing.

    Example: crossfade explain experiment.yaml metrics.yaml --rate 25
    """
    if shapes:
        typer.echo("\n".join(table()))
        return
    from crossfade.resources import admit, gather
    from crossfade.settings import load
    from crossfade_analyzer import explain as explaining
    from crossfade_cli.files import documents
    from crossfade_cli.talking import now

    if rate is not None and (rate == 0.0 or math.isinf(rate)):
        right = "right is requests per second, above 0"
        raise Malformed([FieldError("--rate", f"found {rate:g}; {right}")])
    document, installed = admit(gather(documents([*(files or ()), *filename]))[0]), load()
    if rate is None and last_run:
        rate = now(_last_rate(installed, document))
    found = explaining.explain(document, rate, share)
    policy = document.decided_by(installed.analyzer.default_policy)
    lines = told(document, found, rate, policy)
    typer.echo(_json(found) if output == "json" else "\n".join(lines))


async def _last_rate(settings: Settings, document: Document) -> float | None:
    from crossfade_analyzer.explain import rate_of
    from crossfade_cli.recordings import read_log, recorded

    events = await read_log(settings.bus, document.namespace, document.name)
    return rate_of(document, recorded(events).samples)


def _json(found: Sequence[Explained]) -> str:
    from dataclasses import asdict

    import orjson

    return orjson.dumps([asdict(each) for each in found], option=orjson.OPT_INDENT_2).decode()


def told(
    document: Document, found: Sequence[Explained], rate: float | None, policy: Policy
) -> Iterator[str]:
    """Every criterion in a few lines, and what that means for a run that `policy` judges."""
    interval = document.interval_seconds
    at = f", {rate:,.4g} requests/s" if rate else ""
    yield (
        f"{document.namespace}/{document.name}: policy {policy}, "
        f"{document.iterations} iterations of {interval} s{at}"
    )
    for each in found:
        yield ""
        yield f"{each.claim}  ({each.role}, {each.shape})"
        yield f"  because  {each.because}: {each.reads}"
        yield f"  proves   {each.proves}"
        if each.why:
            yield f"  lacks    {each.field}: {each.why}"
        for i, need in enumerate(each.needs):
            yield f"  {'needs' if i == 0 else '     '}    {need.sentence(interval)}"
        if each.smallest:
            yield f"  shows    a difference of {each.smallest:.3g} in 4 of 5 runs as planned"
    yield from _aging(document)
    yield from _ends(found, rate, policy)


def _aging(document: Document) -> Iterator[str]:
    ages = {m.key: m.spec.max_age for m in document.metrics.values() if m.spec.max_age}
    if ages:
        yield ""
        told = ", ".join(f"{metric} {seconds} s" for metric, seconds in ages.items())
        yield f"A number older than this counts as none (maxAge): {told}"


def _ends(found: Sequence[Explained], rate: float | None, policy: Policy) -> Iterator[str]:
    blocked = [each.claim for each in found if each.blocks]
    if blocked:
        now = "N" if policy == "assured" else "Under policy assured n"
        yield ""
        yield f"{now}o candidate can be promoted as long as these lack it: {', '.join(blocked)}"
    if rate is None and any(each.needs for each in found):
        yield ""
        yield "With --rate or --last-run, needs are told as iterations, too."


def table() -> Iterator[str]:
    """The mapping's table, first row that applies decides: Metric, claim, what is read."""
    from crossfade_analyzer.policies.mapping_shapes import TABLE

    for shape in TABLE:
        yield f"{shape.metric:58} {shape.claim:20} {shape.reads}"
