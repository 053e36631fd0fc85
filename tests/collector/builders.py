"""Documents, metrics and answers that tests of the collector ask for."""

import datetime

from crossfade.resources import Document

START = datetime.datetime(2026, 3, 1, 12, 0, tzinfo=datetime.UTC)
FIRST = ".data.result[0].value[1] | tonumber"


def vector(value):
    """Prometheus' answer to an instant query; None is an empty vector."""
    result = [] if value is None else [{"metric": {}, "value": [1700000000.0, str(value)]}]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


def a_metric(name="m", **spec):
    return {
        "apiVersion": "iter8.tools/v2alpha2",
        "kind": "Metric",
        "metadata": {"name": name, "namespace": "ns"},
        "spec": spec,
    }


def asking(backend, name="m", path="/api/v1/query", **spec):
    """A Metric that asks a back-end as the seed's metrics do."""
    written = {"urlTemplate": backend.url + path, "jqExpression": FIRST} | spec
    return a_metric(name, **written)


def a_document(*metrics, interval=10, iterations=15, objectives=None, **version):
    names = [m["metadata"]["name"] for m in metrics]
    experiment = {
        "apiVersion": "iter8.tools/v2alpha2",
        "kind": "Experiment",
        "metadata": {"name": "exp", "namespace": "ns"},
        "spec": {
            "target": "t",
            "strategy": {"testingPattern": "Canary"},
            "criteria": {
                "objectives": objectives or [{"metric": n, "upperLimit": 10} for n in names]
            },
            "duration": {"intervalSeconds": interval, "iterationsPerLoop": iterations},
            "versionInfo": {
                "baseline": {"name": "v1", **version},
                "candidates": [{"name": "v2", **version}],
            },
        },
    }
    return Document.from_json({"experiment": experiment, "metrics": list(metrics)})
