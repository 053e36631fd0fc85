"""Thousands of runs at once say what each run says alone."""

from __future__ import annotations

import math
import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inference_builders import BUCKETS, CONVERSION, ERRORS, MEAN, P95, a_plan

from crossfade_analyzer.inference import Claim, Evidence, Look, many, step

SQUARES = replace(MEAN, name="squares", buckets=(), sum_of_squares="sq", upper_bound=10000.0)
REVENUE = Claim("revenue", "mean", "reward", "sum", "req", sum_of_squares="sq")
ENGAGEMENT = Claim("engagement", "poisson", "reward", "conv", exposure="time")
RATE = Claim("alerts", "poisson", numerator="err", denominator="req", upper=0.02)
SUCCESS = Claim("success", "bernoulli", numerator="conv", denominator="req", lower=0.05)
NO_WORSE = replace(ERRORS, upper=None, relative_to_baseline=True, margin=0.01, direction="low")
BUDGET = Claim("error-count", "budget", numerator="err", upper=150.0)
CLAIMS = [
    (CONVERSION, ERRORS, MEAN, P95),
    (REVENUE, SQUARES, RATE, BUDGET),
    (ENGAGEMENT, NO_WORSE, SUCCESS),
    (ERRORS, replace(MEAN, burden="monitor")),
    (replace(CONVERSION, direction="low", min_effect=-0.02), replace(P95, window="interval")),
]


def draw_readings(rng, totals, plan, evidence_split, hard):
    """One look's cumulative readings of every version, some lost, absurd or restarted."""
    shape = evidence_split.shape
    n = rng.poisson(800 * evidence_split / 100)
    grown = {
        "req": n,
        "conv": rng.binomial(n, rng.choice([0.08, 0.1, 0.14])),
        "err": rng.binomial(n, rng.choice([0.0, 0.003, 0.02])),
        "sum": n * 120.0 * rng.uniform(0.8, 1.2, shape),
        "sq": n * 25000.0 * rng.uniform(0.8, 1.2, shape),
    }
    for i, (edge, key) in enumerate(BUCKETS):
        grown[key] = np.floor(n * min(1.0, (i + 1) / 9)) if edge < 1000 else n
    restarted = rng.random(shape) < (0.1 if hard else 0.0)
    for key, more in grown.items():
        totals[key] = np.where(restarted, 0.0, totals.get(key, np.zeros(shape))) + more
    lost = rng.choice([np.nan, np.nan, -5.0, 1e40, 1e-30], shape)
    return {
        key: np.where(rng.random(shape) < (0.1 if hard else 0.0), lost, value)
        for key, value in totals.items()
    }


def alone(plan, readings, e, split, k):
    own = {
        name: {
            key: None if math.isnan(x[e, v]) else float(x[e, v]) for key, x in readings.items()
        }
        for v, name in enumerate(plan.versions)
    }
    weights = {name: int(split[e, v]) for v, name in enumerate(plan.versions)}
    return Look(k, k * plan.interval, weights, own)


def assert_same(found, one, e, plan, evidence):
    assert [found.split[e, v] for v in range(len(plan.versions))] == list(one.split.values())
    assert many.VERDICTS[found.verdict[e]] == one.verdict
    assert found.winner[e] == (-1 if one.winner is None else plan.candidates.index(one.winner))
    assert found.log_mismatch[e] == pytest.approx(one.log_mismatch, rel=1e-9, abs=1e-9)
    for i, candidate in enumerate(one.candidates):
        assert many.CANDIDATE_VERDICTS[found.candidate_verdict[e, i]] == candidate.verdict
        for j, claim in enumerate(candidate.claims):
            for name in ("z", "pp", "risk", "log_alarm"):
                own = getattr(claim, name)
                assert getattr(found, name)[e, i, j] == pytest.approx(
                    own, rel=1e-7, abs=1e-9
                ), name
            for name in ("futile", "impossible", "proved", "supported"):
                assert getattr(found, name)[e, i, j] == getattr(claim, name), name


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    claims=st.sampled_from(CLAIMS),
    count=st.integers(1, 4),
    iterations=st.integers(1, 9) | st.just(20),  # futility is not asked at every look of 20
    hard=st.booleans(),
    early=st.booleans(),
)
def test_many_runs_equal_the_same_runs_alone(seed, claims, count, iterations, hard, early):
    rng = np.random.default_rng(seed)
    plan = a_plan(
        *claims,
        candidates=tuple("cdef"[:count]),
        iterations=iterations,
        early_stop=early,
        soak=10.0 if hard and iterations > 3 else 0.0,
        requests_per_interval=None if hard else 800.0,
    )
    runs = 3
    evidence = many.ManyEvidence.fresh(plan, runs)
    each = [Evidence.fresh(plan) for _ in range(runs)]
    split = np.tile([100 - 10 * count, *[10] * count], (runs, 1))
    totals = {}
    for k in range(1, iterations + 1):
        readings = draw_readings(rng, totals, plan, split, hard)
        look = many.ManyLook(k, k * plan.interval, split, readings)
        evidence, found = many.step(plan, evidence, look)
        for e in range(runs):
            each[e], one = step(plan, each[e], alone(plan, readings, e, split, k))
            assert_same(found, one, e, plan, each[e])
        repeated, again = many.step(plan, evidence, look)
        assert (again.split == found.split).all()
        assert (repeated.lines[0].totals == evidence.lines[0].totals).all()
        split = found.split


def test_ten_thousand_experiments_are_assessed_in_a_breath():
    plan = a_plan(CONVERSION, ERRORS, MEAN, P95)
    rng, totals = np.random.default_rng(1), {}
    split = np.tile([60, 40], (10_000, 1))
    evidence = many.ManyEvidence.fresh(plan, 10_000)
    taken = []
    for k in range(1, 6):
        readings = draw_readings(rng, totals, plan, split, False)
        look = many.ManyLook(k, k * plan.interval, split, readings)
        start = time.process_time()
        evidence, _ = many.step(plan, evidence, look)
        taken.append(time.process_time() - start)
    assert min(taken) < 0.15
