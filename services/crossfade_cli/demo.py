"""`crossfade demo`: the seed's experiment on real parts, on this machine, in one command."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

if TYPE_CHECKING:
    from crossfade_cli.demo_play import Play, Wishes

__all__ = ["demo"]

INTERRUPTED = 130


def demo(
    separate: Annotated[
        bool, typer.Option("--separate", help="Two SeldonDeployments behind a VirtualService.")
    ] = False,
    interval: Annotated[
        int, typer.Option(min=1, max=60, help="Seconds between two looks.")
    ] = 10,
    iterations: Annotated[
        int | None, typer.Option(min=1, help="Looks; by default as many as the seed has.")
    ] = None,
    candidate: Annotated[
        Literal["better", "slow", "failing", "worse", "equal"],
        typer.Option(help="What iris-v2 is like."),
    ] = "better",
    policy: Annotated[Literal["iter8", "assured"], typer.Option(help="Who decides.")] = "iter8",
    cluster: Annotated[
        Literal["embedded", "real"],
        typer.Option(help="`real` starts etcd and kube-apiserver from KUBEBUILDER_ASSETS."),
    ] = "embedded",
    figures: Annotated[
        bool, typer.Option("--figures", help="Memory and start time of every process as well.")
    ] = False,
    via: Annotated[
        Literal["request", "event", "kubectl"], typer.Option(help="The door it starts through.")
    ] = "request",
    keep: Annotated[
        bool | None,
        typer.Option(help="Keep page and world up at the end; on a terminal by default."),
    ] = None,
    browser: Annotated[
        bool,
        typer.Option("--open/--no-open", help="Open the live page where there is a display."),
    ] = True,
) -> None:
    """Watch a better model take over: the seed's A/B experiment on real parts, here and now."""
    # Here, so that the other commands need not wait for the lab's imports.
    from crossfade_cli.demo_play import Wishes
    from crossfade_lab.load import Mode
    from crossfade_lab.page import can_open

    console = Console(highlight=False)
    interactive = console.is_terminal and sys.stdin.isatty()
    wishes = Wishes(
        separate=separate,
        interval_seconds=interval,
        iterations=iterations,
        candidate=Mode(candidate),
        policy=policy,
        cluster=cluster,
        via=via,
        figures=figures,
        browser=browser and interactive and can_open(),
    )
    kept = interactive if keep is None else keep
    try:
        code = asyncio.run(_perform(wishes, console, keep=kept))
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("Stopped; nothing is left running.")
        code = INTERRUPTED
    raise typer.Exit(code)


async def _perform(wishes: Wishes, console: Console, *, keep: bool) -> int:
    from crossfade_cli.demo_ending import print_ending, print_lines
    from crossfade_cli.demo_play import Play
    from crossfade_cli.demo_screen import a_screen

    _end_on_signals()
    began = time.monotonic()
    screen = a_screen(console)
    play = Play(wishes, screen)
    screen.say("Starting the small world …")
    async with play.installed:
        try:
            play.introduce(time.monotonic() - began)
            if keep:
                print_lines(play)
            await play.begin()
            await play.finish(await play.follow())
        finally:
            screen.close()
        print_ending(play)
        if keep:
            await _keep(play, console)
    return 0 if play.succeeded() else 1


def _end_on_signals() -> None:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)


async def _keep(play: Play, console: Console) -> None:
    from crossfade_cli.demo_ending import print_lines
    from crossfade_cli.demo_screen import linked

    console.print()
    print_lines(play)
    console.print(
        linked("The page stays up, and so does the world: ", play.page), soft_wrap=True
    )
    if sys.stdin.isatty():
        console.print("Press q or Ctrl-C to end.", style="bold")
    telling = asyncio.ensure_future(play.linger())
    try:
        await _told_to_end("q")
    finally:
        telling.cancel()
        play.screen.close()
        with suppress(asyncio.CancelledError):
            await telling


async def _told_to_end(key: str) -> None:
    """Wait for a key or Ctrl-C, neither of which is a failure now; for ever without a keyboard."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, told.set)
    try:
        with _pressing(key, told) if sys.stdin.isatty() else nullcontext():
            await told.wait()
    finally:
        loop.remove_signal_handler(signal.SIGINT)


@contextmanager
def _pressing(wanted: str, pressed: asyncio.Event) -> Iterator[None]:
    """While open, each key counts at once, and the wanted one sets the event."""
    import termios
    import tty

    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)

    def read() -> None:
        if wanted.encode() in os.read(keyboard, 64):
            pressed.set()

    tty.setcbreak(keyboard)
    asyncio.get_running_loop().add_reader(keyboard, read)
    try:
        yield
    finally:
        asyncio.get_running_loop().remove_reader(keyboard)
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
