"""Levels and coverage under peeking: what is promised holds at every look together.

Everything runs everywhere, with bounds widened by the binomial error of its number of runs. A cell
of decision-engine §5 takes CROSSFADE_TEST_RUNS: 3,000, or the 20,000 of its source.
"""

from __future__ import annotations

import math
import os

import numpy as np
import pytest
from inference_builders import CONVERSION, ERRORS, a_plan
from scipy import special

from crossfade_analyzer.inference import (
    claims,
    detectors,
    dispersion,
    gauges,
    intervals,
    many,
    ratio_check,
)

LEVEL = 0.0475
RUNS = int(os.environ.get("CROSSFADE_TEST_RUNS") or 3000)


def most(p, runs):
    return p + 3.0 * math.sqrt(p * (1.0 - p) / runs)


def promoted(claim, runs, per_look, rates, seed, guess=1.0, adapt=True, looks=15):
    """Share of runs in which one claim at its null boundary is proved."""
    rng = np.random.default_rng(seed)
    plan = a_plan(claim, iterations=looks, futility=0.0, requests_per_interval=guess * per_look)
    evidence = many.ManyEvidence.fresh(plan, runs)
    split = np.tile([60, 40], (runs, 1))
    totals = {key: np.zeros((runs, 2)) for key in ("req", *rates)}
    for k in range(1, looks + 1):
        n = rng.multinomial(per_look, split / 100.0)
        totals["req"] = totals["req"] + n
        for key, rate in rates.items():
            totals[key] = totals[key] + rng.binomial(n, rate)
        look = many.ManyLook(k, 10.0 * k, split, totals)
        evidence, found = many.step(plan, evidence, look)
        if adapt:  # evidence-driven: halve when behind, grow when ahead
            ahead = found.z[:, 0, 0] > 0.0
            weight = np.where(
                ahead, np.minimum(split[:, 1] * 2, 80), np.maximum(split[:, 1] // 2, 5)
            )
            split = np.stack([100 - weight, weight], axis=1)
    return float(found.proved[:, 0, 0].mean())


@pytest.mark.parametrize("adapt", [False, True])
@pytest.mark.parametrize("guess", [0.3, 1.0, 3.0])
def test_a_boundary_error_rate_is_proved_no_more_often_than_alpha(adapt, guess):
    found = promoted(ERRORS, 3000, 1000, {"err": 0.01}, 1, guess, adapt)
    assert found <= most(LEVEL, 3000)


@pytest.mark.parametrize("adapt", [False, True])
@pytest.mark.parametrize("share", [0.02, 0.5])
def test_an_equal_conversion_is_proved_no_more_often_than_alpha(adapt, share):
    found = promoted(CONVERSION, 3000, 1000, {"conv": share}, 2, 1.0, adapt)
    assert 0.02 <= found <= most(LEVEL, 3000)


def test_the_full_table_of_levels():
    for per_look in (30, 100, 300, 1000, 10000):
        for guess in (0.3, 1.0, 3.0):
            for adapt in (False, True):
                for claim, rates in (
                    (CONVERSION, {"conv": 0.02}),
                    (CONVERSION, {"conv": 0.1}),
                    (CONVERSION, {"conv": 0.5}),
                    (ERRORS, {"err": 0.01}),
                ):
                    found = promoted(claim, RUNS, per_look, rates, 3, guess, adapt)
                    assert found <= most(LEVEL, RUNS) + 0.004, (per_look, guess, adapt, rates)


def test_levels_hold_for_any_number_of_looks():
    for looks in (2, 3, 5, 8, 50, 200):
        found = promoted(CONVERSION, RUNS, 10000, {"conv": 0.1}, 4, 1.0, True, looks)
        assert found <= most(0.05, RUNS), looks


def test_extending_a_run_that_looks_promising_keeps_the_level():
    runs, rng = 20000, np.random.default_rng(5)
    u, rho = np.zeros(runs), np.ones(runs)
    planned = np.full(runs, 15)
    for k in range(1, 31):
        z = rng.standard_normal(runs)
        left = np.maximum(planned - k, 0)
        f = np.where(left == 0, 1.0, 1.0 / (1.0 + left))
        u, rho = u + np.sqrt(rho * f) * z, rho * (1.0 - f)
        if k == 12:
            planned = np.where((u > 0.5) & (u < 1.7), 30, planned)
    assert (u >= special.ndtri(1 - LEVEL)).mean() == pytest.approx(LEVEL, abs=0.005)


@pytest.mark.parametrize("share", [0.01, 0.3])
def test_the_displayed_interval_of_a_share_covers_at_all_looks_together(share):
    rng, runs, missed = np.random.default_rng(6), 400, 0
    for _ in range(runs):
        n = np.cumsum(rng.poisson(300, 30))
        x = np.cumsum(rng.binomial(np.diff(n, prepend=0), share))
        ends = [intervals.share(float(a), float(b), 0.05) for a, b in zip(n, x, strict=True)]
        missed += any(not low <= share <= high for low, high in ends)
    assert missed / runs <= most(0.05, runs)


def test_the_displayed_interval_of_a_difference_covers_at_all_looks_together():
    rng, runs = np.random.default_rng(7), 4000
    s, v, missed = np.zeros(runs), 0.0, np.zeros(runs, dtype=bool)
    for _ in range(60):
        s, v = s + rng.standard_normal(runs) * 3.0, v + 9.0
        low, high = intervals.difference(0.0, v, 1.0, 54.0, 0.05)
        missed |= (s < low) | (s > high)
    assert missed.mean() <= most(0.05, runs)


def test_an_alarm_is_false_no_more_often_than_its_level():
    rng, runs, cried = np.random.default_rng(8), 600, 0
    line = math.log(2.0 / 0.05)
    for _ in range(runs):
        detector = detectors.fresh(len(ERRORS.alternatives))
        top = -math.inf
        for k in range(50):
            n = float(rng.poisson(400))
            x = float(rng.binomial(n, 0.01))
            detector = detectors.step(detector, n, x, ERRORS.odds, 50, k == 0)
            top = max(top, detectors.log_evidence(detector))
        cried += top >= line
    assert cried / runs <= most(0.025, runs)


def test_an_alarm_finds_a_late_regression_within_a_few_looks():
    rng, late = np.random.default_rng(9), []
    for _ in range(100):
        detector = detectors.fresh(len(ERRORS.alternatives))
        for k in range(40):
            n = float(rng.poisson(400))
            x = float(rng.binomial(n, 0.003 if k < 20 else 0.05))
            detector = detectors.step(detector, n, x, ERRORS.odds, 40, k == 0)
            if detectors.log_evidence(detector) >= math.log(40.0):
                late.append(k - 19)
                break
    assert len(late) == 100
    assert np.mean(late) <= 2.5
    assert min(late) >= 1


def test_requests_that_follow_the_weights_raise_no_mismatch():
    rng, runs, cried = np.random.default_rng(10), 300, 0
    for _ in range(runs):
        ratios, top = ratio_check.fresh(2), -math.inf
        for _ in range(100):
            n = rng.multinomial(200, [0.6, 0.4])
            ratios = ratio_check.step(ratios, [float(x) for x in n], (60, 40))
            top = max(top, ratio_check.log_evidence(ratios))
        cried += top >= ratio_check.LOG_WARN
    assert cried / runs <= most(0.05, runs)


def test_a_shortfall_of_a_fifth_is_found_within_a_dozen_intervals():
    rng, found = np.random.default_rng(11), []
    for _ in range(100):
        ratios = ratio_check.fresh(2)
        for looks in range(1, 60):  # noqa: B007
            n = rng.multinomial(200, [0.6, 0.4])
            n[1] = rng.binomial(n[1], 0.8)
            ratios = ratio_check.step(ratios, [float(x) for x in n], (60, 40))
            if ratio_check.log_evidence(ratios) >= ratio_check.LOG_WARN:
                break
        found.append(looks)
    assert np.median(found) <= 14


def test_a_gauge_at_its_limit_is_proved_no_more_often_than_alpha():
    rng, runs, cried = np.random.default_rng(12), 1500, 0
    for _ in range(runs):
        state, top = gauges.GaugeState(), -math.inf
        for d in rng.standard_normal(15):
            state = gauges.step(state, float(d), 1.0, False)
            if state.k >= gauges.LEAST_INTERVALS:
                top = max(top, gauges.log_evidence(state, 15))
        cried += top >= -math.log(LEVEL)
    assert cried / runs <= most(LEVEL, runs)


def test_dispersion_is_found_when_it_is_there():
    rng = np.random.default_rng(13)

    def share_found(spread):
        found = 0
        for _ in range(400):
            state = claims.ClaimState()
            for ds in rng.standard_normal(15) * spread:
                state = claims.step(state, (float(ds) + 1.0, 1.0, 1.0), 1.0, 1.0, False, 0)
            found += dispersion.dispersion([state])[0] > 1.0
        return found / 400

    assert share_found(1.0) == pytest.approx(0.1, abs=0.05)
    assert share_found(2.0) > 0.95
