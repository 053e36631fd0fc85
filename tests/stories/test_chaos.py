"""A short night: runs go on to their right ends while everything about them is killed."""

import asyncio
import random
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import chaos_checks
from chaos import Chaos, report
from chaos_checks import Evidence, Line, judge
from chaos_monkey import Monkey
from chaos_runs import cast

from crossfade.events import ActionOutcome, Assessment, StageChange, WeightChange

SECONDS = 8.0
STARTING_SECONDS = 60.0


async def test_runs_survive_a_monkey(tmp_path, capsys):
    chaos = Chaos(tmp_path, 4, SECONDS, seed=7)
    # Nearer than its own bound nothing is late yet.
    bound = STARTING_SECONDS + SECONDS + chaos.bound_seconds()
    verdict, monkey = await asyncio.wait_for(chaos.run(), bound)
    report(chaos, verdict, monkey)

    assert verdict.violations == []
    assert len(monkey.kills) >= 2
    assert verdict.counts["splits sum to 100"] > 4
    assert verdict.counts["ends told once"] >= 4


def a_stage(stage, **more):
    return StageChange(uid="u", stage=stage, reason="StageAdvanced", **more)


END = a_stage("Completed", outcome="rolled-back")
COURSE = [a_stage("Waiting"), a_stage("Initializing"), a_stage("Running"), END]


def a_share(observed, **more):
    return WeightChange(uid="u", iteration=1, observed=observed, **more)


def an_assessment(verdict):
    return Assessment(uid="u", iteration=1, split={}, recommended="v1", verdict=verdict)


def an_outcome(task, attempt=1):
    return ActionOutcome(uid="u", action="finish", task=task, attempt=attempt, ok=True)


def a_night(tmp_path, events, *, tasks="", told=("rolled-back",), **more):
    """What a night of one run left; `tasks` is what its first finish task noted."""
    (one,) = cast(random.Random(1), 1, tmp_path)
    one.file(0, "finish", 0).write_text(tasks)
    monkey = Monkey(random.Random(1), None, None, [], None, [one], made={"u": (0, one)})
    lines = [Line(n, float(n), e.id, e.body(), e) for n, e in enumerate(events, 1)]
    left = {
        "keys": ["u.state"],
        "queues": {"target.x": []},
        "rules": {one.rule: (100, 0)},
        "observed": {"u": {"v1": 100, "v2": 0}},
        "told": [("u", topic, 9.0 + n) for n, topic in enumerate(told)],
    }
    return Evidence(lines, monkey=monkey, **(left | more))


def test_a_good_night_violates_nothing(tmp_path):
    assert judge(a_night(tmp_path, COURSE)).violations == []


@pytest.mark.parametrize(
    ("violated", "events", "more"),
    [
        ("splits sum to 100", [*COURSE[:3], a_share({"v1": 60, "v2": 30}), END], {}),
        ("stages follow the table", [COURSE[0], COURSE[2], END], {}),
        ("nothing after the end", [*COURSE, a_share({"v1": 100, "v2": 0})], {}),
        ("every run ends", COURSE[:3], {}),
        (
            "one id, one content",
            [
                *COURSE[:3],
                an_assessment("continue"),
                an_assessment("promote"),
                END,
            ],
            {},
        ),
        ("tasks succeed once", COURSE, {"tasks": "begin 1 1\nend 1 2\nbegin 2 3\nend 2 4\n"}),
        ("tasks run alone", COURSE, {"tasks": "begin 1 1\nbegin 2 2\nend 1 3\nend 2 4\n"}),
        ("baselines got all back", COURSE, {"observed": {"u": {"v1": 90, "v2": 10}}}),
        (
            "promoted finished once",
            [*COURSE[:3], an_outcome(0), a_stage("Completed", outcome="promoted")],
            {},
        ),
        ("nothing left in buckets", COURSE, {"keys": ["open.u"]}),
        ("nothing left in buckets", COURSE, {"queues": {"target.x": ["u"]}}),
        ("ends told once", COURSE, {"told": ()}),
        ("ends told once", COURSE, {"told": ("rolled-back", "rolled-back")}),
        ("statuses show the end", COURSE, {"statuses": {"run-0": "Running"}}),
        ("services bounded", COURSE, {"megabytes": {"actuator": 900.0}}),
        ("services bounded", COURSE, {"given_up": ["actuator"]}),
    ],
)
def test_each_invariant_can_be_violated(tmp_path, violated, events, more):
    found = judge(a_night(tmp_path, events, **more)).violations
    assert violated in chaos_checks.INVARIANTS
    assert [text for text in found if text.startswith(f"{violated}: ")]


def test_two_runs_of_one_start_that_was_asked_twice_are_not_one_that_ran_twice(tmp_path):
    twice = "begin 1 1\nend 1 2\nbegin 1 3\nend 1 4\n"
    night = a_night(tmp_path, COURSE, tasks=twice)
    night.monkey.unanswered.add(0)
    assert any("began twice" in text for text in judge(night).violations)

    (one,) = night.monkey.cast
    other = StageChange(uid="v", stage="Waiting", reason="StageAdvanced").about("ns", one.name)
    named = COURSE[0].about("ns", one.name)
    night.lines += [
        Line(n, float(n), e.id, e.body(), e) for n, e in enumerate((named, other), 90)
    ]
    assert not any("began twice" in text for text in judge(night).violations)
