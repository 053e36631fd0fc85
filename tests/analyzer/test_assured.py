"""Policy `assured`: what it promotes, rolls back, and honestly does not know."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest
from assured_builders import CONVERSION, ERRORS, World, a_provable, played

from crossfade.domain.splits import is_split
from crossfade.settings import AnalyzerSettings
from crossfade.testing.documents import a_document, a_sample
from crossfade_analyzer.policies.assured import AssuredPolicy
from crossfade_analyzer.policies.assured_beside import Evidenced
from crossfade_analyzer.policies.choice import policies
from crossfade_analyzer.policies.iter8 import Iter8Policy
from crossfade_analyzer.policies.port import written
from crossfade_analyzer.service import assess

GOOD = {"c": {"conversion": 0.15}}


def run(document=None, looks=None, silent=lambda iteration: (), change=None, **world):
    document = document or a_provable()
    return played(AssuredPolicy(), World(document, **world), looks, silent, change)


def codes(judgement):
    return [reason.code for reason in judgement.reasons]


def test_a_candidate_that_is_half_as_good_again_is_promoted():
    last = run(**GOOD)[-1]
    assert (last.verdict, last.winner, last.recommended, last.final) == (
        "promote",
        "c",
        "c",
        True,
    )
    assert all(entry["proved"] for entry in last.evidence)
    assert "proved" in last.reasons[0].text


def test_equal_versions_end_inconclusive_with_the_baseline_kept():
    lasts = [run(seed=seed, requests=300)[-1] for seed in range(20)]
    promoted = sum(last.verdict == "promote" for last in lasts)
    assert promoted <= 3  # α = 0.05: more than 3 of 20 has a chance below 2 %
    for last in lasts:
        if last.verdict != "promote":
            assert last.verdict == "inconclusive"
            assert (last.recommended, last.winner) == ("b", None)
            assert last.split == {"b": 100, "c": 0}


def test_a_candidate_that_breaks_its_objective_is_rolled_back_at_once():
    judgements = run(c={"conversion": 0.2, "errors": 0.08})
    last = judgements[-1]
    assert (last.verdict, last.recommended, last.final) == ("rollback", "b", True)
    assert last.split == {"b": 100, "c": 0}
    assert len(judgements) < 8
    assert "rejected" in codes(last)


def test_every_split_sums_to_a_hundred_and_keeps_the_caps():
    weights = {"weights": {"maxCandidateWeight": 35, "maxCandidateWeightIncrement": 7}}
    document = a_provable(strategy=weights, candidates=("c", "d"))
    old = {"c": 0, "d": 0}
    for judgement in run(document, requests=900, c={"conversion": 0.13}):
        assert is_split(judgement.split)
        for name in ("c", "d"):
            assert judgement.split[name] <= min(35, old[name] + 7)
        old = judgement.split


def test_a_repeated_sample_changes_nothing():
    document, policy = a_provable(), AssuredPolicy()
    world = World(document, **GOOD)
    world.grow()
    sample = world.sample(1)
    first = policy.judge(document, {}, sample)
    again = policy.judge(document, first.memory, sample)
    assert again == first


def test_a_resumed_run_says_the_same_to_the_bit():
    kept = [played(AssuredPolicy(), World(a_provable(), **GOOD)) for _ in range(2)]
    assert kept[0] == kept[1]
    document, memory = a_provable(), {}
    world, policy = World(document, **GOOD), AssuredPolicy()
    for iteration, judged in enumerate(kept[0], start=1):
        world.grow()
        mine = policy.judge(document, memory, world.sample(iteration))
        memory = mine.memory  # never through JSON, where `played` always was
        assert written(mine.memory) == written(judged.memory)
        assert replace(mine, memory={}) == replace(judged, memory={})
        world.split = mine.split


def test_what_cannot_be_proved_keeps_a_winner_from_being_promoted_and_is_named():
    document = a_provable((ERRORS, {"metric": "plain", "upperLimit": "5"}))
    last = run(document, **GOOD)[-1]
    assert (last.verdict, last.winner) == ("inconclusive", None)
    said = next(reason.text for reason in last.reasons if reason.code == "not-provable")
    assert "plain ≤ 5" in said
    assert "distribution" in said
    assert not any("wins" in reason.text for reason in last.reasons)


def test_a_watched_objective_only_has_to_be_kept():
    watched = {"metric": "plain", "upperLimit": "5", "burden": "monitor"}
    assert run(a_provable((ERRORS, watched)), **GOOD)[-1].verdict == "promote"
    broken = run(a_provable((ERRORS, watched | {"upperLimit": "0.5"})), **GOOD)[-1]
    assert (broken.verdict, codes(broken)[-1]) == ("inconclusive", "objective-missed")


def test_a_watched_value_that_was_never_read_is_no_kept_one():
    watched = {"metric": "plain", "upperLimit": "5", "burden": "monitor"}
    last = run(a_provable((ERRORS, watched)), silent=lambda _: ("plain",), **GOOD)[-1]
    assert (last.verdict, codes(last)[-1]) == ("inconclusive", "not-known")


def test_monitored_objectives_leave_the_proof_to_the_reward():
    watched = ERRORS | {"burden": "monitor"}
    strict = run(a_provable((ERRORS | {"upperLimit": "0.004"},)), requests=1200, **GOOD)[-1]
    loose = run(a_provable((watched | {"upperLimit": "0.004"},)), requests=1200, **GOOD)[-1]
    assert strict.verdict != "promote"
    assert loose.verdict == "promote"


def test_the_least_effect_has_to_be_exceeded():
    reward = CONVERSION | {"minEffect": "0.08"}
    assert run(a_provable(reward=reward), **GOOD)[-1].verdict == "inconclusive"
    assert run(a_provable(reward=CONVERSION | {"minEffect": "0.02"}), **GOOD)[-1].winner == "c"


def test_a_little_worse_is_good_enough_where_the_author_says_so():
    reward = CONVERSION | {"minEffect": "-0.03"}
    assert run(a_provable(reward=reward), requests=6000)[-1].verdict == "promote"


def test_an_objective_against_the_baseline_is_a_comparison():
    relative = {"metric": "error-rate", "relativeTo": "baseline", "margin": "0.01"}
    document = a_provable((relative,))
    assert run(document, requests=4000, **GOOD)[-1].verdict == "promote"
    worse = run(document, requests=4000, c={"conversion": 0.15, "errors": 0.03})[-1]
    assert worse.verdict != "promote"


def test_a_low_reward_and_a_lower_limit_point_the_other_way():
    fewer = {"metric": "conversion", "preferredDirection": "Low"}
    at_least = {"metric": "conversion", "lowerLimit": "0.05"}
    document = a_provable((at_least,), fewer, iterations=15)
    assert run(document, c={"conversion": 0.07})[-1].winner == "c"
    assert run(document, c={"conversion": 0.03})[-1].verdict != "promote"


def test_the_best_of_several_is_promoted():
    document = a_provable(candidates=("c", "d"))
    truth = {"c": {"conversion": 0.12}, "d": {"conversion": 0.2}}
    last = run(document, requests=4000, **truth)[-1]
    assert last.winner == "d"
    assert {entry["candidate"] for entry in last.evidence} == {"c", "d"}


def test_an_early_stop_is_only_taken_where_it_is_allowed():
    truth = {"c": {"conversion": 0.3}}
    early = run(a_provable(decision={"earlyStop": True}), requests=6000, **truth)
    assert (early[-1].verdict, early[-1].final) == ("promote", True)
    assert len(early) < 15 == len(run(requests=6000, **truth))


def test_a_proof_has_to_outlive_the_soak():
    def collapses(world, iteration):
        if iteration == 10:
            world.truth["c"]["errors"] = 0.2

    soaked = a_provable(decision={"soak": 6})
    assert run(soaked, **GOOD)[-1].verdict == "promote"
    assert run(soaked, change=collapses, **GOOD)[-1].verdict == "rollback"


def test_a_baseline_that_breaks_its_own_objective_need_not_be_outearned():
    last = run(requests=4000, b={"errors": 0.06}, c={"conversion": 0.1})[-1]
    assert last.winner == "c"
    assert "baseline-violates" in codes(last)


def test_silence_holds_the_split_and_says_so():
    judgements = run(silent=lambda i: ("b", "c") if 6 <= i <= 9 else (), **GOOD)
    eighth = judgements[7]
    assert eighth.verdict == "no-data"
    assert not eighth.final
    assert eighth.split == judgements[6].split
    assert judgements[9].verdict == "continue"
    assert judgements[-1].verdict == "promote"


def test_silence_rolls_back_where_the_author_asks_for_it():
    decision = {"onNoData": {"action": "rollback", "after": 2}}

    def silent(i):
        return ("b", "c") if i > 4 else ()

    judgements = run(a_provable(decision=decision), silent=silent, **GOOD)
    assert len(judgements) == 6
    assert (judgements[-1].verdict, codes(judgements[-1])[-1]) == (
        "rollback",
        "no-data-rollback",
    )
    assert judgements[-1].split == {"b": 100, "c": 0}


def test_a_run_without_a_single_value_ends_as_no_data():
    last = run(silent=lambda _: ("b", "c"))[-1]
    assert (last.verdict, last.recommended, last.final) == ("no-data", "b", True)
    assert last.split == {"b": 100, "c": 0}
    assert last.reasons[-1].text.endswith("iterations: nothing is promoted")


def test_a_canary_is_promoted_once_its_objectives_are_proved():
    document = a_provable((ERRORS, {"metric": "p95", "upperLimit": "500"}), None)
    assert run(document, requests=6000)[-1].winner == "c"
    slow = run(document, requests=6000, c={"ms": 200})[-1]
    assert slow.verdict != "promote"


def test_a_budget_that_is_exceeded_rejects():
    document = a_provable((ERRORS, {"metric": "errors", "upperLimit": "3"}))
    assert run(document, **GOOD)[-1].verdict == "rollback"


def test_a_watched_objective_rolls_back_at_once_where_the_author_asks_for_it():
    watched = {"metric": "plain", "upperLimit": "0.5", "burden": "monitor"}
    broken = run(a_provable((ERRORS, watched | {"rollback_on_failure": True})), **GOOD)
    assert len(broken) == 1
    assert (broken[-1].verdict, codes(broken[-1])[-1]) == ("rollback", "rollback-on-failure")
    unasked = run(a_provable((ERRORS, watched)), looks=3, **GOOD)
    assert unasked[-1].verdict == "continue"


def test_a_conformance_proves_the_baseline_alone():
    document = a_provable(reward=None, candidates=(), pattern="Conformance")
    judgements = run(document, requests=500)
    assert (judgements[-1].winner, judgements[-1].verdict) == ("b", "promote")
    assert all(judgement.split == {} for judgement in judgements)
    assert run(document, requests=500, errors=0.05)[-1].verdict == "rollback"


def test_a_fixed_split_stays_as_it_is():
    document = a_provable(strategy={"deploymentPattern": "FixedSplit"})
    world = World(document, **GOOD)
    world.split = {"b": 50, "c": 50}
    judgements = played(AssuredPolicy(), world)
    assert {tuple(j.split.values()) for j in judgements} == {(50, 50)}
    assert judgements[-1].winner == "c"


def test_nothing_asked_is_nothing_promoted():
    document = a_provable((), None)
    last = AssuredPolicy().judge(document, {}, World(document).sample(15))
    assert (last.verdict, last.final, codes(last)) == (
        "inconclusive",
        True,
        ["nothing-to-prove"],
    )


def test_the_analysis_keeps_its_form_for_kubectl_and_iter8ctl():
    last = run(**GOOD)[-1]
    assert set(last.analysis) == {
        "aggregatedMetrics",
        "versionAssessments",
        "winnerAssessment",
        "weights",
    }
    assert last.analysis["winnerAssessment"]["data"] == {"winnerFound": True, "winner": "c"}
    running = run(looks=3, **GOOD)[-1]
    assert running.analysis["winnerAssessment"]["data"] == {"winnerFound": False}


def test_evidence_is_json_and_says_what_a_page_needs():
    for entry in run(looks=3, **GOOD)[-1].evidence:
        assert orjson.loads(orjson.dumps(entry)) == entry
        assert {
            "candidate",
            "claim",
            "metric",
            "estimate",
            "low",
            "high",
            "n",
            "nMore",
            "pp",
            "chanceLeft",
            "proved",
            "violated",
            "pBest",
        } <= set(entry)


def test_iter8_decides_alike_with_evidence_beside_it():
    document = a_provable(decision={"policy": "iter8"})
    world, memory = World(document, **GOOD), {}
    plain, shown = Iter8Policy(), Evidenced(Iter8Policy())
    for iteration in range(1, 16):
        world.grow()
        sample = world.sample(iteration)
        one, other = plain.judge(document, {}, sample), shown.judge(document, memory, sample)
        assert replace(other, evidence=(), memory={}) == one
        assert len(other.evidence) == 2
        memory, world.split = orjson.loads(written(other.memory)), other.split
    assert other.evidence[0]["claim"] == "conversion"
    assert other.evidence[0]["n"] > 1000


def test_a_failing_engine_costs_no_verdict(caplog):
    document = a_document()
    sample = a_sample(
        lat={"b": 1.0, "c": 1.0}, ue={"b": 1.0, "c": 2.0}, split={"b": 60, "c": 40}
    )
    broken = {"evidence": {"iteration": "seven"}}
    judged = Evidenced(Iter8Policy()).judge(document, broken, sample)
    assert judged == Iter8Policy().judge(document, {}, sample)
    assert "evidence failed" in caplog.text


def test_the_seed_under_iter8_needs_no_evidence_to_be_judged():
    document = a_document()
    sample = a_sample(
        lat={"b": 1.0, "c": 1.0}, ue={"b": 1.0, "c": 2.0}, split={"b": 60, "c": 40}
    )
    judged = Evidenced(Iter8Policy()).judge(document, {}, sample)
    assert judged.winner == "c"
    assert [entry["lacks"] for entry in judged.evidence] == ["distribution", "distribution"]


@pytest.mark.parametrize(
    ("unsaid", "decision", "memory"),
    [("iter8", None, "iter8"), ("assured", None, "assured"), ("assured", "iter8", "iter8")],
)
def test_an_installation_chooses_what_a_document_leaves_unsaid(unsaid, decision, memory):
    spec = {"decision": {"policy": decision}} if decision else {}
    document = a_document(**spec)
    sample = a_sample(
        lat={"b": 1.0, "c": 1.0}, ue={"b": 1.0, "c": 2.0}, split={"b": 60, "c": 40}
    )
    chosen = policies(AnalyzerSettings(default_policy=unsaid))
    assessment, _ = assess(chosen, document, {}, sample)
    assert (assessment.winner == "c") == (memory == "iter8")
    assert assessment.policy == memory


def test_what_is_remembered_is_the_engines_own_json():
    document = a_provable(({"metric": "latency", "upperLimit": "250"}, ERRORS))
    world, steps = World(document, **GOOD), AssuredPolicy().steps
    world.split, memory = {"b": 60, "c": 40}, {}
    for iteration in range(1, 5):
        world.grow()
        step = steps.take(document, memory, world.sample(iteration))
        memory = orjson.loads(written(step.memory))
        assert memory["evidence"] == orjson.loads(orjson.dumps(step.evidence.to_json()))
