"""The demo's last screen: what iter8ctl would show, and the figures."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.table import Table
from rich.text import Text

from crossfade.telling import headline, why
from crossfade_cli.demo_play import Play
from crossfade_cli.describe import describe
from crossfade_lab.examples import MODELS
from crossfade_lab.figures import Memory, latency, memory_of
from crossfade_lab.load import Counts
from crossfade_lab.parts import private

__all__ = ["FOLLOWER", "print_ending", "print_lines"]

MEGABYTE = 1e6

FOLLOWER = """\
import asyncio, nats

async def main():
    client = await nats.connect({url!r})
    events = await client.jetstream().subscribe("crossfade.event.>", ordered_consumer=True)
    async for event in events.messages:
        print(event.subject, event.data.decode()[:150])

asyncio.run(main())
"""


def print_ending(play: Play) -> None:
    """The sections of iter8ctl, kubectl's line, the verdict in plain words, the figures."""
    console, outcome = play.screen.console, play.outcome
    known = outcome.known
    assert known is not None
    console.print(Text(describe(outcome.experiment)), soft_wrap=True)
    console.print(Text("$ kubectl get experiment", "dim"))
    console.print(Text(outcome.listing), soft_wrap=True)
    good = play.succeeded()
    console.print(Text(f"{headline(known)}.", "bold green" if good else "bold red"))
    if reason := why(known):
        play.screen.say(reason)
    console.print()
    for line in _figures(play):
        play.screen.say(line)
    if play.wishes.figures:
        console.print()
        console.print(_processes(play))


def print_lines(play: Play) -> None:
    """Three lines to try in another terminal while the world is up."""
    world, screen = play.world, play.screen
    script = private(world.directory / "follow.py", FOLLOWER.format(url=world.broker.url))
    url = private(world.directory / "broker.url", world.broker.url)
    programs = Path(sys.executable).parent
    screen.say("Try in another terminal:", "bold")
    for line in (
        f"{programs}/kubectl --kubeconfig {world.kubeconfig} get experiment -w",
        f"CROSSFADE_BUS__URL=$(cat {url}) {programs}/crossfade events",
        f"{sys.executable} {script}",
    ):
        screen.console.print(f"  {line}", soft_wrap=True)  # to be copied whole
    screen.say("The last one is eight lines of nats-py.", "dim")


def _figures(play: Play) -> list[str]:
    outcome, known = play.outcome, play.outcome.known
    assert known is not None
    load = play.world.load.counts
    version = known.recommended or known.baseline
    lines = [
        _requests(load, outcome.checked, len(outcome.struck)),
        f"Last 200 answers: {play.share(version) * 100:.0f} % from {version}"
        f" ({MODELS.get(version)}).",
    ]
    took = latency(outcome.struck, play.world.router.applied, play.world.example.carrier)
    if took is not None:
        lines.append(
            f"From the tick in the stream to the split at the router: p50 {took.p50 * 1000:.0f} ms,"
            f" p99 {took.p99 * 1000:.0f} ms (n = {took.count})."
        )
    return lines


def _requests(load: Counts, checked: Counts, changes: int) -> str:
    sent, lost = load.sent + checked.sent, load.lost + checked.lost
    meant = load.failed + checked.failed
    failed = f", {meant} answered with an error on purpose" if meant else ""
    words = "".join(f"\n  lost: {why}" for why in [*load.losses, *checked.losses])
    times = "one change" if changes == 1 else f"{changes} changes"
    during = f"{sent:,} sent during {times} of the split"
    return f"Requests: {during}, {lost} lost{failed}.{words}"


def _processes(play: Play) -> Table:
    table = Table(box=None, padding=(0, 2), header_style="bold", pad_edge=False)
    for heading, side in (
        ("process", "left"),
        ("start", "right"),
        ("resident", "right"),
        ("share", "right"),
    ):
        table.add_column(heading, justify="right" if side == "right" else "left")
    total = Memory()
    for name, seconds, pids in _rows(play):
        memory = memory_of(pids)
        total += memory
        table.add_row(name, f"{seconds:.2f} s", *_megabytes(memory))
    table.add_row("together", "", *_megabytes(total), style="bold")
    table.caption = "share: pages that several processes share count once (PSS)"
    return table


def _rows(play: Play) -> list[tuple[str, float, tuple[int, ...]]]:
    members = play.installed.crew.members.values()
    rows: list[tuple[str, float, tuple[int, ...]]] = [
        (m.name, m.seconds, (m.pid,) if m.pid else ()) for m in members
    ]
    models = tuple(play.world.operator.processes().values())
    rows += [
        (part.what, part.seconds, models if part.name == "models" else part.pids)
        for part in play.world.parts.values()
        if part.pids
    ]
    return [
        *rows,
        (
            "this demo, with what is in it",
            play.installed.first_prediction_seconds,
            (os.getpid(),),
        ),
    ]


def _megabytes(memory: Memory) -> Iterator[str]:
    return (f"{size / MEGABYTE:.0f} MB" for size in (memory.resident, memory.share))
