"""How long a scrape of `/metrics` keeps the console from everything else, with many runs.

    python benchmarks/metrics.py [--runs 1000]

The iris example is folded for every run. The floor is prometheus_client writing the same lines
from families that are already filled, which holds the loop from beginning to end. A scrape is
measured when every run has changed since the last one, and when none has.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from crossfade.runtime.service import Logged
from crossfade.testing.runs import START, IrisRun
from crossfade_console.metrics import ProjectedMetrics
from crossfade_console.projection import Projection

NOW = START + timedelta(minutes=5)


def folded(runs: int) -> Projection:
    """A projection of so many runs in the middle of their lives."""
    projection = Projection()
    for i in range(runs):
        for at, event in IrisRun(name=f"iris-{i}", uid=f"uid-{i}").events(upto=5):
            projection.take(Logged(event, projection.version + 1, at, pending=0))
    return projection


class Filled(Collector):
    """Families as a library would be given them."""

    def __init__(self, text: str) -> None:
        self.families = list(text_string_to_metric_families(text))

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        yield from self.families


def floor(text: str) -> float:
    """Seconds that the library needs to write them."""
    registry = CollectorRegistry()
    registry.register(Filled(text))
    return min(_timed(lambda: generate_latest(registry)) for _ in range(3))


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


async def scrape(metrics: ProjectedMetrics) -> tuple[float, float, bytes]:
    """(seconds, longest that nobody else had the loop, the text)."""
    longest, last, over = 0.0, time.perf_counter(), asyncio.Event()

    async def watch() -> None:
        nonlocal longest, last
        while not over.is_set():
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
            await asyncio.sleep(0)

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    began = time.perf_counter()
    text = await metrics.text()
    took = time.perf_counter() - began
    await asyncio.sleep(0)
    over.set()
    await watching
    return took, longest, text


async def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000)
    projection = folded(parser.parse_args().runs)
    metrics = ProjectedMetrics(projection, lambda: NOW, timedelta(minutes=10))
    took, held, text = await scrape(metrics)
    least = floor(text.decode())
    print(f"floor      {1000 * least:7.1f} ms for {text.count(b'{'):,d} lines")
    for name, seconds, longest in (
        ("all changed", took, held),
        ("none changed", *(await scrape(metrics))[:2]),
    ):
        print(
            f"{name:12} {1000 * seconds:5.1f} ms  {seconds / least:5.2f} x floor, "
            f"the loop held for {1000 * longest:.1f} ms, {longest / least:.3f} x floor"
        )


if __name__ == "__main__":
    asyncio.run(main())
