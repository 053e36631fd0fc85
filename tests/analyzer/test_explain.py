"""Explain: what could be proved, with how much, in how long, and what is missing."""

from __future__ import annotations

import pytest
from assured_builders import ERRORS, World, a_provable, played
from test_mapping import an_example

from crossfade_analyzer.explain import FARTHEST, explain
from crossfade_analyzer.policies.assured import AssuredPolicy


def of(document, claim, **how):
    return next(e for e in explain(document, **how) if e.claim == claim)


def test_a_share_without_a_failure_needs_the_flawless_count():
    needs = of(a_provable(), "error-rate").needs
    assert 299 <= needs[0].requests <= 330
    assert [n.requests for n in needs] == sorted(n.requests for n in needs)
    assert needs[0].iterations is None


def test_a_lift_takes_more_the_smaller_it_is():
    half, fifth, twentieth = of(a_provable(), "conversion").needs
    assert half.requests == pytest.approx(570, rel=0.1)
    assert fifth.requests == pytest.approx(3200, rel=0.1)
    assert twentieth.requests == pytest.approx(47500, rel=0.1)


def test_a_rate_turns_requests_into_iterations():
    slow, fast = (
        of(a_provable(), "error-rate", rate=1.0),
        of(a_provable(), "error-rate", rate=100.0),
    )
    assert slow.needs[0].iterations > fast.needs[0].iterations
    assert not slow.needs[-1].within
    assert fast.needs[0].within
    assert "more than planned" in slow.needs[-1].sentence(10)
    assert of(a_provable(), "error-rate", rate=1e-9).needs[0].iterations == FARTHEST


def test_the_forecast_holds_in_a_run():
    document = a_provable((ERRORS,), None, iterations=15)
    need = of(document, "error-rate", rate=40.0).needs[0]
    lasts = [
        played(AssuredPolicy(), World(document, requests=400, errors=0.0, seed=seed))
        for seed in range(3)
    ]
    for judgements in lasts:
        reached = next(
            i for i, j in enumerate(judgements, 1) if j.evidence[0]["n"] >= need.requests
        )
        assert abs(reached - need.iterations) <= 2


def test_what_cannot_be_proved_names_its_field():
    found = {e.claim: e for e in explain(an_example("iris-separate"))}
    assert {e.field for e in found.values()} == {"distribution"}
    assert not any(e.needs for e in found.values())
    corrected = {e.claim: e for e in explain(an_example("iris-separate", "-corrected"), 25.0)}
    assert corrected["error-rate"].provable
    assert corrected["error-rate"].proves == "error-rate ≤ 0.01"
    assert corrected["user-engagement"].needs[0].unit == "events"


def test_budgets_and_watched_values_say_what_they_are():
    document = a_provable(
        (
            {"metric": "errors", "upperLimit": "50"},
            {"metric": "plain", "upperLimit": "5", "burden": "monitor"},
            {"metric": "error-rate", "upperLimit": "0.01", "burden": "monitor"},
        )
    )
    assert "nothing to prove" in of(document, "errors").proves
    assert of(document, "plain").proves == "watched only"
    assert of(document, "error-rate").proves.endswith("is not violated")


def test_a_conformance_gives_its_only_version_everything():
    document = a_provable(reward=None, candidates=(), pattern="Conformance")
    assert of(document, "error-rate", rate=10.0).needs[0].iterations == 4


def test_a_reward_says_which_difference_a_run_as_planned_would_show():
    few, many = (of(a_provable(), "conversion", rate=r).smallest for r in (10.0, 1000.0))
    assert many == pytest.approx(few / 10.0, rel=0.1)
    assert of(a_provable(), "error-rate", rate=10.0).smallest is None
    assert of(a_provable(), "conversion").smallest is None
