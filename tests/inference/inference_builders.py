"""Plans and looks for the engine's tests."""

from __future__ import annotations

import math
from dataclasses import replace

from crossfade_analyzer.inference import Claim, Evidence, Look, Plan, opening, step

EDGES = (5, 10, 25, 50, 75, 100, 250, 500, 1000, 2500, 5000, 10000)
BUCKETS = tuple((float(edge), f"le{edge}") for edge in EDGES)
CONVERSION = Claim("conversion", "bernoulli", "reward", "conv", "req")
ERRORS = Claim("error-rate", "bernoulli", numerator="err", denominator="req", upper=0.01)
MEAN = Claim(
    "mean-latency", "mean", numerator="sum", denominator="req", buckets=BUCKETS, upper=200.0
)
P95 = Claim("p95", "quantile", denominator="req", buckets=BUCKETS, upper=500.0)


def a_plan(*claims, candidates=("c",), iterations=15, **changes):
    plan = Plan(iterations, 10.0, "b", candidates, claims or (CONVERSION, ERRORS))
    return replace(plan, **changes)


def a_look(plan, k, readings, split=None, **changes):
    split = split or {plan.baseline: 50, **dict.fromkeys(plan.candidates, 50)}
    return Look(k, k * plan.interval, split, readings, **changes)


def steady(plan, rates, requests=400.0, looks=None, evidence=None, start=1, split=None):
    """A run in which every version's counters grow by the same amounts at each look."""
    evidence = evidence or Evidence.fresh(plan)
    findings = None
    for k in range(start, (looks or plan.iterations) + 1):
        readings = {
            name: {"req": k * requests, **{key: k * requests * r for key, r in own.items()}}
            for name, own in rates.items()
        }
        evidence, findings = step(plan, evidence, a_look(plan, k, readings, split))
    return evidence, findings


class World:
    """A run whose outcomes are drawn; cumulative counters of each version, split followed."""

    def __init__(self, plan, rng, conv=0.1, lift=1.0, err=0.003, requests=1000):
        self.plan, self.rng, self.requests = plan, rng, requests
        self.rates = {
            name: {"conv": conv * (lift if i else 1.0), "err": err}
            for i, name in enumerate(plan.versions)
        }
        self.split = opening(plan)
        self.counters = {
            n: dict.fromkeys(("req", "conv", "err", "sum"), 0.0) for n in plan.versions
        }
        for own in self.counters.values():
            own.update(dict.fromkeys((key for _, key in BUCKETS), 0.0))

    def look(self, k):
        for name in self.plan.versions:
            own, n = (
                self.counters[name],
                self.rng.poisson(self.requests * self.split[name] / 100),
            )
            own["req"] += n
            for key, rate in self.rates[name].items():
                own[key] += self.rng.binomial(n, rate)
            slow = self.rng.lognormal(math.log(100), 0.8, n)
            own["sum"] += float(slow.sum())
            for edge, key in BUCKETS:
                own[key] += int((slow <= edge).sum())
        readings = {name: dict(own) for name, own in self.counters.items()}
        return Look(k, k * self.plan.interval, dict(self.split), readings)

    def looks(self):
        """Every look of a run that follows the recommended split."""
        evidence = Evidence.fresh(self.plan)
        for k in range(1, self.plan.iterations + 1):
            look = self.look(k)
            evidence, findings = step(self.plan, evidence, look)
            yield look, evidence, findings
            self.split = findings.split
