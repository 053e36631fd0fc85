"""The demo and the lab as people start them: processes of their own, from the command line."""

import asyncio
import contextlib
import fcntl
import os
import pty
import re
import signal
import sys
import termios
from pathlib import Path

import aiohttp
import pytest

CROSSFADE = (sys.executable, "-m", "crossfade_cli.main")


async def start(*arguments):
    return await asyncio.create_subprocess_exec(
        *CROSSFADE,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def finish(process, within_seconds=90):
    said, _ = await asyncio.wait_for(process.communicate(), within_seconds)
    return said.decode()


async def test_the_demo_says_one_sentence_a_look_and_shows_what_iter8ctl_would():
    demo = await start("demo", "--interval", "1", "--iterations", "4", "--figures")
    first = [await asyncio.wait_for(demo.stdout.readline(), 30) for _ in range(2)]
    page = re.fullmatch(
        r"Starting the small world …\nWatch it live: (http://127\.0\.0\.1:\d+)(/.*)\n",
        b"".join(first).decode(),
    )
    assert page, first
    async with aiohttp.ClientSession(page[1]) as session:
        async with session.get(page[2]) as answer:
            early = await answer.text()
        looks_shown = await asyncio.wait_for(the_looks(session, f"/api{page[2]}"), 60)
    said = await finish(demo)

    assert "default/quickstart-exp has not begun" in early
    assert looks_shown > 0
    assert "press" not in said.lower()  # nobody is there to press anything
    assert demo.returncode == 0, said
    looks = re.findall(
        r"^(\d)/4: iris-v2 earns .*, all limits held, (\d+) → (\d+) %$", said, re.MULTILINE
    )
    assert looks == [(str(n), str(10 * n - 10), str(10 * n)) for n in (1, 2, 3, 4)]
    sections = re.findall(r"^\*{6} (.*) \*{6}$", said, re.MULTILINE)
    assert sections == [
        "Overview",
        "Progress Summary",
        "Winner Assessment",
        "Reward Assessment",
        "Objective Assessment",
        "Metrics Assessment",
    ]
    assert "Experiment Completed" in said
    assert re.search(r"during 4 changes of the split, 0 lost\.", said)
    assert "Last 200 answers: 100 % from iris-v2" in said
    assert re.search(r"p50 \d+ ms, p99 \d{1,3} ms \(n = 4\)", said)
    together = re.search(r"^together +(\d+) MB", said, re.MULTILINE)
    assert int(together[1]) < 1000


async def the_looks(session, data):
    """Wait until the page's data tell of a look."""
    while True:
        async with session.get(data) as answer:
            view = (await answer.json()).get("view", {})
        if view.get("iteration"):
            return view["iteration"]
        await asyncio.sleep(0.1)


async def test_on_a_terminal_a_browser_opens_and_the_page_stays_until_ctrl_c(tmp_path):
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path}/opened\necho noise\n')
    browser.chmod(0o755)
    seen = {k: v for k, v in os.environ.items() if k != "CI"}
    seen |= {"DISPLAY": ":99", "BROWSER": f"{browser} %s", "TERM": "xterm", "COLUMNS": "120"}
    demo, terminal = await start_on_a_terminal(
        seen, "demo", "--interval", "1", "--iterations", "1"
    )
    said = await terminal.until("Press q or Ctrl-C to end.", 60)
    address = re.findall(r"http://127\.0\.0\.1:\d+/experiments/default/quickstart-exp", said)
    async with aiohttp.ClientSession() as session, session.get(address[-1]) as answer:
        shown = await answer.text()
    terminal.press(b"\x03")
    code = await asyncio.wait_for(demo.wait(), 20)

    assert code == 0, terminal.said
    assert "iris-v2 is promoted" in shown
    assert (tmp_path / "opened").read_text().split() == [address[0]]
    assert "noise" not in terminal.said


class Terminal:
    """The other side of a pseudo-terminal."""

    def __init__(self, side):
        self.side, self.said = side, ""
        os.set_blocking(side, False)

    def press(self, keys):
        os.write(self.side, keys)

    async def until(self, words, seconds):
        async with asyncio.timeout(seconds):
            while words not in self.said:
                with contextlib.suppress(BlockingIOError):
                    self.said += os.read(self.side, 65536).decode(errors="replace")
                await asyncio.sleep(0.02)
        return self.said


async def start_on_a_terminal(environment, *arguments):
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *CROSSFADE,
        *arguments,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        # A session of its own whose terminal this is: Ctrl-C becomes SIGINT, as at a desk.
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    return process, Terminal(ours)


async def test_nothing_of_the_lab_survives_a_kill():
    if sys.platform != "linux":
        pytest.skip("children die with their parent on Linux only")
    lab = await start("lab", "broker", "router", "metrics")
    said = ""
    while "Up until" not in said:
        line = await asyncio.wait_for(lab.stdout.readline(), 30)
        assert line, said
        said += line.decode()
    directory = re.search(r"\. (\S+)/settings\.sh", said)[1]
    left = [f"/proc/{child}" for child in children_of(lab.pid)] + [directory]
    assert sum(map(exists, left)) >= 4

    os.kill(lab.pid, signal.SIGKILL)
    await lab.wait()

    async with asyncio.timeout(5):
        while any(map(exists, left)):
            await asyncio.sleep(0.05)


def children_of(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def exists(path):
    """Whether a folder is there; where nobody collects orphans, the dead stay listed."""
    try:
        dead = Path(path, "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        dead = False
    return Path(path).exists() and not dead


async def test_an_unknown_part_is_named_with_those_there_are():
    lab = await start("lab", "brokr")

    said = await finish(lab)

    assert lab.returncode == 1
    assert said.splitlines() == [
        "part: found brokr; right is one or more of "
        "broker, cluster, router, promote, metrics, models, load, console"
    ]
