"""Lint on whatever is admitted: it never fails, never takes long, and never refuses."""

from __future__ import annotations

import logging
import random
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossfade.errors import Malformed
from crossfade.linting import RULES, Finding, lint
from crossfade.resources import admit
from crossfade_analyzer.policies.mapping import map_document
from crossfade_analyzer.provability import rules

BOUND_SECONDS = 0.5
"""Of processor time, for the largest document that a start may carry; a usual one takes a
millisecond. A search that went back over its text would take minutes here."""

WORDS = [
    "seldon_api_executor_client_requests_seconds", "x_ms_bucket", "_sum", "_count", "_total",
    "histogram_quantile(0.95, ", "sum(", "increase(", "rate(", ")", " / ", "1000 * ", "/1000",
    "{", "}", "[", "]", "code!='200'", 'code!~"2.*|OK"', "code!~'(a{99999999999})'", "code!='",
    "grpc_code!~'[[:alpha:]]'", "code!~'(((2*)*)*)*'", "or vector(0)", "or on () vector(0.0)",
    "$name", "${elapsedTime}", "${interval}", "$", "${", "[30s]", "[1h:5m]", "[$x]", "\n", "é", "'",
]  # fmt: skip
QUERY = st.lists(st.sampled_from(WORDS), max_size=8).map("".join) | st.text(max_size=40)
QUANTITY = st.sampled_from(["0", "-1", "10m", "0.01", "1", "500", "1e9", "1Ki", "7.5"])
NAMES = st.sampled_from(["m", "error-rate", "request-count", "p95-latency"])


def maybe(**options):
    return st.fixed_dictionaries({}, optional=options)


METRICS = maybe(
    type=st.sampled_from(["Counter", "Gauge"]),
    params=st.lists(QUERY.map(lambda q: {"name": "query", "value": q}), max_size=2),
    body=QUERY,
    units=st.sampled_from(["milliseconds", "s", " MS ", "", "€"]),
    distribution=st.sampled_from(["bernoulli", "poisson", "mean", "quantile"]),
    exposure=st.sampled_from(["requests", "time"]),
    window=st.sampled_from(["cumulative", "interval"]),
    upperBound=QUANTITY,
    sampleSize=NAMES,
    numerator=NAMES,
    denominator=NAMES,
    histogram=NAMES,
    sumOfSquares=NAMES,
    secret=st.just("s"),
    authType=st.sampled_from(["Basic", "Bearer", "APIKey"]),
    headerTemplates=st.lists(QUERY.map(lambda q: {"name": "X-Key", "value": q}), max_size=2),
    urlTemplate=st.sampled_from(["http://a:b@c/", "http://h/?key=x", "//::::", "http://$name"]),
)
OBJECTIVES = st.lists(
    st.tuples(NAMES, maybe(upperLimit=QUANTITY, lowerLimit=QUANTITY,
                           relativeTo=st.just("baseline"), burden=st.just("monitor"))),
    max_size=3,
)  # fmt: skip
VERSIONS = maybe(
    variables=st.lists(
        st.tuples(st.sampled_from(["name", "x", "interval", "elapsedTime"]), QUERY).map(
            lambda pair: {"name": pair[0], "value": pair[1]}
        ),
        max_size=2,
    ),
    weightObjRef=st.fixed_dictionaries(
        {"apiVersion": st.just("v1"), "kind": st.just("VirtualService"), "name": st.just("v")},
        optional={
            "fieldPath": st.sampled_from([".spec.http[0].route[1].weight", ".spec[", "[999]"])
        },
    ),
)


