"""What stories of lifecycles have on the stage: a routing rule, a metric, an experiment."""

from __future__ import annotations

import itertools

API = "iter8.tools/v2alpha2"
RULES = "networking.istio.io/v1beta1/virtualservices"


def a_rule(namespace, name="rule", first=100):
    destinations = [("v1", first), ("v2", 100 - first)]
    route = [{"destination": {"host": host}, "weight": w} for host, w in destinations]
    return {
        "apiVersion": "networking.istio.io/v1beta1",
        "kind": "VirtualService",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"hosts": ["a.example.com"], "http": [{"route": route}]},
    }


def a_version(name, index, namespace, rule):
    path = f".spec.http[0].route[{index}].weight"
    at = {"kind": "VirtualService", "namespace": namespace, "name": rule, "fieldPath": path}
    return {"name": name, "weightObjRef": {"apiVersion": "networking.istio.io/v1beta1", **at}}


def an_experiment(
    namespace, name="canary", *, rule="rule", target="", iterations=3, interval=1, **strategy
):
    return {
        "apiVersion": API,
        "kind": "Experiment",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "target": target or f"{namespace}/{name}",
            "strategy": {"testingPattern": "Canary", **strategy},
            "criteria": {"objectives": [{"metric": "latency", "upperLimit": 100}]},
            "duration": {"intervalSeconds": interval, "iterationsPerLoop": iterations},
            "versionInfo": {
                "baseline": a_version("v1", 0, namespace, rule),
                "candidates": [a_version("v2", 1, namespace, rule)],
            },
        },
    }


def a_metric(namespace, **spec):
    mock = [{"name": version, "level": "10"} for version in ("v1", "v2")]
    return {
        "apiVersion": API,
        "kind": "Metric",
        "metadata": {"name": "latency", "namespace": namespace},
        "spec": spec or {"mock": mock},
    }


def condition(experiment, kind):
    return next(c for c in experiment["status"]["conditions"] if c["type"] == kind)


def weights(world, namespace, rule="rule"):
    """Every pair of weights that the rule has had, repeats left out."""
    pairs = [
        tuple(r["weight"] for r in version["spec"]["http"][0]["route"])
        for version in world.histories.of(RULES, namespace, rule)
    ]
    return [pair for pair, _ in itertools.groupby(pairs)]


async def failed(world, experiment):
    """Reason and message of a run that has to fail."""
    uid, meta = await world.create(experiment), experiment["metadata"]
    ended = await world.ended(meta["name"], uid, meta["namespace"])
    assert ended["status"]["message"] == "ExperimentCompleted: Experiment failed"
    assert condition(ended, "Completed")["status"] == "True"
    found = condition(ended, "Failed")
    assert found["status"] == "True"
    return found["reason"], found["message"]
