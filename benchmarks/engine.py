"""What one look costs the decision engine: of one run alone, and of ten thousand runs at once.

    python benchmarks/engine.py [--runs 10000] [--looks 15]

Four claims of two versions, eight version-metrics: conversion, error-rate, latency as a mean from
a histogram, and its p95. The floor of the scalar path is reading and writing its state as JSON;
that of the NumPy path is one exp and one log of every number it keeps.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping

import numpy as np
import orjson

from crossfade_analyzer.inference import Claim, Evidence, Look, Plan, many, step

EDGES = (50.0, 100.0, 200.0, 500.0, 1000.0)
BUCKETS = tuple((edge, f"le-{edge:g}") for edge in EDGES)
CLAIMS = (
    Claim("conversion", "bernoulli", "reward", "conversions", "requests"),
    Claim("error-rate", "bernoulli", numerator="errors", denominator="requests", upper=0.01),
    Claim(
        "mean", "mean", numerator="sum", denominator="requests", buckets=BUCKETS, upper=250.0
    ),
    Claim("p95", "quantile", denominator="requests", buckets=BUCKETS, upper=500.0),
)
VERSION_METRICS = 2 * len(CLAIMS)
SPLIT = np.array([60, 40])
Arrays = dict[str, np.ndarray]


def a_plan(looks: int) -> Plan:
    """A run of so many looks ten seconds apart."""
    return Plan(looks, 10.0, "b", ("c",), CLAIMS, requests_per_interval=1000.0)


def readings(rng: np.random.Generator, runs: int, totals: Arrays) -> Arrays:
    """Cumulative readings of every run and version, one interval later."""
    n = rng.poisson(1000 * SPLIT / 100, (runs, 2)).astype(float)
    grown = {
        "requests": n,
        "conversions": rng.binomial(n.astype(int), 0.1),
        "errors": rng.binomial(n.astype(int), 0.003),
        "sum": n * rng.uniform(120.0, 160.0, n.shape),
    }
    for edge, key in BUCKETS:
        grown[key] = np.floor(n * (1.0 - np.exp(-edge / 110.0)))
    for key, more in grown.items():
        totals[key] = totals.get(key, np.zeros(n.shape)) + more
    return dict(totals)


def a_look(k: int, seen: Arrays, run: int) -> Look:
    """One run's look out of the arrays."""
    own: Mapping[str, Mapping[str, float | None]] = {
        name: {key: float(x[run, v]) for key, x in seen.items()} for v, name in enumerate("bc")
    }
    return Look(k, 10.0 * k, dict(zip("bc", SPLIT.tolist(), strict=True)), own)


def alone(plan: Plan, looks: list[Arrays], runs: int) -> tuple[float, float]:
    """(CPU seconds of one scalar step, of its state as JSON and back)."""
    asked = [[a_look(k, seen, run) for k, seen in enumerate(looks, 1)] for run in range(runs)]
    began = time.process_time()
    for mine in asked:
        evidence = Evidence.fresh(plan)
        for look in mine:
            evidence, _ = step(plan, evidence, look)
    stepped = time.process_time()
    body = evidence.to_json()
    for _ in range(runs * len(looks)):
        orjson.loads(orjson.dumps(body))
    count = runs * len(looks)
    return (stepped - began) / count, (time.process_time() - stepped) / count


def together(plan: Plan, looks: list[Arrays], runs: int) -> list[float]:
    """CPU seconds of every look of all runs at once."""
    evidence, split, taken = many.ManyEvidence.fresh(plan, runs), np.tile(SPLIT, (runs, 1)), []
    for k, seen in enumerate(looks, 1):
        began = time.process_time()
        evidence, _ = many.step(plan, evidence, many.ManyLook(k, 10.0 * k, split, seen))
        taken.append(time.process_time() - began)
    return taken


def pass_over(runs: int) -> float:
    """CPU seconds of one exp and one log of as many numbers as the evidence holds."""
    numbers = np.ones((runs, VERSION_METRICS * 32))
    began = time.process_time()
    np.log(np.exp(numbers))
    return time.process_time() - began


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--looks", type=int, default=15)
    asked = parser.parse_args()
    plan, rng, totals = a_plan(asked.looks), np.random.default_rng(1), {}
    looks = [readings(rng, asked.runs, totals) for _ in range(asked.looks)]
    one, least = min(alone(plan, looks, 100) for _ in range(5))
    print(
        f"one run alone     {1e3 * one:8.3f} ms a look  {1e6 * one / VERSION_METRICS:7.1f} µs a "
        f"version-metric  {one / least:6.1f} x floor (its state as JSON and back)"
    )
    taken, floor = (
        together(plan, looks, asked.runs),
        min(pass_over(asked.runs) for _ in range(5)),
    )
    best, each = min(taken), min(taken) / asked.runs / VERSION_METRICS
    print(
        f"{asked.runs:,d} runs at once {1e3 * best:6.1f} ms a look  {1e6 * each:7.2f} µs a "
        f"version-metric  {best / floor:6.1f} x floor (exp and log of its numbers)  "
        f"slowest look {1e3 * max(taken):.1f} ms"
    )


if __name__ == "__main__":
    main()
