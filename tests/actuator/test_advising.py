"""A start is told what lint found; nothing is refused for it, whatever happens inside."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from tests.actuator.stands import Stand, a_start

from crossfade.linting import RULES, Finding
from crossfade.resources import admit
from crossfade.resources.yaml import load_documents
from crossfade_actuator.advising import LONGEST, MOST, advised
from crossfade_analyzer.provability import rules

EXAMPLES = Path(__file__).parents[2] / "deploy/examples/iris-separate"


def the_seeds(*files):
    """The body of a start from the seed's own documents."""
    found = [d for name in files for d in load_documents((EXAMPLES / name).read_text())]
    experiment = next(d for d in found if d["kind"] == "Experiment")
    return {"experiment": experiment, "metrics": [d for d in found if d["kind"] == "Metric"]}


def with_rules(*rules):
    """A stand whose actuator lints by these rules."""
    stand = Stand()
    admission = replace(stand.actuator.admission, rules=rules)
    stand.actuator = replace(stand.actuator, admission=admission)
    return stand


async def test_the_seeds_mistakes_are_warnings_of_its_start_and_it_runs():
    answer = await Stand().actuator.ask_start(
        orjson.dumps(the_seeds("experiment.yaml", "metrics.yaml"))
    )
    assert answer["accepted"]
    assert answer["errors"] == []
    told = "\n".join(answer["warnings"])
    for code in ("sum-for-count", "unit-mismatch", "limit-never-binds", "grpc-ok-as-error"):
        assert f"[{code}] → " in told
    assert "short-window" not in told  # a note, which lint tells
    assert orjson.loads(orjson.dumps(answer)) == answer


async def test_the_worst_comes_first_and_what_was_pruned_stays():
    body = the_seeds("experiment.yaml", "metrics.yaml")
    body["experiment"]["spec"]["odd"] = 1
    first, second, *_ = advised(admit(body)).warnings
    assert first.startswith("spec.odd: ")
    assert "[sum-for-count]" in second


async def test_a_start_that_asks_for_no_proof_is_not_told_of_what_cannot_be_proved():
    body = the_seeds("experiment.yaml", "metrics.yaml")
    quiet = advised(admit(body), rules()).warnings
    assert not any("not-provable" in warning for warning in quiet)
    assert any(
        "not-provable" in warning for warning in advised(admit(body), rules("assured")).warnings
    )
    body["experiment"]["spec"]["decision"] = {}
    assert any(
        "no candidate can be promoted" in warning
        for warning in advised(admit(body), rules()).warnings
    )


async def test_a_second_start_of_the_same_is_told_the_same():
    stand = with_rules(lambda document: [a_finding()])
    first = await stand.actuator.ask_start(a_start())
    await stand.obeyed()
    assert await stand.actuator.ask_start(a_start()) == first
    assert first["warnings"] == ["spec: odd [odd] → mend it"]


@pytest.mark.parametrize(
    "fault", [KeyError("x"), RecursionError(), ValueError("…"), TypeError()]
)
async def test_a_lint_that_breaks_refuses_nothing_and_is_told_and_logged(fault, caplog):
    def broken(document):
        raise fault

    stand = with_rules(broken, *RULES)
    with caplog.at_level(logging.ERROR):
        answer = await stand.actuator.ask_start(a_start())
        uid = await stand.obeyed()
    assert answer["accepted"]
    assert (await stand.state(uid)).uid == uid
    assert f"the rule broken failed here: {type(fault).__name__}" in answer["warnings"][0]
    assert "lint failed" in caplog.text


async def test_an_answer_stays_small_enough_for_a_message():
    stand = with_rules(lambda document: [a_finding(f"{i}" * 5000) for i in range(100, 900)])
    answer = await stand.actuator.ask_start(a_start())
    assert len(answer["warnings"]) == MOST + 1
    assert answer["warnings"][-1] == "and 780 more; `crossfade lint` lists them all"
    assert max(map(len, answer["warnings"])) == LONGEST


async def test_warnings_are_no_part_of_what_is_kept():
    document = advised(admit(the_seeds("experiment.yaml", "metrics.yaml")))
    assert document.warnings
    assert "warnings" not in document.to_json()
    assert document.asks_the_same(admit(the_seeds("experiment.yaml", "metrics.yaml")))


def a_finding(reason="odd"):
    return Finding("odd", "warning", "spec", reason, "mend it")


async def test_what_nobody_is_answered_stands_in_the_log(caplog):
    stand = with_rules(lambda document: [a_finding()])
    await stand.actuator.ask_start(a_start())
    assert "started with warnings" not in caplog.text
    await stand.obeyed()
    (line,) = [found for found in caplog.records if found.msg == "started with warnings"]
    assert line.told == ("spec: odd [odd] → mend it",)
