"""`crossfade lab`: the small world, or parts of it alone, until Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from crossfade.errors import FieldError, Malformed

if TYPE_CHECKING:
    from crossfade_lab.page import Page
    from crossfade_lab.world import World

__all__ = ["lab"]


def lab(
    parts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PART]...",
            help="broker, cluster, router, models, metrics, promote, load, console; all if none.",
        ),
    ] = None,
    separate: Annotated[
        bool, typer.Option("--separate", help="Two SeldonDeployments behind a VirtualService.")
    ] = False,
    interval: Annotated[
        int, typer.Option(min=1, max=60, help="Scales load and scrapes as in the demo.")
    ] = 10,
    candidate: Annotated[
        Literal["better", "slow", "failing", "worse", "equal"],
        typer.Option(help="What iris-v2 is like."),
    ] = "better",
    cluster: Annotated[
        Literal["embedded", "real"],
        typer.Option(help="`real` starts etcd and kube-apiserver from KUBEBUILDER_ASSETS."),
    ] = "embedded",
) -> None:
    """Start the small world or parts of it, print addresses, and wait for Ctrl-C."""
    # Here, so that the other commands need not wait for the lab's imports.
    from crossfade_lab.examples import SEPARATE, SINGLE
    from crossfade_lab.load import Mode
    from crossfade_lab.page import CONSOLE
    from crossfade_lab.parts import PARTS
    from crossfade_lab.world import World

    console = Console(highlight=False)
    known = (*PARTS, CONSOLE)
    unknown = [part for part in parts or () if part not in known]
    if unknown:
        right = f"right is one or more of {', '.join(known)}"
        raise Malformed([FieldError("part", f"found {' '.join(unknown)}; {right}")])
    wanted = parts or known
    world = World(
        SEPARATE if separate else SINGLE,
        interval_seconds=interval,
        mode=Mode(candidate),
        cluster=cluster,
        only=[p for p in PARTS if p in wanted or (p == "broker" and CONSOLE in wanted)],
    )
    asyncio.run(_keep_up(world, console, page=CONSOLE in wanted))
    console.print("Stopped; nothing is left running.")


async def _keep_up(world: World, console: Console, *, page: bool) -> None:
    from crossfade_cli.demo_screen import linked
    from crossfade_lab.installation import Installation
    from crossfade_lab.page import CONSOLE

    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    links: dict[str, str] = {}

    def welcome(shown: Page) -> None:
        console.print(linked("Watch it live: ", shown.url), soft_wrap=True)
        links.update(shown.links())

    up = Installation(world, names=[CONSOLE], on_page=welcome) if page else world
    async with up:
        _introduce(world, console, links)
        console.print("Up until Ctrl-C.", style="bold")
        await stopped.wait()


def _introduce(world: World, console: Console, links: Mapping[str, str]) -> None:
    """Say where the parts are, and leave what services need to find them in a file."""
    from crossfade_cli.demo_screen import announce
    from crossfade_lab.parts import private

    for part in world.parts.values():
        said = announce(part.name, part.kind, part.what, part.address, part.seconds)
        console.print(said, soft_wrap=True)
    if "cluster" in world.parts:
        console.print(f"  kubeconfig {world.kubeconfig}", soft_wrap=True)
    settings = {**world.settings(), **links}
    if settings:
        lines = [f"export {name}='{value}'\n" for name, value in settings.items()]
        file = private(world.directory / "settings.sh", "".join(lines))
        console.print(f"For services and commands:  . {file}", soft_wrap=True)
