"""Every kind of claim in every state of a run, in the very words that a person reads."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import pytest
from inference_builders import CONVERSION, ERRORS, a_look, a_plan

from crossfade_analyzer.inference import Claim, Evidence, step
from crossfade_analyzer.inference.phrases import duration, measured, percent

BASKET = Claim(
    "basket", "mean", "reward", "sum", "req", sum_of_squares="squares", min_effect=2.0, unit="€"
)
BUDGET = Claim("error-count", "budget", numerator="count", upper=20.0)
BOUNCE = replace(CONVERSION, name="bounce", direction="low")
CLICKS = Claim("clicks", "poisson", "reward", "count", "req")
CRASHES = Claim("crashes", "poisson", numerator="count", upper=0.5, exposure="time")
FEEDBACK = Claim("feedback", "poisson", "reward", "count", exposure="time")
LATENCY = Claim(
    "latency",
    "mean",
    numerator="sum",
    denominator="req",
    sum_of_squares="squares",
    upper=20.0,
    upper_bound=500.0,
    unit="ms",
)
LOAD = Claim("load", "gauge", numerator="value", upper=0.8)
MOOD = Claim("mood", "gauge", "reward", "value")
NO_WORSE = replace(ERRORS, upper=0.0, relative_to_baseline=True, margin=0.01)
P95 = Claim(
    "p95", "quantile", denominator="req", buckets=((250.0, "fast"),), upper=250.0, unit="ms"
)
RETRIES = Claim("retries", "poisson", numerator="count", denominator="req", upper=0.5)
SUCCESS = Claim("success", "bernoulli", numerator="good", denominator="req", lower=0.99)


def readings(k, effect, requests):
    """Counters after k looks of a version whose outcomes are `effect` times the baseline's."""
    n = requests * k
    return {
        "req": n,
        "conv": 0.1 * n * effect,
        "err": 0.009 * n * effect,
        "good": n - 0.009 * n * effect,
        "count": 0.4 * n * effect,
        "sum": 15.0 * n * effect,
        "squares": 325.0 * n * effect * effect,
        "fast": n - 0.04 * n * effect,
        "value": 0.6 * effect + 0.03 * math.sin(2.9 * k),
    }


def said(claim, effect, look, requests=10.0, iterations=15, **changes):
    """The sentences after a look at a candidate that is `effect` times the baseline."""
    plan = a_plan(claim, iterations=iterations, **({"futility": 0.0} | changes))
    evidence = Evidence.fresh(plan)
    for k in range(1, look + 1):
        if not plan.futility:  # go on to the end, whatever is out of reach
            evidence = replace(evidence, stops=(None,))
        read = {v: readings(k, effect if v == "c" else 1.0, requests) for v in plan.versions}
        evidence, findings = step(plan, evidence, a_look(plan, k, read))
        if plan.futility and findings.candidates[0].verdict in ("futile", "rejected"):
            break
    return " | ".join(text for _, text in findings.reasons)


PROMISED = [
    (CONVERSION, "conversion above the baseline"),
    (BOUNCE, "bounce below the baseline"),
    (BASKET, "basket above the baseline by 2 €"),
    (NO_WORSE, "error-rate at most 0.01 above the baseline"),
    (ERRORS, "error-rate ≤ 0.01"),
    (SUCCESS, "success ≥ 0.99"),
    (CRASHES, "crashes ≤ 0.5 a second"),
    (LATENCY, "latency ≤ 20 ms"),
    (P95, "p95 ≤ 250 ms"),
]

