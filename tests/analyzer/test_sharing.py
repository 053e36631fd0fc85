"""`assess` by several processes says what one process says, to the last byte."""

from __future__ import annotations

import io
import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest
from assured_builders import RATE, World, a_provable

from crossfade.errors import Missing
from crossfade.settings import AnalyzerSettings
from crossfade_analyzer.policies.choice import policies
from crossfade_cli.assessing import MANY, filtered
from crossfade_cli.sharing import shared

RUNS = 20


@pytest.fixture(scope="module")
def batches():
    """Interleaved runs of one document, in batches of which the first is worth sharing."""
    world, lines = World(a_provable(reward=RATE), c={"conversion": 0.15}), []
    world.split = {"b": 60, "c": 40}
    for iteration in range(1, 16):
        world.grow()
        body = world.sample(iteration).to_json()
        lines += [orjson.dumps(body | {"uid": f"run-{i}"}) for i in range(RUNS)]
    return [lines[:MANY], [], lines[MANY:-5], lines[-5:]]


def said(batches, jobs):
    out = io.BytesIO()
    code = filtered(a_provable(reward=RATE), policies(AnalyzerSettings()), batches, out, jobs)
    return code, out.getvalue().splitlines()


def test_processes_that_share_a_log_say_what_one_says(batches):
    code, lines = said(batches, 1)
    assert said(batches, 3) == (code, lines)
    assert code == 0
    last = [orjson.loads(line) for line in lines[-RUNS:]]
    assert {(a["iteration"], a["verdict"]) for a in last} == {(15, "promote")}
    assert [a["uid"] for a in last] == [f"run-{i}" for i in range(RUNS)]


def test_the_first_line_that_is_no_sample_ends_it_wherever_it_is_answered(batches, capsys):
    broken = [*batches[:2], [*batches[2][:7], b"{}", b'{"uid": 3}', *batches[2][7:]]]
    code, lines = said(broken, 2)
    told = capsys.readouterr().err
    assert (code, len(lines)) == (2, MANY + 7)
    assert told.startswith(f"line {MANY + 8}: metric-sample.uid: Field required")
    assert said(broken, 1) == (code, lines)
    assert capsys.readouterr().err == told


def test_a_process_that_is_ended_from_outside_ends_the_work(capfd):
    def answering(line):
        return os._exit(9) if line == b"end" else line

    answers = shared([[b"one", b"two"], [b"end"], [b"three"]], answering, 2)
    assert next(answers) == [b"one", b"two"]
    working = multiprocessing.active_children()
    with pytest.raises(Missing, match="ended from outside"):
        next(answers)
    del answers
    for process in working:
        process.join(10.0)
    assert sorted(process.exitcode for process in working) == [0, 9]
    assert capfd.readouterr().err == ""


KILLED = """
import multiprocessing, os
from crossfade_cli.sharing import shared
work = shared([[b"one", b"two"]], bytes.upper, 3)
next(work)
print(*(child.pid for child in multiprocessing.active_children()), flush=True)
os.kill(os.getpid(), 9)
"""


def test_nobody_is_left_when_the_first_process_is_killed():
    command = [sys.executable, "-c", KILLED]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False, timeout=30)
    left = {int(pid) for pid in done.stdout.split()}
    assert len(left) == 3
    until = time.monotonic() + 10.0
    while left and time.monotonic() < until:
        left = {pid for pid in left if _runs(pid)}
    assert not left


def _runs(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
