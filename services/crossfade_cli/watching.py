"""`crossfade watch`: a run as it happens; plain lines where there is no terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from crossfade_cli.options import Name, Namespace

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from crossfade.settings import Settings
    from crossfade.telling import Known
    from crossfade_cli.talking import Talk


def watch(
    name: Name = None,
    namespace: Namespace = None,
    plain: Annotated[bool, typer.Option("--plain", help="Lines, on a terminal too.")] = False,
) -> None:
    """Watch an experiment until it ends: split, objectives, reward, verdict, countdown.

    Example: crossfade watch quickstart-exp
    """
    from rich.console import Console

    from crossfade.settings import load
    from crossfade_cli.talking import now

    now(_watch(load(), name, namespace, Console(highlight=False), plain))


async def _watch(
    settings: Settings, name: str | None, namespace: str | None, console: Console, plain: bool
) -> None:
    from crossfade_cli import finding
    from crossfade_cli.talking import talking

    async with talking(settings.bus) as talk:
        state = (await finding.one(talk, name, namespace)).state
        where = (state.namespace, state.name, state.uid)
        if plain or not console.is_terminal:
            await _say(talk, where, console)
        else:
            await _show(talk, where, console)


async def _say(talk: Talk, where: tuple[str, str, str], console: Console) -> None:
    from crossfade.telling import learn, tell

    known: Known | None = None
    async for logged in talk.journal.follow(namespace=where[0], name=where[1]):
        if logged.event.uid != where[2]:
            continue
        known = learn(known, logged.event, logged.at)
        telling = tell(logged.event, known)
        if telling is not None:
            at = logged.at.astimezone().strftime("%H:%M:%S")
            console.print(f"{at}  {telling.text}", markup=False, soft_wrap=True)
        if known.over:
            return


async def _show(talk: Talk, where: tuple[str, str, str], console: Console) -> None:
    from rich.live import Live

    from crossfade_cli.live_view import LiveView

    view = LiveView()

    def render() -> RenderableType:
        return view.picture(datetime.now(UTC))

    with Live(console=console, get_renderable=render, refresh_per_second=4):
        async for logged in talk.journal.follow(namespace=where[0], name=where[1]):
            if logged.event.uid == where[2] and view.take(logged.event, logged.at).over:
                return
