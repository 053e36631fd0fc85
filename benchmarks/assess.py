"""How many samples a second one core assesses, beside the floor of only parsing and writing JSON.

    python benchmarks/assess.py [--samples 60000] [--runs 4000] [--policy iter8|assured|both]

Runs are interleaved as in a log; every line is parsed, judged and written as `assess` does: by
one process in CPU seconds, then by all processors together in seconds on the clock.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from crossfade.resources import Document, admit
from crossfade.settings import AnalyzerSettings
from crossfade_analyzer.policies.choice import policies
from crossfade_cli.assessing import filtered
from crossfade_cli.sharing import processors

AT_ONCE = 700
"""Lines that are read at once: a mebibyte."""

METRICS: dict[str, dict[str, Any]] = {
    "requests": {"type": "Counter"},
    "conversion": {"type": "Counter", "distribution": "bernoulli", "sampleSize": "requests"},
    "error-rate": {"type": "Gauge", "distribution": "bernoulli", "sampleSize": "requests"},
    "within": {"type": "Counter"},
    "p95": {"distribution": "quantile", "sampleSize": "requests", "histogram": "within"},
}


def a_document(policy: str, iterations: int) -> Document:
    """An A/B document with a reward and two objectives."""
    limits = {"error-rate": "0.01", "p95": "500"}
    spec = {
        "target": "t",
        "strategy": {"testingPattern": "A/B"},
        "criteria": {
            "rewards": [{"metric": "conversion", "preferredDirection": "High"}],
            "objectives": [{"metric": m, "upperLimit": x} for m, x in limits.items()],
        },
        "duration": {"intervalSeconds": 10, "iterationsPerLoop": iterations},
        "decision": {"policy": policy},
        "versionInfo": {"baseline": {"name": "b"}, "candidates": [{"name": "c"}]},
    }
    kinds = {"apiVersion": "iter8.tools/v2alpha2"}
    return admit(
        {
            "experiment": {
                **kinds,
                "kind": "Experiment",
                "metadata": {"name": "x"},
                "spec": spec,
            },
            "metrics": [
                {**kinds, "kind": "Metric", "metadata": {"name": name}, "spec": own}
                for name, own in METRICS.items()
            ],
        }
    )


def lines(samples: int, runs: int) -> list[bytes]:
    """Sample lines of interleaved runs, steadily growing."""
    of = -(-samples // runs)
    return [a_line(i % runs, i // runs + 1, of) for i in range(samples)]


def a_line(run: int, iteration: int, of: int) -> bytes:
    """One line of one run."""
    n, lift = 500.0 * iteration, 1.0 + (run % 7 - 3) * 0.05
    values = {"requests": n, "within": n * 0.98, "p95": 300.0, "error-rate": 0.003}
    readings = [
        {"version": v, "metric": f"default/{m}", "value": x}
        for v, factor in (("b", 1.0), ("c", lift))
        for m, x in {**values, "conversion": n * 0.1 * factor}.items()
    ]
    sample = {
        "uid": f"run-{run}",
        "iteration": iteration,
        "of": of,
        "at": "2026-01-01T00:00:00Z",
        "elapsedSeconds": 10 * iteration,
        "split": {"b": 60, "c": 40},
        "readings": readings,
    }
    return orjson.dumps(sample)


def floor(all_lines: Iterable[bytes]) -> int:
    """Parse and write every line, nothing else."""
    return sum(len(orjson.dumps(orjson.loads(line))) for line in all_lines)


def assessed(all_lines: list[bytes], policy: str, iterations: int, jobs: int = 1) -> int:
    """The filter itself, over every line; its exit code."""
    document = a_document(policy, iterations)
    batches = [all_lines[i : i + AT_ONCE] for i in range(0, len(all_lines), AT_ONCE)]
    with Path(os.devnull).open("wb") as out:
        return filtered(document, policies(AnalyzerSettings()), batches, out, jobs)


def timed(work: Callable[[], int], clock: Callable[[], float] = time.process_time) -> float:
    """CPU seconds of some work, or seconds of another clock."""
    before = clock()
    work()
    return clock() - before


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=60_000)
    parser.add_argument("--runs", type=int, default=4_000)
    parser.add_argument("--policy", choices=("iter8", "assured", "both"), default="both")
    asked = parser.parse_args()
    all_lines = lines(asked.samples, asked.runs)
    iterations = -(-asked.samples // asked.runs)
    least = timed(lambda: floor(all_lines))
    print(f"floor    {asked.samples / least:>10,.0f} samples/s")
    chosen = ("iter8", "assured") if asked.policy == "both" else (asked.policy,)
    for policy in chosen:
        took = timed(partial(assessed, all_lines, policy, iterations))
        rate = asked.samples / took
        print(
            f"{policy:8} {rate:>10,.0f} samples/s  {took:6.1f} s  {took / least:6.0f} x floor"
        )
        jobs = processors()
        took = timed(partial(assessed, all_lines, policy, iterations, jobs), time.perf_counter)
        print(f"{'':8} {took:10.1f} s on the clock by {jobs} processes")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak RSS {peak:>10,.0f} MB (lines and memories included)")


if __name__ == "__main__":
    main()
