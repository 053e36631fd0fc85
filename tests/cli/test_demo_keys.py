"""How the demo, once it has ended, is told to go."""

import asyncio
import os
import pty
import signal
import termios

import pytest

from crossfade_cli import demo
from crossfade_lab.page import can_open


@pytest.fixture
def keyboard(monkeypatch):
    """What is pressed at the terminal that is now standard input."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs) as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        yield ours
    os.close(ours)


async def test_q_ends_it_and_other_keys_do_not(keyboard):
    before = termios.tcgetattr(keyboard)
    told = asyncio.ensure_future(demo._told_to_end("q"))
    await asyncio.sleep(0)
    os.write(keyboard, b"x")
    await asyncio.wait({told}, timeout=0.1)
    early = told.done()
    os.write(keyboard, b"q")
    await asyncio.wait_for(told, 5)

    assert not early
    assert termios.tcgetattr(keyboard) == before


async def test_ctrl_c_ends_it_without_being_a_failure(keyboard):
    told = asyncio.ensure_future(demo._told_to_end("q"))
    await asyncio.sleep(0)
    os.kill(os.getpid(), signal.SIGINT)

    await asyncio.wait_for(told, 5)


@pytest.mark.parametrize(
    ("environment", "platform", "opens"),
    [
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "darwin", True),
        ({}, "linux", False),
        ({"DISPLAY": ""}, "linux", False),
        ({"DISPLAY": ":0", "CI": "true"}, "linux", False),
        ({"CI": "1"}, "darwin", False),
    ],
)
def test_a_browser_opens_only_where_somebody_can_see_it(environment, platform, opens):
    assert can_open(environment, platform) is opens
