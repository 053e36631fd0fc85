"""Metrics that sign, and metrics that say how old a number may be: refused by field at once."""

import pytest

from crossfade.errors import Malformed
from crossfade.resources import admit, parse_metric
from crossfade.resources.identities import misidentified

EXPERIMENT = {
    "metadata": {"name": "e", "namespace": "ns"},
    "spec": {
        "target": "t",
        "strategy": {"testingPattern": "Conformance"},
        "criteria": {"objectives": [{"metric": "m", "upperLimit": "1"}]},
        "versionInfo": {"baseline": {"name": "v1"}},
    },
}
CLOUDWATCH = {
    "provider": "cloudwatch",
    "authType": "SigV4",
    "urlTemplate": "https://monitoring.eu-west-1.amazonaws.com",
    "body": "{}",
}
GOOGLE = {
    "provider": "google",
    "authType": "Google",
    "urlTemplate": "https://monitoring.googleapis.com/v3/projects/p/timeSeries",
}


def a_metric(**spec):
    kept = {key: value for key, value in spec.items() if value is not None}
    return {"kind": "Metric", "metadata": {"name": "m", "namespace": "ns"}, "spec": kept}


def told(**spec):
    found = misidentified(parse_metric(a_metric(**spec)).spec, "spec")
    return [(error.field, error.message) for error in found]


@pytest.mark.parametrize(
    ("spec", "field", "words"),
    [
        (CLOUDWATCH | {"body": None}, "spec.body", "JSON of GetMetricData"),
        (CLOUDWATCH | {"params": [{"name": "a", "value": "b"}]}, "spec.params", "would be none"),
        (CLOUDWATCH | {"provider": "datadog"}, "spec.provider", "'datadog'; with authType SigV4"),
        (CLOUDWATCH | {"provider": None}, "spec.provider", "one of cloudwatch, prometheus"),
        (GOOGLE | {"urlTemplate": "http://monitoring.googleapis.com"}, "spec.urlTemplate", "https"),
        (GOOGLE | {"urlTemplate": "https://googleapis.com.x.y"}, "spec.urlTemplate", "https"),
        (GOOGLE | {"urlTemplate": None}, "spec.urlTemplate", "found nothing"),
        (GOOGLE | {"tls": {"insecureSkipVerify": True}}, "spec.tls.insecureSkipVerify", "false"),
        ({"maxAge": 30}, "spec.timestampExpression", "maxAge 30 takes one"),
        ({"maxAge": 30, "provider": "graphite"}, "spec.timestampExpression", "is missing"),
    ],
)  # fmt: skip
def test_what_could_never_be_asked_is_refused_by_field(spec, field, words):
    assert [f for f, _ in told(**spec)] == [field]
    assert words in told(**spec)[0][1]


@pytest.mark.parametrize(
    "spec",
    [
        CLOUDWATCH,
        CLOUDWATCH | {"provider": "prometheus", "body": None, "params": []},
        CLOUDWATCH | {"authType": None, "body": None, "params": [{"name": "a", "value": "b"}]},
        CLOUDWATCH | {"maxAge": 300},
        GOOGLE | {"maxAge": 300},
        GOOGLE | {"urlTemplate": "https://${host}/q"},
        {"maxAge": 30, "provider": "Prometheus"},
        {"maxAge": 30, "timestampExpression": ".at"},
        {"maxAge": 30, "mock": [{"name": "v1", "level": "1"}]},
        {"maxAge": 30, "provider": "iter8"},
        {"authType": "SigV4", "mock": []},
    ],
)
def test_what_can_be_asked_is_taken(spec):
    assert told(**spec) == []


def test_a_metric_of_the_document_is_refused_with_its_place():
    body = {"experiment": EXPERIMENT, "metrics": [a_metric(**GOOGLE, maxAge=0)]}
    body["metrics"][0]["spec"]["urlTemplate"] = "https://evil.test"
    with pytest.raises(Malformed) as refused:
        admit(body)

    fields = {error.field for error in refused.value.errors}
    assert fields == {"metrics[0].spec.maxAge", "metrics[0].spec.urlTemplate"}


def test_a_metric_of_the_cluster_is_refused_with_its_name():
    with pytest.raises(Malformed) as refused:
        admit({"experiment": EXPERIMENT}, find_metric={"ns/m": a_metric(maxAge=30)})

    (error,) = refused.value.errors
    assert error.field == "metric ns/m: spec.timestampExpression"
    assert error.reason == "MetricsUnreadable"
