"""Laws that hold for any counts: splits, caps, order of candidates, levels of state."""

from __future__ import annotations

from dataclasses import replace

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from inference_builders import BUCKETS, CONVERSION, ERRORS, MEAN, P95, a_look, a_plan

from crossfade_analyzer.inference import Claim, Evidence, step

COUNT = st.integers(0, 3000)
LOST = st.floats(0, 1).map(lambda x: x < 0.1)


@st.composite
def runs(draw, most=4):
    """A plan and the batches of every version; some readings lost, some counters restarted."""
    names = tuple("cdefghij"[: draw(st.integers(1, most))])
    plan = a_plan(
        CONVERSION,
        ERRORS,
        candidates=names,
        iterations=draw(st.integers(1, 8)),
        max_candidate_weight_increment=draw(st.integers(0, 100)),
        max_candidate_weight=draw(st.integers(0, 100)),
        requests_per_interval=draw(st.sampled_from([None, 20.0, 1000.0, 1e5])),
    )
    looks = []
    totals = {name: [0, 0, 0] for name in plan.versions}
    for _ in range(plan.iterations):
        readings = {}
        for name in plan.versions:
            n = draw(COUNT)
            grown = (n, draw(st.integers(0, n)), draw(st.integers(0, max(n // 20, 1))))
            if draw(LOST):
                totals[name] = [0, 0, 0]
            totals[name] = [a + b for a, b in zip(totals[name], grown, strict=True)]
            req, conv, err = map(float, totals[name])
            readings[name] = {"req": None if draw(LOST) else req, "conv": conv, "err": err}
        looks.append(readings)
    return plan, looks


def follow(plan, looks, order=None):
    """All findings of a run that follows its own recommendations."""
    plan = plan if order is None else replace(plan, candidates=order)
    evidence, split = Evidence.fresh(plan), {plan.baseline: 100}
    for k, readings in enumerate(looks, 1):
        before = {name: split.get(name, 0) for name in plan.versions}
        evidence, findings = step(plan, evidence, a_look(plan, k, readings, before))
        split = findings.split
        yield before, evidence, findings


@settings(max_examples=60, deadline=None)
@given(runs(most=8))
def test_a_split_sums_to_100_and_keeps_to_its_caps(run):
    plan, looks = run
    for before, _, findings in follow(plan, looks):
        after = findings.split
        assert sum(after.values()) == 100
        assert all(isinstance(w, int) and w >= 0 for w in after.values())
        for name in plan.candidates:
            assert after[name] <= plan.max_candidate_weight
            assert after[name] - before[name] <= plan.max_candidate_weight_increment
        assert after[plan.baseline] >= (5 if findings.baseline_violates else 20)


@settings(max_examples=30, deadline=None)
@given(runs(), st.randoms())
def test_the_order_of_candidates_is_irrelevant(run, random):
    plan, looks = run
    order = list(plan.candidates)
    random.shuffle(order)
    pairs = zip(follow(plan, looks), follow(plan, looks, tuple(order)), strict=True)
    for (_, _, one), (_, _, other) in pairs:
        assert one.split == other.split
        assert one.verdict == other.verdict
        said = {c.candidate: c.verdict for c in other.candidates}
        assert {c.candidate: c.verdict for c in one.candidates} == said


@settings(max_examples=30, deadline=None)
@given(runs())
def test_state_survives_json_and_a_repeat_changes_nothing(run):
    plan, looks = run
    for k, (before, evidence, findings) in enumerate(follow(plan, looks), 1):
        assert Evidence.from_json(orjson.loads(orjson.dumps(evidence.to_json()))) == evidence
        look = a_look(plan, k, looks[k - 1], before)
        assert step(plan, evidence, look) == (evidence, findings)


SQUARES = replace(MEAN, name="squares", buckets=(), sum_of_squares="sq", upper_bound=1e4)
REVENUE = Claim("revenue", "mean", "reward", "sum", "req", sum_of_squares="sq")
ORDERS = Claim("orders", "poisson", "reward", "conv", "req", direction="low")
A_SECOND = Claim("alerts", "poisson", numerator="err", exposure="time", upper=0.02)
LOAD = Claim("load", "gauge", numerator="sum", upper=10.0)
WEIGHED = replace(LOAD, name="weighed", denominator="req", relative_to_baseline=True)
RATIO = replace(ERRORS, name="ratio", numerator="conv", as_ratio=True)
SUCCESS = Claim("success", "bernoulli", numerator="conv", denominator="req", lower=0.9)
CLAIMS = st.sampled_from(
    [
        (CONVERSION, ERRORS, MEAN, P95),
        (REVENUE, SQUARES, RATIO),
        (ORDERS, A_SECOND, SUCCESS),
        (replace(LOAD, role="reward", upper=None), WEIGHED, LOAD, ERRORS),
    ]
)
NUMBERS = st.none() | st.integers(0, 5000).map(float) | st.floats()
KEYS = ("req", "conv", "err", "sum", "sq", *(key for _, key in BUCKETS))
READ = st.fixed_dictionaries(dict.fromkeys(KEYS, NUMBERS))


@settings(max_examples=120, deadline=None)
@given(CLAIMS, st.lists(st.tuples(READ, READ), min_size=1, max_size=5), st.booleans())
def test_no_reading_however_absurd_stops_a_run(claims, looks, early):
    plan = a_plan(*claims, iterations=len(looks), early_stop=early)
    evidence = Evidence.fresh(plan)
    for k, (one, other) in enumerate(looks, 1):
        evidence, findings = step(plan, evidence, a_look(plan, k, {"b": one, "c": other}))
        assert sum(findings.split.values()) == 100
        assert Evidence.from_json(orjson.loads(orjson.dumps(evidence.to_json()))) == evidence
        assert not any("nan" in text or "inf" in text for _, text in findings.reasons)