TABLE = [
    # claim, effect, what was seen and why it is not enough at the end
    (CONVERSION, 1.0, 10, "0.1 against 0.1 (+0.0 %), 150 requests, no difference so far"),
    (CONVERSION, 1.3, 10, "0.13 against 0.1 (+30.0 %), 150 requests, about 510 more requests "
     "needed, 52 more iterations at this rate"),
    (CONVERSION, 0.9, 10, "0.09 against 0.1 (-10.0 %), 150 requests, worse than the baseline "
     "so far"),
    (BOUNCE, 1.1, 10, "0.11 against 0.1 (+10.0 %), 150 requests, worse than the baseline so "
     "far"),
    (CLICKS, 1.0, 10, "0.4 a request against 0.4 (+0.0 %), 150 requests, no difference so far"),
    (FEEDBACK, 1.0, 6, "36 in 2.5 min against 36 (+0.0 %), no difference so far"),
    (FEEDBACK, 0.8, 6, "29 in 2.5 min against 36 (-20.0 %), worse than the baseline so far"),
    (FEEDBACK, 1.2, 6, "43 in 2.5 min against 36 (+20.0 %), about 8.1 min more needed, "
     "49 more iterations at this rate"),
    (BASKET, 1.1, 10, "16.5 € against 15 € (+10.0 %), 150 requests, less than the 2 € asked "
     "for"),
    (BASKET, 1.0, 10, "15 € against 15 € (+0.0 %), 150 requests, no difference so far"),
    (BASKET, 0.9, 10, "13.5 € against 15 € (-10.0 %), 150 requests, worse than the baseline "
     "so far"),
    (MOOD, 1.0, 10, "0.5861 against 0.5861 (+0.0 %), 15 intervals, no difference so far"),
    (NO_WORSE, 2.5, 10, "0.0225 against 0.009 (+150.0 %), 150 requests, worse than allowed so "
     "far"),
    (ERRORS, 0.0, 10, "0 errors in 150 requests, 325 clean ones needed, 18 more iterations at "
     "this rate"),
    (ERRORS, 1.2, 10, "2 errors in 150 requests (0.0108), over the limit so far"),
    (SUCCESS, 1.2, 10, "148 of 150 requests (0.989), under the limit so far"),
    (CRASHES, 1.4, 10, "84 in 2.5 min (0.56 a second), over the limit so far"),
    (RETRIES, 1.4, 10, "0.56 a request over 150 requests, over the limit so far"),
    (LATENCY, 1.4, 10, "21 ms on average over 150 requests, over the limit so far"),
    (P95, 1.5, 10, "9 of 150 requests beyond 250 ms (6 %, 5 % allowed), more than allowed so "
     "far"),
    (LOAD, 1.4, 10, "0.8396 on average over 15 intervals, over the limit so far"),
    (LOAD, 1.33, 10, "0.7976 on average over 15 intervals, but it varies too much to be sure"),
]  # fmt: skip


@pytest.mark.parametrize(("claim", "promised"), PROMISED, ids=lambda x: getattr(x, "name", ""))
def test_a_claim_is_called_what_it_promises(claim, promised):
    assert f"{promised} " in said(claim, 1.0, 1)


@pytest.mark.parametrize(("claim", "effect", "requests", "told"), TABLE)
def test_what_is_not_proved_is_told_with_what_was_seen_and_what_is_lacking(
    claim, effect, requests, told
):
    text = said(claim, effect, 15, requests)
    assert text.startswith("inconclusive: ")
    assert text.partition(" not proved for c: ")[2] == told


PROVED = [
    (CONVERSION, 1.5, "conversion above the baseline proved: 0.15 against 0.1 (+50.0 %), "
     "15,000 requests"),
    (BOUNCE, 0.5, "bounce below the baseline proved: 0.05 against 0.1 (-50.0 %), 15,000 "
     "requests"),
    (CLICKS, 30.0, "clicks above the baseline proved: 12 a request against 0.4 (30 times as "
     "much), 15,000 requests"),
    (FEEDBACK, 2.0, "feedback above the baseline proved: 12,000 in 2.5 min against 6,000 "
     "(+100.0 %)"),
    (BASKET, 2.0, "basket above the baseline by 2 € proved: 30 € against 15 € (+100.0 %), "
     "15,000 requests"),
    (NO_WORSE, 1.0, "error-rate at most 0.01 above the baseline proved: 0.009 against 0.009 "
     "(+0.0 %), 15,000 requests"),
    (ERRORS, 0.5, "error-rate ≤ 0.01 proved: 68 errors in 15,000 requests (0.0045)"),
    (SUCCESS, 0.5, "success ≥ 0.99 proved: 14,932 of 15,000 requests (0.996)"),
    (CRASHES, 0.001, "crashes ≤ 0.5 a second proved: 6 in 2.5 min (0.04 a second)"),
    (RETRIES, 1.0, "retries ≤ 0.5 proved: 0.4 a request over 15,000 requests"),
    (LATENCY, 1.0, "latency ≤ 20 ms proved: 15 ms on average over 15,000 requests"),
    (P95, 1.0, "p95 ≤ 250 ms proved: 600 of 15,000 requests beyond 250 ms (4 %, 5 % allowed)"),
    (LOAD, 0.5, "load ≤ 0.8 proved: 0.2996 on average over 15 intervals"),
    (MOOD, 1.5, "mood above the baseline proved: 0.8861 against 0.5861 (+51.2 %), 15 "
     "intervals"),
    (replace(ERRORS, burden="monitor"), 0.1, "error-rate ≤ 0.01 kept: 14 errors in 15,000 "
     "requests (0.0009)"),
    (replace(BUDGET, upper=1e5), 1.0, "error-count ≤ 100,000 kept: 6,000 so far"),
]  # fmt: skip


