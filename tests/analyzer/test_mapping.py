"""Documents into claims: every shape of a Metric, and what is missing where nothing is proved."""

from __future__ import annotations

from pathlib import Path

import pytest
from assured_builders import ERRORS, METRICS, World, a_metric, a_provable, played

from crossfade.resources import admit, gather
from crossfade.resources.yaml import load_documents
from crossfade_analyzer.inference.information import boundary_variance
from crossfade_analyzer.policies.assured import AssuredPolicy
from crossfade_analyzer.policies.mapping import map_document
from crossfade_analyzer.policies.mapping_readings import readings_of

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"


def an_example(folder, suffix=""):
    found = []
    for name in ("experiment", "metrics"):
        text = (EXAMPLES / folder / f"{name}{suffix}.yaml").read_text()
        found += load_documents(text)
    return admit(gather(found)[0])


def only(metric, spec, limit="0.01", reward=None, **objective):
    """The mapping of one objective (or reward) on a metric."""
    if reward:
        document = a_provable(
            (),
            {"metric": metric, "preferredDirection": reward} | objective,
            metrics={metric: spec},
        )
    else:
        own = {"metric": metric, **({"upperLimit": limit} if limit else {})} | objective
        document = a_provable((own,), None, metrics={metric: spec})
    return map_document(document).criteria[0]


SHAPES = [
    ({"type": "Counter"}, "100", "budget"),
    ({"type": "Counter", "distribution": "poisson"}, "100", "budget"),
    ({"distribution": "poisson", "exposure": "time"}, "100", "budget"),
    ({"window": "interval"}, "100", "gauge"),
    ({"window": "interval", "distribution": "mean"}, "100", "gauge"),
    ({"distribution": "bernoulli", "sampleSize": "requests"}, "0.01", "bernoulli"),
    (
        {"distribution": "bernoulli", "numerator": "errors", "denominator": "requests"},
        "0.01",
        "bernoulli",
    ),
    (
        {"type": "Counter", "distribution": "bernoulli", "sampleSize": "requests"},
        "0.01",
        "bernoulli",
    ),
    ({"distribution": "poisson", "sampleSize": "requests"}, "2", "poisson"),
    ({"distribution": "mean", "sampleSize": "requests", "upperBound": "9"}, "2", "mean"),
    (
        {"distribution": "quantile", "sampleSize": "requests", "histogram": "within"},
        "500",
        "quantile",
    ),
]


@pytest.mark.parametrize(("spec", "limit", "kind"), SHAPES)
def test_every_shape_of_a_metric_becomes_its_kind_of_claim(spec, limit, kind):
    found = only("p99-of-x", spec, limit)
    assert (found.claim.kind, found.why) == (kind, "")


@pytest.mark.parametrize(
    ("spec", "limit", "field"),
    [
        ({}, "0.01", "distribution"),
        ({"distribution": "bernoulli"}, "0.01", "sampleSize"),
        ({"distribution": "bernoulli", "numerator": "errors"}, "0.01", "denominator"),
        ({"distribution": "bernoulli", "sampleSize": "requests"}, "2000", "upperLimit"),
        ({"distribution": "mean", "sampleSize": "requests"}, "2000", "upperBound"),
        (
            {"distribution": "mean", "sampleSize": "requests", "sumOfSquares": "within"},
            "2",
            "upperBound",
        ),
        ({"distribution": "quantile", "sampleSize": "requests"}, "500", "histogram"),
        ({"distribution": "quantile", "histogram": "within"}, "500", "sampleSize"),
        (
            {"distribution": "bernoulli", "sampleSize": "requests", "window": "interval"},
            "0.01",
            "default/requests spec.window",
        ),
    ],
)
def test_what_cannot_be_proved_names_the_field_that_would_change_it(spec, limit, field):
    found = only("some-number", spec, limit)
    assert found.claim.kind == "descriptive"
    assert found.field == field
    assert found.blocks


def test_a_gauge_is_weighted_by_requests_of_its_own_interval_only():
    gauge = {"window": "interval", "sampleSize": "requests"}
    assert only("plain", gauge, "5").claim.denominator is None
    metrics = {"plain": gauge, "requests": {"type": "Counter", "window": "interval"}}
    document = a_provable(({"metric": "plain", "upperLimit": "5"},), None, metrics=metrics)
    mapping = map_document(document)
    key = mapping.criteria[0].claim.denominator
    readings = readings_of(World(document).sample(1), mapping.derived)
    assert readings["c"][key] is None  # no request yet: no weight, no value


def test_a_quantile_that_nobody_named_asks_which_one():
    spec = {"distribution": "quantile", "sampleSize": "requests", "histogram": "within"}
    assert only("tail", spec, "500").field == "params"
    query = [{"name": "query", "value": "histogram_quantile(0.9, sum(x))"}]
    assert only("tail", spec | {"params": query}, "500").claim.quantile == 0.9
    assert only("tail-p999", spec, "500").claim.quantile == 0.999
    assert only("95th-percentile-tail-latency", spec, "500").claim.quantile == 0.95


def test_a_monitored_objective_never_blocks():
    assert not only("plain", {}, "1", burden="monitor").blocks


def test_an_objective_without_limits_asks_for_nothing():
    assert not only("plain", {}, None).blocks


def test_two_limits_are_two_claims_with_names_of_their_own():
    both = ERRORS | {"lowerLimit": "0.001"}
    first, second = map_document(a_provable((both,), None)).criteria
    assert (first.claim.upper, second.claim.lower) == (0.01, 0.001)
    assert first.claim.name != second.claim.name


