"""An edit of the criteria in the middle of a run: the run goes on, no evidence changes sides."""

from __future__ import annotations

import orjson
import pytest
from assured_builders import CONVERSION, ERRORS, World, a_provable

from crossfade_analyzer.policies.assured import AssuredPolicy
from crossfade_analyzer.policies.assured_beside import Evidenced
from crossfade_analyzer.policies.iter8 import Iter8Policy
from crossfade_analyzer.policies.port import written

LOOSER = {"metric": "error-rate", "upperLimit": "0.02"}
FEEDBACK = {"metric": "conversion-rate", "lowerLimit": "0.01"}


def judged(edited, through_json=True, policy=None, looks=9, at=6, **how):
    """The last judgement of a run whose document is another from look `at` on."""
    first, policy, memory = a_provable(**how), policy or AssuredPolicy(), {}
    world = World(first, c={"conversion": 0.11})
    for iteration in range(1, looks + 1):
        world.grow()
        document = first if iteration < at else edited
        found = policy.judge(document, memory, world.sample(iteration))
        memory = orjson.loads(written(found.memory)) if through_json else found.memory
        world.split = {"b": 50, "c": 50}
    return found


def seen(judgement, claim):
    return next(e["n"] for e in judgement.evidence if e["claim"].startswith(claim))


@pytest.mark.parametrize("through_json", [True, False])
def test_an_added_objective_costs_the_others_nothing(through_json):
    edited = a_provable(objectives=[FEEDBACK, ERRORS])
    plain = judged(a_provable(), through_json)
    after = judged(edited, through_json)

    assert {e["claim"] for e in after.evidence} > {e["claim"] for e in plain.evidence}
    for entry in plain.evidence:
        (same,) = [e for e in after.evidence if e["claim"] == entry["claim"]]
        assert same["n"] == entry["n"] > 5000


def test_for_an_edited_limit_only_what_comes_afterwards_counts():
    plain, after = judged(a_provable()), judged(a_provable(objectives=[LOOSER]))

    assert seen(after, "conversion") == seen(plain, "conversion")
    assert 3500 < seen(after, "error-rate") < 4500 < 7500 < seen(plain, "error-rate")


def test_a_removed_objective_and_a_longer_run_go_on_where_they_were():
    plain, after = judged(a_provable()), judged(a_provable(objectives=[], iterations=20))

    assert seen(after, "conversion") == seen(plain, "conversion")
    assert [e["claim"] for e in after.evidence] == ["conversion"]


def test_other_candidates_begin_with_nothing():
    after = judged(a_provable(candidates=("c", "d")), candidates=("c",))
    assert {e["candidate"] for e in after.evidence} == {"c", "d"}


def test_under_policy_iter8_an_edit_is_no_error(caplog):
    decision = {"policy": "iter8"}
    edited = a_provable(objectives=[FEEDBACK, ERRORS], decision=decision)
    after = judged(edited, policy=Evidenced(Iter8Policy()), decision=decision)

    assert seen(after, "conversion") > 5000
    assert "evidence failed" not in caplog.text


def test_the_reward_may_be_turned_round():
    turned = CONVERSION | {"preferredDirection": "Low"}
    after = judged(a_provable(reward=turned))
    assert 3500 < seen(after, "conversion") < 4500
