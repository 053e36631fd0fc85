"""A reward that is only described: nothing is shown as evidence that is none."""

from crossfade.telling import Known
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