def test_a_margin_widens_a_fixed_limit_and_is_kept_against_the_baseline():
    assert only(
        "error-rate", {"distribution": "bernoulli", "sampleSize": "requests"}, margin="0.005"
    ).claim.upper == pytest.approx(0.015)
    relative = only(
        "error-rate",
        {"distribution": "bernoulli", "sampleSize": "requests"},
        limit=None,
        relativeTo="baseline",
        margin="0.005",
    ).claim
    assert relative.paired
    assert relative.margin == 0.005
    assert relative.lower_is_better


def test_a_reward_keeps_its_direction_and_the_least_effect():
    claim = only(
        "cost",
        {"distribution": "bernoulli", "sampleSize": "requests"},
        reward="Low",
        minEffect="0.02",
    ).claim
    assert (claim.role, claim.direction, claim.min_effect) == ("reward", "low", 0.02)


def test_a_count_takes_its_requests_from_the_request_count():
    metrics = {"conversion": {"type": "Counter", "distribution": "bernoulli"}}
    document = a_provable(metrics=metrics, requestCount="requests")
    assert map_document(document).criteria[0].claim.denominator == "default/requests"


def test_the_decision_of_the_document_reaches_the_plan():
    decision = {"alpha": 0.1, "rollbackAlpha": 0.2, "futility": 0, "soak": 3, "earlyStop": True}
    plan = map_document(a_provable(decision=decision)).plan
    assert (plan.alpha, plan.rollback_alpha, plan.futility) == (0.1, 0.2, 0)
    assert (plan.soak, plan.deciding_look, plan.early_stop) == (30.0, 12, True)


def test_an_extended_run_plans_for_its_new_horizon():
    assert map_document(a_provable(), iterations=40).plan.iterations == 40


@pytest.mark.parametrize("within", [None, "fast"])
def test_a_mean_without_a_second_moment_has_the_worst_variance_at_its_limit(within):
    spec = METRICS["latency"] | {"histogram": within}
    metrics = {"latency": {name: value for name, value in spec.items() if value}}
    document = a_provable(({"metric": "latency", "upperLimit": "250"},), None, metrics=metrics)
    mapping = map_document(document)
    claim, world = mapping.criteria[0].claim, World(document, requests=500)
    world.split = {"b": 50, "c": 50}
    for _ in range(5):
        world.grow()
        readings = readings_of(world.sample(1), mapping.derived)["c"]
        own = world.counts["c"]
        totals = (own["req"], own["time"], readings["default/latency#squares"])
        worst = 250 * (5000 - 250)
        v0 = boundary_variance(claim, totals)
        if within is None:
            assert v0 >= worst
        else:
            assert v0 > 0


def test_a_mean_of_rare_timeouts_is_not_taken_for_a_small_one():
    spec = {name: value for name, value in METRICS["latency"].items() if name != "histogram"}
    limit = {"metric": "latency", "upperLimit": "250"}
    document = a_provable((limit,), None, metrics={"latency": spec})
    policy, wrong = AssuredPolicy(), 0
    for seed in range(150):
        world = World(document, seed=seed, requests=300)
        world.timeouts = 0.046  # of 5 s each: a mean of 250 ms with 21 ms for the rest
        wrong += played(policy, world)[-1].verdict == "promote"
    assert wrong <= 13  # α = 0.05 of 150 is 7.5; beyond 13 has a chance below 2 %


def test_the_published_example_can_prove_nothing_and_says_why():
    mapping = map_document(an_example("iris-separate"))
    assert {m.field for m in mapping.criteria} == {"distribution"}
    assert len(mapping.blocked) == 4


@pytest.mark.parametrize("folder", ["iris-separate", "iris-single"])
def test_the_corrected_example_can_be_proved(folder):
    kinds = {
        m.ask.metric.name: m for m in map_document(an_example(folder, "-corrected")).criteria
    }
    assert kinds["error-rate"].claim.kind == "bernoulli"
    assert kinds["error-rate"].claim.as_ratio
    assert kinds["user-engagement"].claim.exposure == "time"
    for name, field in (
        ("mean-latency", "upperBound"),
        ("95th-percentile-tail-latency", "histogram"),
    ):
        assert kinds[name].provable or kinds[name].field == field


def test_the_corrected_example_is_proved_whole_with_an_upper_bound_and_two_buckets():
    body = an_example("iris-separate", "-corrected").to_json()
    by_name = {m["metadata"]["name"]: m for m in body["metrics"]}
    for name, edge in (("within-100ms", "0.1"), ("within-500ms", "0.5")):
        query = f"sum(increase(x_seconds_bucket{{le='{edge}',v='$name'}}[${{elapsedTime}}s]))"
        made = a_metric(
            name, {"type": "Counter", "params": [{"name": "query", "value": query}]}
        )
        made["metadata"]["namespace"] = "iter8-seldon"
        body["metrics"].append(made)
    by_name["mean-latency"]["spec"] |= {"upperBound": "10000", "histogram": "within-100ms"}
    by_name["95th-percentile-tail-latency"]["spec"] |= {"histogram": "within-500ms"}
    mapping = map_document(admit(body))
    assert mapping.blocked == ()
    assert [m.claim.kind for m in mapping.criteria] == [
        "poisson",
        "mean",
        "quantile",
        "bernoulli",
    ]


def test_metrics_that_iter8_installs_need_no_distribution():
    objectives = (
        {"metric": "iter8-system/error-rate", "upperLimit": "0.01"},
        {"metric": "iter8-system/error-count", "upperLimit": "100"},
    )
    kinds = [m.claim.kind for m in map_document(a_provable(objectives, None)).criteria]
    assert kinds == ["bernoulli", "budget"]
