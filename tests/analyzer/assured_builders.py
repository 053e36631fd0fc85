"""Documents that can be proved, and made-up worlds that follow the split they are given."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import orjson

from crossfade.events import MetricSample, Reading
from crossfade.resources import admit
from crossfade_analyzer.policies.port import written

AT = datetime(2026, 1, 1, tzinfo=UTC)
METRICS = {
    "requests": {"type": "Counter"},
    "conversion": {"type": "Counter", "distribution": "bernoulli", "sampleSize": "requests"},
    "conversion-rate": {
        "type": "Gauge",
        "distribution": "bernoulli",
        "sampleSize": "requests",
    },
    "error-rate": {"type": "Gauge", "distribution": "bernoulli", "sampleSize": "requests"},
    "latency": {
        "type": "Gauge",
        "distribution": "mean",
        "sampleSize": "requests",
        "upperBound": "5000",
        "histogram": "fast",
    },
    "fast": {"type": "Counter"},
    "within": {"type": "Counter"},
    "p95": {
        "type": "Gauge",
        "distribution": "quantile",
        "sampleSize": "requests",
        "histogram": "within",
    },
    "feedback": {"type": "Gauge", "distribution": "poisson", "exposure": "time"},
    "plain": {"type": "Gauge"},
    "errors": {"type": "Counter"},
}
ERRORS = {"metric": "error-rate", "upperLimit": "0.01"}
RATE = {"metric": "conversion-rate", "preferredDirection": "High"}
CONVERSION = {"metric": "conversion", "preferredDirection": "High"}


def a_metric(name, spec):
    return {
        "apiVersion": "iter8.tools/v2alpha2",
        "kind": "Metric",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"urlTemplate": "http://back.end", "jqExpression": ".x", **spec},
    }


def a_provable(
    objectives=(ERRORS,),
    reward=CONVERSION,
    candidates=("c",),
    iterations=15,
    pattern=None,
    decision=None,
    metrics=None,
    strategy=None,
    **criteria,
):
    """A document of policy `assured`; `metrics` replace or add to METRICS by name."""
    pattern = pattern or ("Canary" if reward is None else "A/B/N")
    criteria |= {"objectives": list(objectives)}
    if reward:
        criteria["rewards"] = [reward]
    experiment = {
        "apiVersion": "iter8.tools/v2alpha2",
        "kind": "Experiment",
        "metadata": {"name": "exp", "namespace": "default"},
        "spec": {
            "target": "t",
            "strategy": {"testingPattern": pattern, **(strategy or {})},
            "criteria": criteria,
            "duration": {"intervalSeconds": 10, "iterationsPerLoop": iterations},
            "decision": {"policy": "assured"} | (decision or {}),
            "versionInfo": {
                "baseline": {"name": "b"},
                **({"candidates": [{"name": c} for c in candidates]} if candidates else {}),
            },
        },
    }
    specs = METRICS | (metrics or {})
    return admit(
        {"experiment": experiment, "metrics": [a_metric(n, s) for n, s in specs.items()]}
    )


class World:
    """Cumulative readings of every version, drawn; `change` alters the truth at an iteration."""

    def __init__(self, document, seed=1, requests=2000, conversion=0.1, errors=0.003, **truth):
        self.document = document
        self.rng = np.random.default_rng(seed)
        self.requests = requests
        self.timeouts = 0.0
        names = [version.name for version in document.versions]
        self.truth = {
            name: {"conversion": conversion, "errors": errors} | truth.get(name, {})
            for name in names
        }
        self.counts = {
            n: dict.fromkeys(("req", "conv", "err", "time", "fast", "within", "feedback"), 0.0)
            for n in names
        }
        self.split = {names[0]: 100, **dict.fromkeys(names[1:], 0)}

    def grow(self):
        for name, own in self.counts.items():
            share = self.split.get(name, 100 if len(self.counts) == 1 else 0) / 100
            truth, n = self.truth[name], self.rng.poisson(self.requests * share)
            own["req"] += n
            own["conv"] += self.rng.binomial(n, truth["conversion"])
            own["err"] += self.rng.binomial(n, truth["errors"])
            slow = np.minimum(self.rng.lognormal(np.log(truth.get("ms", 100)), 0.8, n), 5000)
            if self.timeouts:
                slow = np.where(self.rng.random(n) < self.timeouts, 5000.0, 21.0)
            own["time"] += float(slow.sum())
            own["fast"] += int((slow <= 250).sum())
            own["within"] += int((slow <= 500).sum())
            own["feedback"] += self.rng.poisson(truth.get("feedback", 30))

    def sample(self, iteration, of=0, silent=()):
        """A sample of every metric; versions or metrics in `silent` give no value."""
        readings = []
        for name, own in self.counts.items():
            n = own["req"]
            values = {
                "requests": n,
                "conversion": own["conv"],
                "conversion-rate": own["conv"] / n if n else None,
                "error-rate": own["err"] / n if n else None,
                "latency": own["time"] / n if n else None,
                "fast": own["fast"],
                "within": own["within"],
                "p95": 300.0,
                "feedback": own["feedback"],
                "plain": 1.0,
                "errors": own["err"],
            }
            for metric, value in values.items():
                lost = value is None or name in silent or metric in silent
                readings.append(
                    Reading(
                        version=name,
                        metric=f"default/{metric}",
                        value=None if lost else value,
                        absent="empty-result" if lost else None,
                    )
                )
        return MetricSample(
            uid="u",
            iteration=iteration,
            of=of or self.document.iterations,
            at=AT,
            elapsed_seconds=10 * iteration,
            split=dict(self.split),
            readings=tuple(readings),
        )


def played(policy, world, looks=None, silent=lambda iteration: (), change=None):
    """Every judgement of a run until it is final; memory goes through JSON each time."""
    memory, judgements = {}, []
    for iteration in range(1, (looks or world.document.iterations) + 1):
        if change:
            change(world, iteration)
        world.grow()
        sample = world.sample(iteration, silent=silent(iteration))
        judgement = policy.judge(world.document, memory, sample)
        judgements.append(judgement)
        memory = orjson.loads(written(judgement.memory))
        world.split = judgement.split or world.split
        if judgement.final:
            break
    return judgements
