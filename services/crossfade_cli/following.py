"""`crossfade events`: the log, and the catalogue of what can be in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from crossfade.errors import FieldError, Malformed
from crossfade_cli.options import Namespace

if TYPE_CHECKING:
    from crossfade.runtime.service import Logged
    from crossfade.settings import Settings

Output = Literal["text", "json"]


def events(
    name: Annotated[
        str | None, typer.Argument(help="One experiment; absent means all.")
    ] = None,
    namespace: Namespace = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with what comes.")] = False,
    kinds: Annotated[
        list[str] | None,
        typer.Option("--kinds", help="Only these kinds; repeatable or separated by commas."),
    ] = None,
    output: Annotated[Output, typer.Option("-o", "--output", help="The form.")] = "text",
    catalogue: Annotated[
        bool, typer.Option("--catalogue", help="Print the kinds with their fields instead.")
    ] = False,
) -> None:
    """Print the events of the log, oldest first.

    Example: crossfade events quickstart-exp --kinds assessment,weight-change --follow
    """
    if catalogue:
        from crossfade_cli.catalogue import catalogue as written

        typer.echo(written())
        return
    from crossfade.settings import load
    from crossfade_cli.talking import now

    wanted = [kind for part in kinds or () for kind in part.split(",") if kind]
    _check(wanted)
    now(_print(load(), name or "", namespace or "", wanted, output, live=follow))


def _check(kinds: list[str]) -> None:
    from crossfade.events import CATALOGUE

    right = f"right is one of {', '.join(CATALOGUE)}"
    wrong = [kind for kind in kinds if kind not in CATALOGUE]
    if wrong:
        raise Malformed(FieldError("--kinds", f"found {kind!r}, {right}") for kind in wrong)


async def _print(
    settings: Settings, name: str, namespace: str, kinds: list[str], output: str, *, live: bool
) -> None:
    from crossfade_cli.talking import talking

    async with talking(settings.bus) as talk:
        log = talk.journal.follow(kinds=kinds, namespace=namespace, name=name, live=live)
        async for logged in log:
            typer.echo(as_json(logged) if output == "json" else as_text(logged))


def as_json(logged: Logged) -> str:
    """An event as one JSON line: its envelope and its body."""
    import orjson

    event = logged.event
    line: dict[str, Any] = {
        "sequence": logged.sequence,
        "time": logged.at.isoformat(),
        "id": event.id,
        "type": event.type,
        "namespace": event.namespace,
        "name": event.name,
        "body": event.to_json(),
    }
    return orjson.dumps(line).decode()


def as_text(logged: Logged) -> str:
    """An event as one line for people."""
    event = logged.event
    at = logged.at.astimezone().strftime("%H:%M:%S")
    where = f"{event.namespace}/{event.name}"
    return f"{at}  {event.kind:<14}  {where}  {event.iteration:>3}  {gist(logged)}".rstrip()


def gist(logged: Logged) -> str:
    """What an event says, in a few words."""
    from crossfade import events as kinds
    from crossfade.telling.numbers import split

    event = logged.event
    match event:
        case kinds.StageChange():
            return f"{event.stage} {event.reason}: {event.message}".rstrip(": ")
        case kinds.MetricSample():
            absent = sum(reading.value is None for reading in event.readings)
            missing = f", {absent} without a value" if absent else ""
            return f"{split(event.split)}, {len(event.readings)} readings{missing}"
        case kinds.Assessment():
            first = f": {event.reasons[0].text}" if event.reasons else ""
            return f"{event.verdict}{' (final)' if event.final else ''}{first}"
        case kinds.WeightChange():
            return f"{split(event.before)} → {split(event.observed)}".removeprefix(" → ")
        case kinds.ActionOutcome():
            return f"{event.what} {'ok' if event.ok else event.failure}"
        case kinds.Incident():
            return f"{event.what_happened} {event.state}: {event.text}"
        case _:
            return ""
