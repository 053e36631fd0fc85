"""`crossfade replay`: a recorded run under another policy, other limits or another α."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from crossfade.errors import FieldError, Malformed
from crossfade_cli.options import Files, Name, Namespace

if TYPE_CHECKING:
    from crossfade.settings import Settings
    from crossfade_analyzer.replaying import Change, Replay
    from crossfade_cli.recordings import Recording

Output = Literal["table", "json"]
TICKS = "▁▂▃▄▅▆▇█"
WIDEST = 60


def replay(
    name: Name = None,
    namespace: Namespace = None,
    recording: Annotated[
        Path | None, typer.Option("--recording", help="A file of events, one JSON line each.")
    ] = None,
    uid: Annotated[str | None, typer.Option(help="A run; absent means the last one.")] = None,
    filename: Files = [],  # noqa: B006 - typer's default for a repeatable option
    policy: Annotated[
        list[str] | None, typer.Option(help="iter8 or assured; repeatable; absent means both.")
    ] = None,
    alpha: Annotated[
        list[float] | None, typer.Option(help="A level of proof; repeatable.")
    ] = None,
    limit: Annotated[
        list[str] | None, typer.Option(help="Another limit, metric=value; repeatable.")
    ] = None,
    min_effect: Annotated[
        str | None, typer.Option(help="Another smallest effect of the reward.")
    ] = None,
    early_stop: Annotated[
        bool | None, typer.Option(help="Whether it may stop early; absent means as written.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Write the course of every column to this HTML file.")
    ] = None,
    output: Annotated[Output, typer.Option("-o", "--output", help="The form.")] = "table",
) -> None:
    """Say when a recorded run would have stopped otherwise, with what verdict and exposure.

    The readings are those of the traffic as it was. A recording without its document takes it
    from -f.

    Example: crossfade replay quickstart-exp --policy assured --alpha 0.05 --alpha 0.2
    """
    from crossfade.settings import load
    from crossfade_cli.talking import now

    settings = load()
    found = _read(recording, uid) or now(_from_log(settings, name, namespace, uid))
    wanted = changes(policy, alpha, limit, min_effect, early_stop)
    columns_ = replays(found, settings, filename, wanted)
    if plot is not None:
        from crossfade_cli.replay_plot import write

        write(columns_, plot)
    typer.echo(_json(columns_) if output == "json" else "\n".join(told(columns_)))


def _read(recording: Path | None, uid: str | None) -> Recording | None:
    from crossfade_cli.recordings import read_file, recorded

    return None if recording is None else recorded(read_file(recording), uid, by_hand=True)


async def _from_log(
    settings: Settings, name: str | None, namespace: str | None, uid: str | None
) -> Recording:
    from crossfade_cli.recordings import read_log, recorded

    return recorded(await read_log(settings.bus, namespace or "", name or ""), uid)


def changes(
    policies: Sequence[str] | None,
    alphas: Sequence[float] | None,
    limits: Sequence[str] | None,
    min_effect: str | None = None,
    early_stop: bool | None = None,
) -> list[Change]:
    """Every combination asked for. Raises Malformed for what is none."""
    from crossfade_analyzer.replaying import Change

    wrong = [name for name in policies or () if name not in ("iter8", "assured")]
    if wrong:
        raise Malformed(
            [FieldError("--policy", f"found {wrong[0]}; right is iter8 or assured")]
        )
    odd = [alpha for alpha in alphas or () if not 0.0 < alpha <= 0.5]
    if odd:
        raise Malformed(
            [FieldError("--alpha", f"found {odd[0]:g}; right is a level up to 0.5")]
        )
    pairs = tuple(_pair(text) for text in limits or ())
    chosen = policies or (("assured",) if alphas else ("iter8", "assured"))
    return [
        Change(name, level, pairs, min_effect, early_stop)
        for name, level in product(chosen, alphas or (None,))
    ]


def _pair(text: str) -> tuple[str, str]:
    metric, _, value = text.partition("=")
    if not metric or not value:
        raise Malformed([FieldError("--limit", f"found {text}; right is metric=value")])
    return metric, value


def replays(
    found: Recording, settings: Settings, filename: Sequence[Path], wanted: Sequence[Change]
) -> list[Replay]:
    """The run as it went, where its assessments are recorded, and under every change."""
    from crossfade.resources import admit, gather
    from crossfade_analyzer.policies.choice import policies
    from crossfade_analyzer.replaying import as_it_ran
    from crossfade_analyzer.replaying import replay as replayed
    from crossfade_cli.files import documents

    if filename:
        found.document = admit(gather(documents(filename))[0])
    document, known = found.resolved(), policies(settings.analyzer)
    if found.by_hand:
        found.check(document)
    made = [as_it_ran(document, found.samples, found.assessments)] if found.assessments else []
    return made + [replayed(document, found.samples, known, change) for change in wanted]


def told(columns_: Sequence[Replay]) -> Iterator[str]:
    """The table, what each said last, and the course of each as a line of bars."""
    from crossfade_cli.listing import columns

    yield columns(
        [
            ("REPLAY", "STOPPED AT", "VERDICT", "WINNER", "EXPOSURE", "ASKED FOR"),
            *(_row(column) for column in columns_),
        ]
    )
    yield ""
    for column in columns_:
        yield f"{column.name}: {column.reason or 'no reason given'}"
        yield f"  share in force  {sparkline([m.in_force for m in column.moments])}"
        yield f"  asked for       {sparkline([m.asked for m in column.moments])}"
        chances = [100.0 * m.chance for m in column.moments if m.chance is not None]
        if chances:
            yield f"  chance          {sparkline(chances)}  {chances[-1]:.0f} %"


def _row(column: Replay) -> tuple[str, ...]:
    return (
        column.name,
        str(column.stopped_at or "not yet"),
        column.verdict,
        column.winner or "-",
        f"{column.exposure:.1f} %",
        f"{column.asked_exposure:.1f} %",
    )


def sparkline(values: Sequence[float], top: float = 100.0) -> str:
    """Bars between 0 and `top`, thinned out to what fits on a line."""
    step = max(-(-len(values) // WIDEST), 1)
    last = len(TICKS) - 1
    return "".join(
        TICKS[min(max(round(value / top * last), 0), last)] for value in values[::step]
    )


def _json(columns_: Sequence[Replay]) -> str:
    import orjson

    listed = [column.to_json() for column in columns_]
    return orjson.dumps(listed, option=orjson.OPT_INDENT_2).decode()
