"""A real Prometheus that scrapes a back-end of the test's own, and metrics that ask it."""

import asyncio
import datetime
import json
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from tests.collector.builders import a_document, a_metric

from crossfade_collector.sources.port import Question
from crossfade_collector.templates import values
from crossfade_lab.metrics.real import RealPrometheus, find_prometheus


@asynccontextmanager
async def scraped(start_backend, directory, every_seconds, query, **spec):
    """A target whose counter `hits{v="v1"}` grows with each scrape, and a metric of it."""
    if find_prometheus() is None:
        pytest.skip("prometheus is not on PATH; install it with: apt-get install prometheus")
    target = await start_backend()
    target.say = lambda _: web.Response(text=f'hits{{v="v1"}} {len(target.asked)}\n')
    targets = directory / "targets.json"
    targets.write_text(json.dumps([{"targets": [f"127.0.0.1:{target.port}"]}]))
    async with RealPrometheus(directory, targets, every_seconds) as prometheus:
        yield (
            target,
            a_metric(
                provider="prometheus",
                urlTemplate=prometheus.url + "/api/v1/query",
                params=[{"name": "query", "value": query}],
                jqExpression=".data.result[0].value[1] | tonumber",
                **spec,
            ),
        )


async def until(broker, metric, wanted, window=10, seconds=20):
    """The first reading of now, over a window of seconds, that is as wanted."""
    document = a_document(metric)
    found = document.metric("m")
    async with asyncio.timeout(seconds):
        while True:
            at = datetime.datetime.now(datetime.UTC)
            filled = values(document, document.versions[0], found, at, window)
            (reading,) = await broker.read([Question("u", 1, "v1", found, filled, at, window)])
            if wanted(reading):
                return reading
            await asyncio.sleep(0.2)
