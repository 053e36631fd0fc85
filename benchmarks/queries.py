"""What a batch saves: one query for all metrics of all versions against one query each.

    python benchmarks/queries.py [rounds]

Asks a real Prometheus, over one connection pool, for the six metrics of the Seldon quick start
and two versions, and prints the wall time and Prometheus' own CPU time of a round.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import web
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from crossfade_lab.metrics import EmbeddedPrometheus, RealPrometheus, find_prometheus

SERVER = "seldon_api_executor_server_requests_seconds"
CLIENT = "seldon_api_executor_client_requests_seconds"
NONE = "or on() vector(0)"
METRICS = (
    "histogram_quantile(0.95, sum(rate({cli}_bucket{{{s}}}[{w}])) by (le))",
    "sum(increase({srv}_count{{code!='200',{s}}}[{w}])) {z}",
    "(sum(increase({srv}_count{{code!='200',{s}}}[{w}])) {z}) "
    "/ (sum(increase({srv}_count{{{s}}}[{w}])) {z})",
    "(sum(increase({cli}_sum{{{s}}}[{w}])) {z}) / (sum(increase({cli}_count{{{s}}}[{w}])) {z})",
    "sum(increase({cli}_sum{{{s}}}[{w}])) {z}",
    "sum(increase({srv}_count{{service='feedback',{s}}}[{w}])) {z}",
)
VERSIONS = ("baseline", "candidate")
QUERIES = [
    metric.format(
        srv=SERVER,
        cli=CLIENT,
        z=NONE,
        w="5s",
        s=f"seldon_deployment_id='iris',predictor_name='{version}'",
    )
    for metric in METRICS
    for version in VERSIONS
]
BATCH = " or ".join(
    f'(label_replace(({query}), "xf", "{at}", "", ""))' for at, query in enumerate(QUERIES)
)
Ask = Callable[[str], Awaitable[object]]


class Executor:
    """Two predictors' metrics, moved by a few requests at each scrape."""

    def __init__(self) -> None:
        self.chance = random.Random(1)
        self.registry = CollectorRegistry()
        names = ["predictor_name", "service", "code"]
        self.series = [
            Histogram(name, "Seconds.", names, registry=self.registry)
            for name in (SERVER, CLIENT)
        ]

    async def page(self, _request: web.Request) -> web.Response:
        """A scrape."""
        for histogram in self.series:
            for version in VERSIONS:
                for _ in range(20):
                    service = self.chance.choice(("predictions", "feedback"))
                    code = "500" if self.chance.random() < 0.02 else "200"
                    took = self.chance.expovariate(50)
                    histogram.labels(version, service, code).observe(took)
        return web.Response(body=generate_latest(self.registry))


async def one_after_another(ask: Ask) -> None:
    for query in QUERIES:
        await ask(query)


async def all_at_once(ask: Ask) -> None:
    await asyncio.gather(*(ask(query) for query in QUERIES))


async def one_query(ask: Ask) -> None:
    await ask(BATCH)


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(
    name: str, round_of: Callable[[Ask], Awaitable[None]], ask: Ask, pid: int, rounds: int
) -> float:
    took = []
    before = cpu_seconds(pid)
    for _ in range(rounds):
        began = time.perf_counter()
        await round_of(ask)
        took.append((time.perf_counter() - began) * 1000)
    spent = (cpu_seconds(pid) - before) * 1000 / rounds
    print(f"{name:28} {statistics.median(took):7.2f} ms {spent:9.2f} ms")
    return statistics.median(took)


async def compare(
    prometheus: RealPrometheus | EmbeddedPrometheus, pid: int, rounds: int
) -> None:
    async with asyncio.timeout(30):
        while await prometheus.scrapes() < 30:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    answer = await prometheus.query(BATCH)
    assert len(answer["result"]) == len(QUERIES), answer
    print(f"\n{prometheus.kind}, {len(QUERIES)} queries a round      wall (p50)       CPU")
    single = await measure(
        "one after another", one_after_another, prometheus.query, pid, rounds
    )
    await measure("all at once", all_at_once, prometheus.query, pid, rounds)
    batch = await measure("one query", one_query, prometheus.query, pid, rounds)
    print(f"one query takes 1/{single / batch:.1f} of one after another")


def targets_in(folder: str, port: int) -> Path:
    labels = {"__metrics_path__": "/prometheus", "seldon_deployment_id": "iris"}
    targets = Path(folder, "targets.json")
    targets.write_text(json.dumps([{"targets": [f"127.0.0.1:{port}"], "labels": labels}]))
    return targets


async def main(rounds: int) -> None:
    app = web.Application()
    app.router.add_get("/prometheus", Executor().page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    with tempfile.TemporaryDirectory() as folder:
        targets = targets_in(folder, runner.addresses[0][1])
        if find_prometheus():
            async with RealPrometheus(Path(folder, "p"), targets, 0.2) as real:
                assert real.pid is not None
                await compare(real, real.pid, rounds)
        async with EmbeddedPrometheus(Path(folder, "e"), targets, 0.2) as embedded:
            await compare(embedded, os.getpid(), rounds)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
