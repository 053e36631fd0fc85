"""Documents that are right, for the tests to break."""

import copy

import pytest

EXPERIMENT = {
    "apiVersion": "iter8.tools/v2alpha2",
    "kind": "Experiment",
    "metadata": {"name": "quickstart-exp", "namespace": "ns-production"},
    "spec": {
        "target": "iris",
        "strategy": {
            "testingPattern": "A/B",
            "deploymentPattern": "Progressive",
            "actions": {
                "finish": [
                    {
                        "if": "CandidateWon()",
                        "task": "common/exec",
                        "with": {
                            "cmd": "/bin/bash",
                            "args": ["-c", 1, True],
                            "odd": {"kept": None},
                        },
                    },
                    {"run": "echo done"},
                ]
            },
            "weights": {"maxCandidateWeight": 90, "maxCandidateWeightIncrement": 20},
        },
        "criteria": {
            "requestCount": "iter8-seldon/request-count",
            "rewards": [{"metric": "user-engagement", "preferredDirection": "High"}],
            "indicators": ["iter8-seldon/error-count"],
            "objectives": [
                {"metric": "iter8-seldon/mean-latency", "upperLimit": "200"},
                {
                    "metric": "error-rate",
                    "upperLimit": "10m",
                    "lowerLimit": "0",
                    "rollback_on_failure": True,
                },
            ],
            "strength": {"reserved": [1, 2]},
        },
        "duration": {"intervalSeconds": 10, "iterationsPerLoop": 5, "maxLoops": 3},
        "versionInfo": {
            "baseline": {
                "name": "iris-v1",
                "weightObjRef": {
                    "apiVersion": "machinelearning.seldon.io/v1",
                    "kind": "SeldonDeployment",
                    "name": "iris",
                    "namespace": "ns-production",
                    "fieldPath": ".spec.predictors[0].traffic",
                },
                "variables": [{"name": "ns", "value": "ns-production"}],
            },
            "candidates": [
                {
                    "name": "iris-v2",
                    "weightObjRef": {
                        "apiVersion": "machinelearning.seldon.io/v1",
                        "kind": "SeldonDeployment",
                        "name": "iris",
                        "fieldPath": ".spec.predictors[1].traffic",
                    },
                    "variables": [{"name": "ns", "value": "ns-production"}],
                }
            ],
        },
    },
}


def _metric(ref, **spec):
    namespace, _, name = ref.rpartition("/")
    metadata = {"name": name, "namespace": namespace} if namespace else {"name": name}
    return {
        "apiVersion": "iter8.tools/v2alpha2",
        "kind": "Metric",
        "metadata": metadata,
        "spec": {"description": name, "jqExpression": ".x", **spec},
    }


METRICS = [
    _metric("iter8-seldon/request-count", type="Counter"),
    _metric("iter8-seldon/error-count", type="Counter"),
    _metric("iter8-seldon/mean-latency", sampleSize="request-count", units="milliseconds"),
    _metric("user-engagement", mock=[{"name": "iris-v1", "level": "10m"}]),
    _metric("ns-production/error-rate", sampleSize="iter8-seldon/seen"),
    _metric("iter8-seldon/seen", sampleSize="iter8-seldon/seen-by-all"),
    _metric("iter8-seldon/seen-by-all"),
]


@pytest.fixture
def experiment():
    return copy.deepcopy(EXPERIMENT)


@pytest.fixture
def metrics():
    return copy.deepcopy(METRICS)


@pytest.fixture
def body(experiment, metrics):
    return {"experiment": experiment, "metrics": metrics}
