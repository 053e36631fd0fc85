"""Nothing is told as evidence, or as a count of requests, that is none."""

from datetime import UTC, datetime

import pytest

from crossfade.events import MetricSample, Reading
from crossfade.telling import Known, learn
from crossfade.telling.objectives import chances
from crossfade_console.histories import reward_intervals

REWARD = {
    "candidate": "new",
    "claim": "engagement",
    "metric": "shop/engagement",
    "role": "reward",
    "kind": "descriptive",
    "pBest": 0.5,
    "estimate": 9.99,
}
LIMIT = {
    "candidate": "new",
    "claim": "error-rate",
    "metric": "shop/error-rate",
    "role": "objective",
    "kind": "bernoulli",
    "pBest": 0.5,
}


def known(*evidence, reward="shop/engagement"):
    return Known(uid="u", versions=("old", "new"), reward=reward, evidence=evidence)


def test_even_chances_that_nothing_was_learnt_for_are_not_told():
    assert chances(known(REWARD, LIMIT)) == {}


def test_computed_chances_are_told():
    computed = {"pBest": 0.97}

    assert chances(known(REWARD | computed | {"kind": "poisson"}, LIMIT | computed)) == {
        "new": 0.97
    }
    assert chances(known(LIMIT | computed, reward="")) == {"new": 0.97}


def test_a_value_is_not_taken_for_a_difference():
    paired = REWARD | {"kind": "poisson", "estimate": 3.1, "low": 1.0, "high": 5.2}

    assert reward_intervals(known(REWARD)) == {}
    assert reward_intervals(known(paired)) == {"new": [3.1, 1.0, 5.2]}


@pytest.mark.parametrize(
    ("counts", "counting"),
    [({"old": 12.0, "new": 3.4}, True), ({"old": 0.0, "new": 0.0}, True), ({}, True),
     ({"old": 0.009, "new": 0.027}, False)],
)  # fmt: skip
def test_what_cannot_be_a_count_of_requests_is_not_told_as_one(counts, counting):
    at = datetime(2026, 1, 1, tzinfo=UTC)
    readings = [Reading(version=v, metric="shop/count", value=n) for v, n in counts.items()]
    split = {"old": 50, "new": 50}
    of = {"iteration": 1, "of": 9, "at": at, "elapsedSeconds": 10}
    event = MetricSample(uid="u", split=split, readings=readings, **of)
    before = known().model_copy(update={"counter": "shop/count", "requests": "shop/count"})

    after = learn(before, event, at)

    assert bool(after.requests) is counting
    assert after.counter == "shop/count"
