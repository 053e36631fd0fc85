"""too-few-scrapes: a window that holds one scrape looks like a wrong label, and is told apart."""

import pytest
from aiohttp import web
from tests.collector.builders import asking, vector
from tests.collector.scraping import scraped, until
from tests.collector.test_readings import first

from crossfade.events import fatal

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
    async with scraped(start_backend, tmp_path, 2, QUERY[0]["value"]) as (_, metric):
        # Scraped every two seconds: three of them hold one or two, seven always more.
        few = await until(a_broker(), metric, lambda r: r.absent == "too-few-scrapes", window=3)
        enough = await until(a_broker(), metric, lambda r: r.value is not None, window=7)

    assert "one scrape in the window" in few.detail
    assert enough.value >= 0
