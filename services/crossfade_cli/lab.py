"""`crossfade lab`: the small world, or parts of it alone, until Ctrl-C."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from crossfade.errors import FieldError, Malformed

if TYPE_CHECKING:
    from crossfade_lab.world import World

__all__ = ["lab"]


def lab(
    parts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PART]...",
            help="broker, cluster, router, models, metrics, promote, load; all of them if none.",
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
    from crossfade_lab.parts import PARTS
    from crossfade_lab.world import World

    console = Console(highlight=False)
    unknown = [part for part in parts or () if part not in PARTS]
    if unknown:
        right = f"right is one or more of {', '.join(PARTS)}"
        raise Malformed([FieldError("part", f"found {' '.join(unknown)}; {right}")])
    world = World(
        SEPARATE if separate else SINGLE,
        interval_seconds=interval,
        mode=Mode(candidate),
        cluster=cluster,
        only=[part for part in PARTS if not parts or part in parts],
    )
    asyncio.run(_keep_up(world, console))
    console.print("Stopped; nothing is left running.")


async def _keep_up(world: World, console: Console) -> None:
    from crossfade_cli.demo_screen import announce
    from crossfade_lab.parts import private

    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with world:
        for part in world.parts.values():
            said = announce(part.name, part.kind, part.what, part.address, part.seconds)
            console.print(said, soft_wrap=True)
        lines = [f"export {name}='{value}'\n" for name, value in world.settings().items()]
        if "cluster" in world.parts:
            console.print(f"  kubeconfig {world.kubeconfig}", soft_wrap=True)
        if lines:
            file = private(world.directory / "settings.sh", "".join(lines))
            console.print(f"For services and commands:  . {file}", soft_wrap=True)
        console.print("Up until Ctrl-C.", style="bold")
        await stopped.wait()
