"""maxAge: a number that was measured too long ago is the reason `stale`, never a number."""

import json

import pytest
from aiohttp import web
from tests.collector.amazon import SECRET, CloudWatch, answer, result
from tests.collector.builders import START, a_metric, asking, vector
from tests.collector.scraping import scraped, until
from tests.collector.test_readings import first, questions

from crossfade.events import fatal

NOW = START.timestamp()
DATED = {"jqExpression": ".v", "timestampExpression": ".at", "maxAge": 60}


@pytest.mark.parametrize(
    ("at", "absent", "says"),
    [
        (NOW - 60, None, ""),
        (NOW - 61, "stale", "measured 61 s ago; spec.maxAge is 60 s"),
        (NOW + 5, None, ""),
        ((NOW - 30) * 1e3, None, ""),
        ((NOW - 90) * 1e3, "stale", "90 s"),
        ((NOW - 90) * 1e6, "stale", "90 s"),
        ((NOW - 90) * 1e9, "stale", "90 s"),
        ("2026-03-01T11:59:30Z", None, ""),
        ("2026-03-01T12:59:30.123456789+01:00", None, ""),
        ("2026-03-01T11:58:00", "stale", "120 s"),
        (str(NOW - 30), None, ""),
        (None, "stale", "spec.timestampExpression gives None"),
        ("yesterday", "stale", "'yesterday'"),
        ("nan", "stale", "nan"),
        ("-inf", "stale", "inf"),
        (-1e300, "stale", "s ago"),
        ([NOW], "stale", "spec.timestampExpression"),
    ],
)
async def test_the_moment_is_read_however_it_is_written(a_broker, backend, at, absent, says):
    backend.answers({"v": 4, "at": at})
    reading = await first(a_broker(), asking(backend, **DATED))

    assert (reading.value, reading.absent) == (None if absent else 4.0, absent)
    assert says in (reading.detail or "")
    assert not fatal(reading)


async def test_without_max_age_nothing_is_too_old(a_broker, backend):
    backend.answers({"v": 4, "at": 0})
    metric = asking(backend, jqExpression=".v", timestampExpression=".at")

    assert (await first(a_broker(), metric)).value == 4.0


async def test_no_number_comes_before_its_age(a_broker, backend):
    backend.answers({"v": None, "at": 0})

    assert (await first(a_broker(), asking(backend, **DATED))).absent == "empty-result"


@pytest.mark.parametrize("expression", [".at |", "nosuch(.at)", ".at.b"])
async def test_a_mistake_in_the_expression_names_its_field(a_broker, backend, expression):
    backend.answers({"v": 4, "at": 5})
    reading = await first(
        a_broker(), asking(backend, **DATED | {"timestampExpression": expression})
    )

    assert (reading.absent, "spec.timestampExpression" in reading.detail) == ("jq-error", True)
    assert "spec.jqExpression" not in reading.detail


async def test_a_metric_that_cannot_be_dated_is_stale(a_broker, backend):
    reading = await first(a_broker(), asking(backend, maxAge=60))

    assert (reading.absent, "spec.timestampExpression is missing" in reading.detail) == (
        "stale",
        True,
    )


@pytest.mark.parametrize(("age", "absent"), [(200, None), (400, "stale")])
async def test_cloudwatch_dates_its_points(a_broker, backend, secrets, age, absent):
    secrets("ns/aws", accessKeyId="AKIDEXAMPLE", secretAccessKey=SECRET, region="eu-west-1")
    cloudwatch = CloudWatch(backend)
    cloudwatch.says = [answer(result(1.0, 2.0, at=NOW - age))]
    metric = a_metric(
        provider="cloudwatch",
        authType="SigV4",
        secret="ns/aws",
        urlTemplate=backend.url,
        body=json.dumps({"StartTime": 1, "EndTime": 2, "MetricDataQueries": []}),
        jqExpression="[.MetricDataResults[0].Values[]] | add",
        maxAge=300,
    )

    assert (await first(a_broker(), metric)).absent == absent


QUERY = [{"name": "query", "value": "sum(increase(hits{v='$name'}[${elapsedTime}s]))"}]


class TestPrometheus:
    def metric(self, backend, **spec):
        return asking(backend, provider="prometheus", params=QUERY, maxAge=30, **spec)

    async def test_it_is_asked_whether_the_series_are_still_written(self, a_broker, backend):
        readings = await a_broker().read(questions(self.metric(backend)))
        asked = sorted(r.query["query"] for r in backend.asked)

        assert [r.value for r in readings] == [21.5, 21.5]
        assert asked[:2] == [f"count(count_over_time(hits{{v='v{i}'}}[30s]))" for i in (1, 2)]
        assert len({r.query["time"] for r in backend.asked}) == 1

    async def test_series_that_are_written_no_more_are_stale(self, a_broker, backend):
        backend.say = lambda r: web.json_response(
            vector(None if r.query["query"].startswith("count(") else 9)
        )
        reading = await first(a_broker(), self.metric(backend))

        assert reading.absent == "stale"
        assert reading.detail == "no sample in the last 30 s, which is spec.maxAge"

    async def test_metrics_of_the_same_series_ask_about_them_once(self, a_broker, backend):
        other = self.metric(backend, name="n", jqExpression=".data.result | length")
        await a_broker().read(questions(self.metric(backend), other))

        assert len(backend.asked) == 4

    async def test_an_expression_of_the_authors_own_comes_first(self, a_broker, backend):
        metric = self.metric(backend, timestampExpression=".data.result[0].value[0]")

        assert (await first(a_broker(), metric)).absent == "stale"
        assert len(backend.asked) == 2

    async def test_an_error_about_the_age_is_its_own(self, a_broker, backend):
        backend.say = lambda r: (
            web.json_response({"status": "error"}, status=503)
            if r.query["query"].startswith("count(")
            else web.json_response(vector(9))
        )

        assert (await first(a_broker(), self.metric(backend))).absent == "http-status"

    async def test_a_query_without_series_cannot_be_dated(self, a_broker, backend):
        query = [{"name": "query", "value": "vector(1)"}]
        metric = asking(backend, provider="prometheus", params=query, maxAge=30)

        assert (await first(a_broker(), metric)).absent == "stale"


async def test_a_real_prometheus_tells_when_a_target_has_gone(
    a_broker, start_backend, tmp_path
):
    query = "max_over_time(hits{v='$name'}[1h])"
    async with scraped(start_backend, tmp_path, 0.5, query, maxAge=2) as (target, metric):
        fresh = await until(a_broker(), metric, lambda r: r.value)
        target.say = lambda _: web.Response(status=500)
        gone = await until(a_broker(), metric, lambda r: r.absent == "stale")

    assert fresh.value >= 1.0
    assert "no sample in the last 2 s" in gone.detail
