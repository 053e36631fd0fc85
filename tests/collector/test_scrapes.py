"""too-few-scrapes: a window that holds one scrape looks like a wrong label, and is told apart."""

import asyncio
import datetime
import json

import pytest
from aiohttp import web
from tests.collector.builders import a_document, a_metric, asking, vector
from tests.collector.test_readings import first

from crossfade.events import fatal
from crossfade_collector.sources.port import Question
from crossfade_collector.templates import values
from crossfade_lab.metrics.real import RealPrometheus, find_prometheus

QUERY = [{"name": "query", "value": "sum(increase(hits{v='$name'}[${elapsedTime}s]))"}]
COUNTED = "max(count_over_time(hits{v='v1'}[10s]))"


def saying(backend, number, counted):
    """A back-end with one answer for the query and one for its windows."""
    backend.say = lambda r: web.json_response(
        vector(counted if r.query["query"].startswith("max(count_over_time") else number)
    )


@pytest.mark.parametrize("number", [None, "NaN"])
async def test_no_number_from_one_scrape_has_that_for_its_reason(a_broker, backend, number):
    saying(backend, number, 1)
    reading = await first(a_broker(), asking(backend, provider="prometheus", params=QUERY))

    assert (reading.value, reading.absent) == (None, "too-few-scrapes")
    assert "increase and rate need two" in reading.detail
    assert not fatal(reading)
    assert COUNTED in [r.query["query"] for r in backend.asked]
    assert len({r.query["time"] for r in backend.asked}) == 1, "counted at the same instant"


@pytest.mark.parametrize("counted", [2, 40, None, "NaN"])
async def test_with_scrapes_enough_or_none_at_all_the_reason_stays(a_broker, backend, counted):
    saying(backend, None, counted)
    reading = await first(a_broker(), asking(backend, provider="prometheus", params=QUERY))

    assert reading.absent == "empty-result"


async def test_an_odd_answer_to_the_count_changes_nothing(a_broker, backend):
    backend.say = lambda r: (
        web.Response(status=422, text="no")
        if r.query["query"].startswith("max(count_over_time")
        else web.json_response(vector(None))
    )
    reading = await first(a_broker(), asking(backend, provider="prometheus", params=QUERY))

    assert reading.absent == "empty-result"


@pytest.mark.parametrize(
    ("number", "spec"),
    [
        (5, {"provider": "prometheus", "params": QUERY}),
        (None, {"provider": "prometheus", "params": [{"name": "query", "value": "up"}]}),
        (None, {"provider": "elastic", "params": QUERY}),
    ],
)
async def test_nothing_is_counted_that_cannot_be_the_reason(a_broker, backend, number, spec):
    saying(backend, number, 1)
    await first(a_broker(), asking(backend, **spec))

    assert not [r for r in backend.asked if "count_over_time" in r.query["query"]]


async def test_a_real_prometheus_is_understood(a_broker, start_backend, tmp_path):
    if find_prometheus() is None:
        pytest.skip("prometheus is not on PATH; install it with: apt-get install prometheus")
    target = await start_backend()
    target.say = lambda _: web.Response(text=f'hits{{v="v1"}} {len(target.asked)}\n')
    targets = tmp_path / "targets.json"
    targets.write_text(json.dumps([{"targets": [f"127.0.0.1:{target.port}"]}]))
    async with RealPrometheus(tmp_path, targets, 2) as prometheus:
        metric = a_metric(
            provider="prometheus",
            urlTemplate=prometheus.url + "/api/v1/query",
            params=QUERY,
            jqExpression=".data.result[0].value[1] | tonumber",
        )
        # Scraped every two seconds: three of them hold one or two, seven always more.
        few = await until(a_broker(), metric, 3, lambda r: r.absent == "too-few-scrapes")
        enough = await until(a_broker(), metric, 7, lambda r: r.value is not None)

    assert "one scrape in the window" in few.detail
    assert enough.value >= 0


async def until(broker, metric, window, wanted, seconds=20):
    """The first reading over a window of seconds that is as wanted."""
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
