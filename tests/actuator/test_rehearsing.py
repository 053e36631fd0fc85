"""Actions that could never run are told at the start, not at the end of a long run."""

from __future__ import annotations

import time

import pytest

from crossfade.linting import lint
from crossfade.testing.documents import a_document
from crossfade_actuator import rehearsing
from crossfade_actuator.actions.patterns import matches
from crossfade_actuator.actions.port import TaskFailed


def found(actions, setting="process"):
    strategy = {"testingPattern": "A/B", "actions": actions}
    document = a_document(strategy=strategy)
    codes = ("action-unknown", "task-cannot-run", "actions-off")
    return [f for f in lint(document, rehearsing.rules(setting)) if f.code in codes]


@pytest.mark.parametrize(
    ("task", "told"),
    [
        ({"task": "common/ex"}, "task: found 'common/ex'; right is run, or one of common/bash"),
        ({"task": "common/exec", "with": {"args": []}}, "with.cmd: found None"),
        ({"task": "notification/slack", "with": {"channel": 7}}, "with.channel: found 7"),
        ({"run": "true", "with": {"onInterrupted": "x"}}, "with.onInterrupted: found 'x'"),
        ({"run": "true", "if": "CandidateWon("}, "if: 'CandidateWon(' cannot be read"),
        ({"run": "true", "if": "candidateWon()"}, "names candidateWon; right is one of"),
        ({"run": "true", "if": "Name =~ 'x'"}, "found =, which is no operator here"),
    ],
)
def test_a_task_that_could_never_run_is_found_with_its_place(task, told):
    (finding,) = found({"finish": [{"run": "true"}, task]})

    assert (finding.code, finding.level) == ("task-cannot-run", "error")
    assert finding.where == "spec.strategy.actions.finish[1]"
    assert told in finding.reason


def test_an_action_that_is_never_run_is_found():
    (finding,) = found({"finnish": [{"task": "nobody/knows"}], "finish": [{"run": "true"}]})

    assert finding.where == "spec.strategy.actions.finnish"
    assert finding.mend == "name it one of start, loop, finish, rollback"


def test_an_installation_that_runs_no_actions_says_so():
    tasks = {"finish": [{"run": "true"}], "loop": [{"run": "true"}]}
    (finding,) = found(tasks, "off")

    assert (
        finding.reason == "actions are switched off here: the run fails when it comes to loop"
    )
    assert found(tasks) == []
    assert found({}, "off") == []


@pytest.mark.parametrize(
    ("pattern", "text", "is_found"),
    [
        ("^iris-v[0-9]+$", "iris-v12", True),
        (r"^.*\)+\*\{$", "a))*{", True),
        ("[*+{)]+x?", "+x", True),
        ("(a|b)?c", "c", True),
        ("^b", "abc", False),
    ],
)
def test_a_pattern_is_looked_for_as_written(pattern, text, is_found):
    assert matches(text, pattern) is is_found


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "((a|aa))+$", "(a|a)*b", "(.*){9}x", "a*a*a*a*b", "a{0,99}" * 4, "("]
)
def test_a_pattern_that_might_be_tried_for_ever_is_refused_at_once(pattern):
    begun = time.monotonic()
    with pytest.raises(TaskFailed):
        matches("a" * 60, pattern)
    assert time.monotonic() - begun < 0.5


def test_the_worst_pattern_that_is_taken_is_soon_done():
    begun = time.monotonic()
    assert not matches("a" * 300, "^.*a.*a.*b")
    with pytest.raises(TaskFailed, match="at most 300"):
        matches("a" * 301, "x")
    assert time.monotonic() - begun < 5