def a_body(metrics, objectives=(), reward=None, versions=({}, {}), interval=30, **spec):
    """The body of a start; metrics by name."""
    criteria = {"objectives": [{"metric": name, **limits} for name, limits in objectives]}
    if reward:
        criteria["rewards"] = [{"metric": reward, "preferredDirection": "High"}]
    named = [{"name": f"v{i}", **version} for i, version in enumerate(versions)]
    base = {
        "target": "t",
        "strategy": {"testingPattern": "A/B" if reward else "Canary"},
        "criteria": criteria,
        "duration": {"intervalSeconds": interval},
        "versionInfo": {"baseline": named[0], "candidates": named[1:]},
    }
    listed = [
        {
            "apiVersion": "iter8.tools/v2alpha2",
            "kind": "Metric",
            "metadata": {"name": name},
            "spec": {"provider": "prometheus", "jqExpression": ".x", "urlTemplate": "http://h/"}
            | given,
        }
        for name, given in metrics.items()
    ]
    experiment = {
        "apiVersion": "iter8.tools/v2alpha2",
        "kind": "Experiment",
        "metadata": {"name": "exp"},
        "spec": base | spec,
    }
    return {"experiment": experiment, "metrics": listed}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    metrics=st.fixed_dictionaries(dict.fromkeys(["m", "error-rate"], METRICS))
    | st.dictionaries(NAMES, METRICS, max_size=4),
    objectives=OBJECTIVES,
    reward=st.none() | NAMES,
    versions=st.tuples(VERSIONS, VERSIONS),
    decision=st.none() | st.sampled_from([{}, {"policy": "iter8"}]),
)
def test_lint_never_fails_on_what_was_admitted(metrics, objectives, reward, versions, decision):
    spec = {} if decision is None else {"decision": decision}
    every = {name: {} for name in ("m", "error-rate", "request-count", "p95-latency")} | metrics
    try:
        document = admit(a_body(every, objectives, reward, versions, **spec))
    except Malformed:
        return
    for unsaid in ("iter8", "assured"):
        found = lint(document, rules(unsaid))
        assert all(finding.code != "lint-failed" for finding in found)
        assert len(set(found)) == len(found)
        assert all(str(finding) and finding.mend for finding in found)


def long_texts(size):
    """Texts that make a careless search go back over and over."""
    chance = random.Random(1)
    return {
        "identifier": "a" * size,
        "colons": "//" + ":" * size,
        "spaces": "code" + " " * size + "x",
        "brackets": "[" * size,
        "digits": "[" + "1" * size,
        "dollars": "${" * (size // 2),
        "quotes": "code!='\"" * (size // 8),
        "divisions": ") / (" * (size // 5),
        "factors": "1000*" * (size // 5),
        "vectors": "or vector(" * (size // 10),
        "anything": "".join(chance.choice("ab_{}[]()/*$'\" 01:") for _ in range(size)),
    }


@pytest.mark.parametrize("kind", long_texts(10))
def test_the_cost_of_a_long_query_grows_with_its_length_alone(kind):
    text = long_texts(200_000)[kind]
    metric = {"params": [{"name": "query", "value": text}], "body": text, "type": "Gauge"}
    document = admit(
        a_body({"m": metric, "error-rate": {}}, [("m", {"upperLimit": "1"})], reward="m")
    )
    assert took(document) < BOUND_SECONDS


def test_the_cost_of_many_criteria_queries_and_versions_grows_with_their_number_alone():
    query = {
        "name": "query",
        "value": "histogram_quantile(.9, seldon_api_executor_x_seconds[9s])",
    }
    limits = [("m", {"upperLimit": f"0.{i:04}"}) for i in range(1, 90)]
    metric = {"params": [query] * 3000, "type": "Gauge", "distribution": "quantile"}
    document = admit(a_body({"m": metric}, limits))
    assert took(document) < BOUND_SECONDS
    versions = [{"variables": [{"name": "x", "value": "same"}]} for _ in range(4000)]
    metric = {"params": [{"name": "query", "value": "$x" * 50_000}]}
    many = a_body({"m": metric}, limits, reward="m", versions=versions)
    many["experiment"]["spec"]["strategy"]["testingPattern"] = "A/B/N"
    assert took(admit(many)) < BOUND_SECONDS


def took(document):
    """Processor seconds of the quicker of two goes."""
    seconds = []
    for _ in range(2):
        start = time.process_time()
        assert all(f.code != "lint-failed" for f in lint(document, rules("assured")))
        seconds.append(time.process_time() - start)
    return min(seconds)


def test_a_rule_that_fails_is_told_and_logged_and_stops_no_other(caplog):
    def broken(document):
        yield Finding("first", "info", "spec", "found before it broke", "nothing")
        raise KeyError(document.name)

    document = admit(a_body({"m": {"units": "ms"}}, [("m", {})]))
    with caplog.at_level(logging.ERROR):
        found = lint(document, (broken, *RULES))
    assert [f.level for f in found if f.code == "lint-failed"] == ["warning"]
    assert "the rule broken failed here: KeyError: 'exp'" in str(found)
    assert {"first", "limit-never-binds"} <= {f.code for f in found}
    assert "lint failed" in caplog.text


def test_a_metric_may_be_asked_about_as_often_as_one_likes():
    limits = [("m", {"upperLimit": f"0.{i:04}"}) for i in range(1, 3000)]
    document = admit(a_body({"m": {"distribution": "bernoulli"}}, limits))
    assert took(document) < BOUND_SECONDS
    tags = [mapped.claim.name for mapped in map_document(document).criteria]
    assert len(set(tags)) == len(limits)
