"""What a plan could prove, said before the first request."""

from __future__ import annotations

import numpy as np
import pytest
from inference_builders import CONVERSION, a_plan

from crossfade_analyzer.inference import Claim, many, prospects


def test_a_plan_too_small_for_its_limit_says_so_before_it_starts():
    reward, errors = prospects(a_plan(requests_per_interval=20.0))
    assert errors.flawless == 325
    assert errors.planned == pytest.approx(20 * (0.1 + 0.2 + 0.3 + 12 * 0.4))
    assert errors.provable is False
    assert errors.looks == 43
    assert reward.flawless is None


def test_a_plan_with_enough_requests_names_what_the_baseline_implies():
    known = {"error-rate": 0.003, "conversion": 0.1}
    reward, errors = prospects(a_plan(requests_per_interval=1000.0), known)
    assert errors.provable is True
    assert errors.typical == pytest.approx(950, rel=0.1)
    assert reward.smallest_effect == pytest.approx(0.0135, rel=0.1)


def test_nothing_is_claimed_about_traffic_that_nobody_forecast():
    _, errors = prospects(a_plan())
    assert (errors.planned, errors.provable, errors.looks) == (None, None, None)
    assert prospects(a_plan(), forecast=1000.0)[1].provable is True


def test_counts_over_time_need_no_requests():
    feedback = Claim("engagement", "poisson", "reward", "fb", exposure="time")
    (found,) = prospects(a_plan(feedback), {"engagement": 3.0})
    assert found.smallest_effect == pytest.approx(2.51 * (3.0 / 75) ** 0.5, rel=0.06)


def test_the_smallest_effect_is_found_four_times_in_five():
    plan = a_plan(CONVERSION, requests_per_interval=1000.0, futility=0.0)
    (found,) = prospects(plan, {"conversion": 0.1})
    rng, runs = np.random.default_rng(1), 2000
    evidence = many.ManyEvidence.fresh(plan, runs)
    totals = {key: np.zeros((runs, 2)) for key in ("req", "conv")}
    for k, weight in enumerate((10, 20, 30, *[40] * 12), 1):
        split = np.tile([100 - weight, weight], (runs, 1))
        n = rng.multinomial(1000, split / 100.0)
        share = np.array([0.1, 0.1 + found.smallest_effect])
        totals = {"req": totals["req"] + n, "conv": totals["conv"] + rng.binomial(n, share)}
        evidence, last = many.step(plan, evidence, many.ManyLook(k, 10.0 * k, split, totals))
    assert last.proved.mean() == pytest.approx(0.8, abs=0.05)