@pytest.mark.parametrize(("claim", "effect", "told"), PROVED)
def test_what_is_proved_is_told_with_its_numbers(claim, effect, told):
    assert said(claim, effect, 15, 1000.0) == f"c wins: {told}"


STOPPED = [
    (CONVERSION, 1.0, "conversion above the baseline will hardly be proved in this run: "
     "0.1 against 0.1 (+0.0 %), 3,600 requests, no difference so far"),
    (CONVERSION, 0.5, "worse than the baseline in conversion: 0.05 against 0.1 (-50.0 %), 400 "
     "requests"),
    (replace(CONVERSION, min_effect=0.2), 1.1, "less than 0.2 better than the baseline in "
     "conversion: "
     "0.11 against 0.1 (+10.0 %), 400 requests"),
    (replace(CONVERSION, min_effect=0.2), 0.9, "no better than the baseline in conversion: "
     "0.09 against 0.1 (-10.0 %), 400 requests"),
    (NO_WORSE, 8.0, "worse than the baseline by more than allowed in error-rate: "
     "0.072 against 0.009 (+700.0 %), 400 requests"),
    (LATENCY, 2.0, "latency ≤ 20 ms is violated: 30 ms on average over 400 requests"),
    (FEEDBACK, 0.9, "feedback above the baseline will hardly be proved in this run: "
     "144 in 10 s against 160 (-10.0 %), worse than the baseline so far"),
]  # fmt: skip


@pytest.mark.parametrize(("claim", "effect", "told"), STOPPED)
def test_a_candidate_that_is_stopped_is_told_for_what(claim, effect, told):
    text = said(claim, effect, 15, 400.0, futility=0.02)
    assert (
        re.sub(r"\d+ in \d+ s against \d+", "144 in 10 s against 160", text)
        == f"c stopped: {told}"
    )


def test_a_limit_that_is_violated_rejects_with_the_numbers():
    assert said(ERRORS, 9.0, 15, 400.0, futility=0.02) == (
        "c rejected: error-rate ≤ 0.01 is violated: 32 errors in 400 requests (0.081)"
    )
    told = said(BUDGET, 9.0, 15, futility=0.02)
    assert told == "c rejected: error-count ≤ 20 is violated: 36 so far"


def test_a_proof_out_of_reach_says_what_it_would_take():
    text = said(ERRORS, 0.0, 15, 8.0, futility=0.02)
    assert text == (
        "c stopped: error-rate ≤ 0.01 cannot be proved in this run: 0 errors in 8 requests, "
        "325 clean ones needed"
    )


UNDER_WAY = [
    (CONVERSION, 1.5, 1, "c collects evidence: 0.15 against 0.1 (+50.0 %), 400 requests; "
     "conversion above the baseline will be proved with a chance of 96 %, 14 looks to go"),
    (CONVERSION, 1.5, 14, "c leads: 0.15 against 0.1 (+50.0 %), 5,600 requests; conversion "
     "above "
     "the baseline will be proved with a chance of over 99 %, 1 look to go"),
    (LOAD, 0.5, 1, "c collects evidence: 0.3072 on average over 1 interval; load ≤ 0.8 is yet "
     "to be "
     "proved, 14 looks to go"),
    (BUDGET, 0.001, 1, "c is watched: there is nothing to prove"),
]  # fmt: skip


