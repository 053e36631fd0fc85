"""Runs and resources for tests of commands."""

from __future__ import annotations

from dataclasses import replace

from crossfade.domain.lifecycle import begin
from crossfade.domain.runs import Plan
from crossfade.resources import Document
from crossfade.testing.runs import IrisRun, iris_document
from crossfade_cli.drafts import Wishes, documents

SEED_TABLES = """
****** Overview ******
Experiment name: quickstart-exp
Experiment namespace: seldon
Target: iris
Testing pattern: A/B
Deployment pattern: Progressive

****** Progress Summary ******
Experiment stage: Running
Number of completed iterations: 6

****** Winner Assessment ******
App versions in this experiment: [iris-v1 iris-v2]
Winning version: iris-v2
Version recommended for promotion: iris-v2

****** Objective Assessment ******
> Identifies whether or not the experiment objectives are satisfied by the most recently \
observed metrics values for each version.
+-------------------------------------------+---------+---------+
|                 OBJECTIVE                 | IRIS-V1 | IRIS-V2 |
+-------------------------------------------+---------+---------+
| iter8-seldon/mean-latency <=              | true    | true    |
|                                  2000.000 |         |         |
+-------------------------------------------+---------+---------+
| iter8-seldon/95th-percentile-tail-latency | true    | true    |
| <= 5000.000                               |         |         |
+-------------------------------------------+---------+---------+
| iter8-seldon/error-rate <=                | true    | true    |
|                                     0.010 |         |         |
+-------------------------------------------+---------+---------+

****** Metrics Assessment ******
> Most recently read values of experiment metrics for each version.
+-------------------------------------------+---------+---------+
|                  METRIC                   | IRIS-V1 | IRIS-V2 |
+-------------------------------------------+---------+---------+
| iter8-seldon/request-count                |   5.256 |   1.655 |
+-------------------------------------------+---------+---------+
| iter8-seldon/user-engagement              |  49.867 |  68.240 |
+-------------------------------------------+---------+---------+
| iter8-seldon/mean-latency                 |   0.016 |   0.016 |
| (milliseconds)                            |         |         |
+-------------------------------------------+---------+---------+
| iter8-seldon/95th-percentile-tail-latency |   0.025 |   0.045 |
| (milliseconds)                            |         |         |
+-------------------------------------------+---------+---------+
| iter8-seldon/error-rate                   |   0.000 |   0.000 |
+-------------------------------------------+---------+---------+
"""
"""What the seed prints for iter8ctl, as published."""

REWARD_SECTION = """
****** Reward Assessment ******
> Identifies values of reward metrics for each version. The best version is marked with a '*'.
+--------------------------------+---------+----------+
|             REWARD             | IRIS-V1 | IRIS-V2  |
+--------------------------------+---------+----------+
| iter8-seldon/user-engagement   |  49.867 | 68.240 * |
| (higher better)                |         |          |
+--------------------------------+---------+----------+
"""

_READ = {
    "request-count": ("5255814u", "1654656u", ""),
    "user-engagement": ("49866666u", "68240m", ""),
    "mean-latency": ("15501u", "15400u", "milliseconds"),
    "95th-percentile-tail-latency": ("24804743n", "45m", "milliseconds"),
    "error-rate": ("0", "0", ""),
}


def the_seed(**status):
    """The seed's experiment after six iterations, with its published numbers."""

    def key(name):
        return f"iter8-seldon/{name}"

    return {
        "apiVersion": "iter8.tools/v2alpha2",
        "kind": "Experiment",
        "metadata": {"name": "quickstart-exp", "namespace": "seldon"},
        "spec": {
            "target": "iris",
            "strategy": {"testingPattern": "A/B", "deploymentPattern": "Progressive"},
            "criteria": {
                "rewards": [{"metric": key("user-engagement"), "preferredDirection": "High"}],
                "objectives": [
                    {"metric": key("mean-latency"), "upperLimit": 2000},
                    {"metric": key("95th-percentile-tail-latency"), "upperLimit": "5k"},
                    {"metric": key("error-rate"), "upperLimit": "0.01"},
                ],
            },
            "versionInfo": {
                "baseline": {"name": "iris-v1", "weightObjRef": {"kind": "SeldonDeployment"}},
                "candidates": [{"name": "iris-v2"}],
            },
        },
        "status": {
            "stage": "Running",
            "completedIterations": 6,
            "versionRecommendedForPromotion": "iris-v2",
            "metrics": [
                {"name": key(name), "metricObj": {"spec": {"units": units} if units else {}}}
                for name, (_, _, units) in _READ.items()
            ],
            "analysis": {
                "aggregatedMetrics": {
                    "data": {
                        key(name): {
                            "data": {"iris-v1": {"value": one}, "iris-v2": {"value": two}}
                        }
                        for name, (one, two, _) in _READ.items()
                    }
                },
                "versionAssessments": {"data": {"iris-v1": [True] * 3, "iris-v2": [True] * 3}},
                "winnerAssessment": {"data": {"winnerFound": True, "winner": "iris-v2"}},
            },
        }
        | status,
    }


PLAN = Plan("iris-v1", ("iris-v1", "iris-v2"), 15, 15, 10.0)


async def enrol(talk, run=None, upto=None, at=1_767_261_600.0, weighted=True, **changes):
    """A run in the bucket and its events in the log, as the services would leave them."""
    run = run or IrisRun()
    body = iris_document(run.namespace, run.name, run.iterations)
    info = body["experiment"]["spec"]["versionInfo"]
    for version in () if weighted else (info["baseline"], *info["candidates"]):
        del version["weightObjRef"]
    document = Document.from_json(body)
    state = begin(run.uid, run.namespace, run.name, document.target, PLAN, at)
    state = replace(state, outbox=(), **changes)
    await talk.ledger.enrol(state, document)
    for _, event in run.events(upto):
        await talk.publisher.say(event)
    return state


def drafted(iterations=2, name="iris", **changes):
    """An experiment of made-up metrics that takes a second an iteration, and its metrics."""
    wishes = Wishes("mock", name, "default", "", name, "one", "two")
    experiment, metrics = documents(wishes)
    experiment["spec"]["duration"] = {"intervalSeconds": 1, "iterationsPerLoop": iterations}
    experiment["spec"]["strategy"]["deploymentPattern"] = "FixedSplit"
    experiment["spec"] |= changes
    return [experiment, *metrics]
