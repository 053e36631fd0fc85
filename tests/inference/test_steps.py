"""A run step by step: what is concluded, what is said, and what a hole or a repeat changes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import orjson
import pytest
from inference_builders import CONVERSION, ERRORS, MEAN, P95, World, a_look, a_plan, steady

from crossfade.errors import Malformed
from crossfade_analyzer.inference import Claim, Evidence, opening, step

GOOD = {"b": {"conv": 0.10, "err": 0.003}, "c": {"conv": 0.14, "err": 0.003}}


def codes(findings):
    return [code for code, _ in findings.reasons]


def text(findings):
    return " / ".join(sentence for _, sentence in findings.reasons)


def test_a_better_candidate_wins_at_the_planned_end_and_not_before():
    plan = a_plan()
    evidence, findings = steady(plan, GOOD, looks=14)
    assert findings.verdict == "continue"
    assert findings.candidates[0].verdict == "leading"
    _, findings = steady(plan, GOOD, evidence=evidence, start=15)
    assert (findings.verdict, findings.winner, findings.final) == ("promote", "c", True)
    assert "conversion above the baseline proved: 0.14 against 0.1 (+40.0 %)" in text(findings)


def test_an_equal_candidate_keeps_the_baseline_and_says_why():
    plan = a_plan(futility=0.0)
    rates = {"b": {"conv": 0.10, "err": 0.0}, "c": {"conv": 0.10, "err": 0.0}}
    _, findings = steady(plan, rates)
    assert (findings.verdict, findings.winner) == ("inconclusive", None)
    assert "conversion above the baseline not proved for c" in text(findings)


def test_too_few_clean_requests_are_counted_in_plain_words():
    plan = a_plan(ERRORS, futility=0.0, iterations=14)
    found = Evidence.fresh(plan)
    for k in range(1, 15):
        readings = {name: {"req": 10.0 * k, "err": 0.0} for name in ("b", "c")}
        found, findings = step(plan, found, a_look(plan, k, readings))
        if k == 13:
            found = replace(found, stops=(None,))
    found = replace(found, stops=(None,))
    _, findings = step(plan, found, a_look(plan, 14, {}))
    assert findings.reasons[0] == (
        "inconclusive",
        "inconclusive: error-rate ≤ 0.01 not proved for c: 0 errors in 140 requests, "
        "325 clean ones needed, 19 more iterations at this rate",
    )


def test_a_proof_out_of_reach_is_given_up_and_counted():
    plan = a_plan(requests_per_interval=20.0)
    rates = {name: {"conv": 0.1, "err": 0.0} for name in ("b", "c")}
    _, findings = steady(plan, rates, requests=8.0, looks=1)
    assert findings.candidates[0].verdict == "futile"
    assert findings.candidates[0].claims[1].impossible
    assert findings.split == {"b": 100, "c": 0}
    assert "cannot be proved in this run: 0 errors in 8 requests, 325 clean" in text(findings)


@pytest.mark.parametrize("looks", [1, 8, 15, 16, 60, 500])
def test_futility_is_asked_evenly_and_fifteen_times_at_most(looks):
    plan = a_plan(iterations=looks)
    asked = [k for k in range(1, looks + 1) if plan.asks_futility(k)]
    gaps = np.diff([0, *asked])
    assert len(asked) == min(looks, 15)
    assert asked[-1] == looks
    assert max(gaps) - min(gaps) <= 1


def test_a_hopeless_candidate_of_a_long_run_leaves_when_futility_is_asked():
    plan = a_plan(CONVERSION, iterations=150)
    rates = {"b": {"conv": 0.10}, "c": {"conv": 0.092}}
    evidence, before = steady(plan, rates, looks=19)
    _, after = steady(plan, rates, evidence=evidence, start=20, looks=20)
    assert before.candidates[0].verdict == "collecting"
    assert before.candidates[0].pp < plan.futility
    assert after.candidates[0].verdict == "futile"


def test_a_violating_candidate_is_rejected_at_once_and_for_good():
    plan = a_plan()
    rates = {"b": {"conv": 0.1, "err": 0.003}, "c": {"conv": 0.2, "err": 0.08}}
    evidence, findings = steady(plan, rates, looks=1)
    assert findings.verdict == "rollback"
    assert codes(findings) == ["rejected"]
    assert findings.split == {"b": 100, "c": 0}
    _, later = steady(
        plan, {**rates, "c": {"conv": 0.2, "err": 0.0}}, evidence=evidence, start=2
    )
    assert later.verdict == "rollback"


def test_a_reversal_in_the_last_third_blocks_the_promotion():
    plan = a_plan(CONVERSION, futility=0.0)
    evidence, _ = steady(plan, {"b": {"conv": 0.10}, "c": {"conv": 0.2}}, looks=10)
    for k in range(11, 16):
        readings = {
            "b": {"req": 400.0 * k, "conv": 40.0 * k},
            "c": {"req": 400.0 * k, "conv": 800.0 + 32.0 * (k - 10)},
        }
        evidence, findings = step(plan, evidence, a_look(plan, k, readings))
    (claim,) = findings.candidates[0].claims
    assert claim.proved
    assert not claim.supported
    assert findings.verdict == "inconclusive"
    assert "its last part speaks against it" in text(findings)


def test_a_baseline_that_violates_waives_the_reward():
    plan = a_plan()
    rates = {"b": {"conv": 0.1, "err": 0.05}, "c": {"conv": 0.1, "err": 0.002}}
    _, findings = steady(plan, rates)
    assert findings.baseline_violates
    assert (findings.verdict, findings.winner) == ("promote", "c")
    assert "baseline-violates" in codes(findings)


def test_a_monitored_objective_needs_no_proof():
    plan = a_plan(CONVERSION, replace(ERRORS, burden="monitor"))
    rates = {"b": {"conv": 0.10, "err": 0.0}, "c": {"conv": 0.3, "err": 0.0}}
    _, findings = steady(plan, rates, requests=15.0)
    assert findings.winner == "c"


def test_a_minimum_effect_must_be_exceeded():
    plan = a_plan(replace(CONVERSION, min_effect=0.039), futility=0.0)
    _, findings = steady(plan, GOOD)
    assert findings.verdict == "inconclusive"
    assert findings.candidates[0].claims[0].estimate == pytest.approx(0.04)
    plan = a_plan(replace(CONVERSION, min_effect=0.02))
    assert steady(plan, GOOD)[1].winner == "c"


def test_an_objective_relative_to_the_baseline_may_be_worse_by_its_margin():
    relative = Claim(
        "errors-no-worse",
        "bernoulli",
        numerator="err",
        denominator="req",
        upper=None,
        relative_to_baseline=True,
        margin=0.01,
        direction="low",
    )
    same = {name: {"conv": 0.1, "err": 0.02} for name in ("b", "c")}
    assert relative.paired
    assert steady(a_plan(relative), same)[1].winner == "c"
    assert steady(a_plan(replace(relative, margin=0.0)), same)[1].winner is None


def test_a_reward_may_be_low():
    plan = a_plan(replace(CONVERSION, direction="low"))
    assert steady(plan, GOOD)[1].winner is None
    fewer = {"b": {"conv": 0.14}, "c": {"conv": 0.10}}
    _, findings = steady(plan, fewer)
    assert findings.winner == "c"
    assert findings.candidates[0].claims[0].estimate == pytest.approx(-0.04)


def test_a_lower_limit_counts_what_is_missing():
    success = Claim("success", "bernoulli", numerator="ok", denominator="req", lower=0.99)
    plan = a_plan(success)
    _, findings = steady(plan, {"b": {"ok": 0.999}, "c": {"ok": 0.999}})
    claim = findings.candidates[0].claims[0]
    assert findings.winner == "c"
    assert claim.estimate == pytest.approx(0.999)
    assert claim.low < 0.999 < claim.high
    _, findings = steady(plan, {"b": {"ok": 0.999}, "c": {"ok": 0.95}})
    assert findings.verdict == "rollback"


def test_counts_per_unit_of_time_do_not_depend_on_the_split():
    feedback = Claim("engagement", "poisson", "reward", "fb", exposure="time")
    plan = a_plan(feedback)
    evidence = Evidence.fresh(plan)
    for k in range(1, 16):
        readings = {"b": {"fb": 30.0 * k}, "c": {"fb": 42.0 * k}}
        split = {"b": 95, "c": 5}
        evidence, findings = step(plan, evidence, a_look(plan, k, readings, split))
    claim = findings.candidates[0].claims[0]
    assert claim.estimate == pytest.approx(1.2)
    assert findings.winner == "c"


def test_an_exceeded_budget_rejects():
    budget = Claim("error-count", "budget", numerator="err", upper=100.0)
    plan = a_plan(CONVERSION, budget)
    rates = {"b": {"conv": 0.1, "err": 0.0}, "c": {"conv": 0.2, "err": 0.02}}
    evidence, findings = steady(plan, rates, looks=12)
    assert findings.verdict == "continue"
    _, findings = steady(plan, rates, evidence=evidence, start=13)
    assert findings.verdict == "rollback"


def test_a_gauge_is_proved_by_its_intervals():
    gauge = Claim("cpu", "gauge", numerator="cpu", upper=0.8)
    plan = a_plan(gauge)
    evidence, rng = Evidence.fresh(plan), np.random.default_rng(1)
    for k in range(1, 16):
        readings = {name: {"cpu": 0.5 + 0.05 * rng.normal()} for name in ("b", "c")}
        evidence, findings = step(plan, evidence, a_look(plan, k, readings))
    claim = findings.candidates[0].claims[0]
    assert findings.winner == "c"
    assert claim.estimate == pytest.approx(0.5, abs=0.05)
    assert claim.low < claim.estimate < claim.high < 0.8


def test_nothing_readable_is_a_verdict_of_its_own():
    plan = a_plan()
    evidence = Evidence.fresh(plan)
    for k in range(1, 16):
        evidence, findings = step(plan, evidence, a_look(plan, k, {"b": {"req": None}}))
        assert findings.verdict == ("continue" if k == 1 else "no-data")
    assert findings.candidates[0].verdict == "no-data"
    assert findings.split["c"] <= 40


def test_a_hole_is_filled_by_the_next_batch():
    plan = a_plan(CONVERSION)
    evidence, _ = steady(plan, GOOD, looks=3)
    evidence, findings = step(plan, evidence, a_look(plan, 4, {"b": {"req": 1.0}, "c": {}}))
    assert findings.candidates[0].claims[0].stale == 1
    evidence, findings = steady(plan, GOOD, evidence=evidence, start=5, looks=5)
    assert findings.candidates[0].claims[0].n == 2000.0
    assert findings.candidates[0].claims[0].stale == 0


def test_stale_data_never_raise_a_weight():
    plan = a_plan()
    evidence, _ = steady(plan, GOOD, looks=1, split={"b": 90, "c": 10})
    for k in (2, 3, 4):
        split = {"b": 90, "c": 10}
        evidence, findings = step(plan, evidence, a_look(plan, k, {}, split))
    assert findings.split["c"] <= 10


def test_a_candidate_that_is_not_ready_is_not_raised():
    plan = a_plan()
    _, one = steady(plan, GOOD, looks=1, split={"b": 90, "c": 10})
    readings = {
        name: {"req": 400.0, **{key: 400.0 * r for key, r in own.items()}}
        for name, own in GOOD.items()
    }
    look = a_look(plan, 1, readings, {"b": 90, "c": 10}, not_ready=frozenset({"c"}))
    _, held = step(plan, Evidence.fresh(plan), look)
    assert one.split["c"] == 20
    assert held.split["c"] == 10


def test_a_leader_leaves_a_control_group():
    plan = a_plan(iterations=40)
    _, findings = steady(plan, GOOD, looks=20, split={"b": 21, "c": 79})
    assert findings.candidates[0].verdict == "leading"
    assert findings.split == {"b": 20, "c": 80}


def test_a_split_that_is_not_followed_blocks_the_promotion():
    plan = a_plan()
    _, findings = steady(plan, GOOD, split={"b": 75, "c": 25})
    assert findings.log_mismatch > 7
    assert findings.verdict == "inconclusive"
    assert findings.candidates[0].verdict == "split-mismatch"


def test_the_best_of_several_wins():
    plan = a_plan(candidates=("c", "d", "e"))
    rates = {
        "b": {"conv": 0.10, "err": 0.001},
        "c": {"conv": 0.13, "err": 0.001},
        "d": {"conv": 0.16, "err": 0.001},
        "e": {"conv": 0.20, "err": 0.06},
    }
    split = dict.fromkeys(plan.versions, 25)
    _, findings = steady(plan, rates, split=split)
    assert findings.winner == "d"
    assert [one.verdict for one in findings.candidates] == ["runner-up", "winner", "rejected"]
    assert sum(one.p_best for one in findings.candidates) + findings.p_best_baseline == (
        pytest.approx(1.0)
    )


def test_soak_moves_the_proof_before_the_end():
    plan = a_plan(soak=40.0)
    assert plan.deciding_look == 11
    evidence, findings = steady(plan, GOOD, looks=11)
    assert findings.verdict == "continue"
    assert findings.candidates[0].claims[0].proved
    assert steady(plan, GOOD, evidence=evidence, start=12)[1].winner == "c"


def test_an_early_stop_is_curtailed_and_not_a_peek():
    plan = a_plan(early_stop=True, iterations=60)
    _, findings = steady(plan, {**GOOD, "c": {"conv": 0.2, "err": 0.0001}}, looks=45)
    assert (findings.verdict, findings.final) == ("promote", True)
    assert steady(plan, GOOD, looks=3)[1].verdict == "continue"


def test_a_run_may_be_extended_before_its_last_look():
    short, long = a_plan(iterations=8), a_plan(iterations=16)
    evidence, findings = steady(short, GOOD, looks=7)
    _, findings = steady(long, GOOD, evidence=evidence, start=8)
    assert findings.winner == "c"
    assert findings.iteration == 16


def test_a_resumed_run_is_equal_to_the_bit():
    plan = a_plan(CONVERSION, ERRORS, MEAN, P95)
    world = World(plan, np.random.default_rng(3), lift=1.2)
    kept = Evidence.fresh(plan)
    for look, evidence, findings in world.looks():
        resumed = Evidence.from_json(orjson.loads(orjson.dumps(kept.to_json())))
        assert resumed == kept
        kept, again = step(plan, resumed, look)
        assert kept == evidence
        assert again == findings


def test_a_redelivered_look_changes_nothing():
    plan = a_plan(CONVERSION, ERRORS, MEAN, P95)
    world = World(plan, np.random.default_rng(4), lift=0.9, err=0.02)
    for look, evidence, findings in world.looks():
        assert step(plan, evidence, look) == (evidence, findings)


def test_an_opening_step_is_sized_in_requests():
    assert opening(a_plan(requests_per_interval=1000.0)) == {"b": 90, "c": 10}
    assert opening(a_plan(requests_per_interval=20000.0)) == {"b": 99, "c": 1}
    assert opening(a_plan(requests_per_interval=1000.0, max_candidate_weight=3))["c"] == 3
    five = a_plan(candidates=tuple("cdefg"), requests_per_interval=1000.0)
    assert opening(five) == {"b": 80, **dict.fromkeys("cdefg", 4)}


def test_evidence_of_another_plan_is_refused():
    with pytest.raises(Malformed, match=r"evidence\.lines: 3 found; this plan has 1"):
        step(a_plan(CONVERSION), Evidence.fresh(a_plan()), a_look(a_plan(), 1, {}))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"upper": 1.5}, "between 0 and 1"),
        ({"denominator": None}, "name the reading that counts requests"),
        ({"upper": None}, "exactly one, upper or lower"),
        ({"lower": 0.1}, "exactly one"),
    ],
)
def test_a_claim_that_cannot_be_tested_names_its_field(wrong, said):
    with pytest.raises(Malformed, match=said):
        replace(ERRORS, **wrong)


def test_a_plan_lists_every_mistake():
    with pytest.raises(Malformed) as caught:
        replace(a_plan(), iterations=0, alpha=2.0, candidates=("b",))
    assert {e.field for e in caught.value.errors} == {"iterations", "alpha", "candidates"}


def test_one_run_needs_neither_numpy_nor_scipy():
    seen = (
        "import sys, crossfade_analyzer.inference; print({'numpy', 'scipy'} & set(sys.modules))"
    )
    found = subprocess.run(
        [sys.executable, "-c", seen], capture_output=True, text=True, timeout=60
    )
    assert found.stdout.strip() == "set()", found.stderr
