"""`watch` on a terminal: the picture at one moment; and leaving it."""

import asyncio
import io
import signal
import subprocess
import sys
from datetime import timedelta

from cli_builders import enrol
from rich.console import Console

from crossfade.telling import learn
from crossfade.testing.runs import START, IrisRun
from crossfade_cli.watching import view


def drawn(known, now):
    console = Console(width=100, file=io.StringIO(), force_terminal=False)
    console.print(view(known, now))
    return console.file.getvalue()


def after(upto):
    known = None
    for at, event in IrisRun().events(upto):
        known = learn(known, event, at)
    return known


def test_the_picture_shows_split_limits_reward_and_countdown():
    text = drawn(after(6), START + timedelta(seconds=63))
    assert "iteration 6 of 15" in text
    assert "next in 7 s" in text
    assert "◀ ahead" in text
    assert "mean latency" in text
    assert "★" in text
    assert "iris-v2 is ahead" in text


def test_the_picture_of_an_ended_run_says_how_it_ended():
    text = drawn(after(None), START + timedelta(seconds=200))
    assert "iris-v2 is promoted" in text
    assert "◀ ahead" not in text


def test_bars_fill_with_the_split():
    lines = drawn(after(6), START + timedelta(seconds=63)).splitlines()
    bars = {line.split()[0]: line.count("█") for line in lines if "█" in line}
    split = after(6).split
    assert bars == {version: round(40 * share / 100) for version, share in split.items()}


async def test_following_is_left_by_ctrl_c_without_a_traceback(talk):
    await enrol(talk, upto=1)
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "crossfade_cli.main",
        "events",
        "--follow",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        first = await asyncio.wait_for(child.stdout.readline(), 20)
        assert b"stage-change" in first
        child.send_signal(signal.SIGINT)
        _, errors = await asyncio.wait_for(child.communicate(), 20)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    assert child.returncode != 0
    assert b"Traceback" not in errors
