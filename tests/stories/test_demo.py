"""The demo and the lab as people start them: processes of their own, from the command line."""

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

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

    said = await finish(demo)

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
        "broker, cluster, router, promote, metrics, models, load"
    ]