@pytest.mark.parametrize(("claim", "effect", "look", "told"), UNDER_WAY)
def test_a_run_under_way_says_how_far_it_is(claim, effect, look, told):
    assert said(claim, effect, look, 400.0) == told


def test_soak_says_that_the_proof_was_made():
    assert said(CONVERSION, 1.5, 14, 400.0, soak=20.0).endswith(
        "; conversion above the baseline is proved, 1 look to go"
    )
    assert said(CONVERSION, 1.0, 14, 400.0, soak=20.0).endswith("is not proved, 1 look to go")


def test_what_was_never_read_is_no_forecast():
    plan = a_plan()
    read = {v: {"req": 10.0, "conv": 1.0, "err": None} for v in plan.versions}
    _, findings = step(plan, Evidence.fresh(plan), a_look(plan, 1, read))
    assert findings.reasons == (
        ("collecting", "c collects evidence: error-rate: no complete reading yet; error-rate "
         "≤ 0.01 "
         "is yet to be proved, 14 looks to go"),
    )  # fmt: skip


def test_an_effect_that_pooling_hides_is_said_to_be_seen_inside_the_intervals():
    plan = a_plan(CONVERSION, futility=0.0, iterations=2)
    evidence = Evidence.fresh(plan)
    slow = {"b": {"req": 900.0, "conv": 90.0}, "c": {"req": 100.0, "conv": 12.0}}
    fast = {"b": {"req": 1000.0, "conv": 130.0}, "c": {"req": 1000.0, "conv": 432.0}}
    evidence, _ = step(plan, evidence, a_look(plan, 1, slow, {"b": 90, "c": 10}))
    _, findings = step(plan, evidence, a_look(plan, 2, fast, {"b": 10, "c": 90}))
    assert "0.432 against 0.13 (+33.3 % within each interval)" in findings.reasons[0][1]


def test_no_sentence_counts_time_in_requests():
    for claim in (FEEDBACK, CRASHES):
        for effect in (0.001, 0.8, 1.0, 1.2, 5.0):
            for look in (1, 7, 15):
                assert "request" not in said(claim, effect, look, 6.0)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0 s"), (20, "20 s"), (119, "119 s"), (120, "2 min"), (150, "2.5 min"), (7200, "2 h"),
     (172800, "2 d"), (1.728e9, "20,000 d")],
)  # fmt: skip
def test_durations_are_told_in_the_largest_unit_of_which_there_are_two(seconds, told):
    assert duration(seconds) == told


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [(0.0238, "ms", "0.0238 ms"), (0.0000238, "ms", "23.8 ns"), (0.0000238, "s", "23.8 µs"),
     (0.25, "s", "0.25 s"), (0.0, "ms", "0 ms"), (2.38e-8, "ms", "0.0238 ns"),
     (0.0000238, "", "0.0000238"), (0.0000238, "cores", "0.0000238 cores"),
     (-2e-5, "ms", "-20 ns"), (12345.6, "ms", "12,346 ms"), (1e-12, "", "1e-12"),
     (0.0001, "", "0.0001")],
)  # fmt: skip
def test_small_numbers_are_told_without_powers_of_ten(value, unit, told):
    assert measured(value, unit) == told


def test_no_request_is_not_the_same_as_no_reading():
    plan = a_plan(ERRORS)
    read = {v: {"req": 0.0, "err": 0.0} for v in plan.versions}
    _, findings = step(plan, Evidence.fresh(plan), a_look(plan, 1, read))
    assert "error-rate: no request yet; " in findings.reasons[0][1]


def test_what_nobody_did_is_no_forecast():
    assert said(FEEDBACK, 1.0, 1, 0.0) == (
        "c collects evidence: 0 in 10 s against 0; feedback above the baseline is yet to be "
        "proved, 14 looks to go"
    )


@pytest.mark.parametrize(
    ("share", "told"),
    [
        (0.0, "under 1 %"),
        (0.004, "under 1 %"),
        (0.5, "50 %"),
        (0.996, "over 99 %"),
        (1.0, "over 99 %"),
    ],
)
def test_a_chance_is_never_certainty(share, told):
    assert percent(share) == told
