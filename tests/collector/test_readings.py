"""Whatever a back-end does, a reading is a finite number or one named reason."""

import asyncio
import json
import math

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from tests.collector.builders import START, a_document, a_metric, asking, vector

from crossfade.events import Reading, fatal
from crossfade_collector.sources import expressions
from crossfade_collector.sources.port import NoValue, Question
from crossfade_collector.templates import values
from crossfade_lab.ports import free_ports

NUMBER = ".v"


def questions(*metrics, elapsed=10, iteration=1, **version):
    document = a_document(*metrics, **version)
    at = START

    def filled(version, metric):
        return values(document, version, metric, at, elapsed)

    return [
        Question("u", iteration, v.name, metric, filled(v, metric), at, elapsed)
        for metric in (document.metric(ref) for ref in document.references)
        for v in document.versions
    ]  # fmt: skip


async def first(broker, metric, **version):
    return (await broker.read(questions(metric, **version)))[0]


async def test_a_number_is_read_for_each_version(a_broker, backend):
    readings = await a_broker().read(questions(asking(backend)))

    assert [(r.version, r.metric, r.value) for r in readings] == [
        ("v1", "ns/m", 21.5),
        ("v2", "ns/m", 21.5),
    ]


@pytest.mark.parametrize(
    ("answer", "jq", "absent", "detail"),
    [
        (vector(None), None, "empty-result", "null"),
        (vector("NaN"), None, "not-a-number", "NaN"),
        (vector("+Inf"), None, "infinite", "infinite"),
        (vector("-Inf"), None, "infinite", "infinite"),
        (b'{"v": NaN}', NUMBER, "not-a-number", "NaN"),
        (b'{"v": 1e999}', NUMBER, "infinite", "infinite"),
        ({"v": None}, NUMBER, "empty-result", "null"),
        ({"v": []}, ".v[]", "empty-result", "no output"),
        ({}, ".v[]", "empty-result", "null"),
        ({"v": True}, NUMBER, "not-numeric", "boolean"),
        ({"v": "7"}, NUMBER, "not-numeric", "string"),
        ({"v": [7]}, NUMBER, "not-numeric", "array"),
        ({"v": {}}, NUMBER, "not-numeric", "object"),
        ({"v": 7}, ".v |", "jq-error", "does not compile"),
        ({"v": 7}, "nosuch(.v)", "jq-error", "not defined"),
        ({"v": 7}, ".v[0]", "jq-error", "Cannot index number"),
        ({"v": 7}, "", "jq-error", "missing"),
        (b"<html>Sign in</html>", NUMBER, "not-json", "<html>Sign in"),
        (b"", NUMBER, "not-json", "Expecting value"),
        (b'{"v": 1} {"v": 2}', NUMBER, "not-json", "Extra data"),
    ],
)
async def test_what_is_no_number_has_its_reason(a_broker, backend, answer, jq, absent, detail):
    backend.answers(answer)
    extra = {} if jq is None else {"jqExpression": jq}
    reading = await first(a_broker(), asking(backend, **extra))

    assert (reading.absent, reading.value) == (absent, None)
    assert detail in reading.detail
    assert len(reading.detail) <= 300


async def test_the_first_of_several_outputs_counts(a_broker, backend):
    backend.answers({"v": [4, 5]})

    assert (await first(a_broker(), asking(backend, jqExpression=".v[]"))).value == 4.0


@pytest.mark.parametrize(
    ("status", "body", "absent", "ends"),
    [
        (400, {"status": "error", "errorType": "bad_data"}, "http-status", True),
        (401, {}, "unauthorized", True),
        (403, {}, "unauthorized", True),
        (404, b"<html>nothing here</html>", "http-status", True),
        (404, {"error": {"type": "index_not_found_exception"}}, "http-status", False),
        (422, {"status": "error", "errorType": "execution"}, "http-status", False),
        (429, {}, "http-status", False),
        (500, vector(3), "http-status", False),
        (503, b"<html>", "http-status", False),
    ],
)
async def test_a_status_other_than_2xx_is_never_a_number(
    a_broker, backend, status, body, absent, ends
):
    backend.answers(body, status=status)
    reading = await first(a_broker(), asking(backend))

    assert reading.absent == absent
    assert reading.detail.startswith(f"HTTP {status}: ")
    assert fatal(reading) is ends


@pytest.mark.parametrize(
    ("absent", "ends"),
    [
        ("unreachable", True),
        ("not-json", True),
        ("jq-error", True),
        ("timeout", False),
        ("empty-result", False),
        ("not-a-number", False),
        ("infinite", False),
    ],
)
def test_a_trial_ends_for_what_waiting_does_not_mend(absent, ends):
    assert fatal(Reading(version="v", metric="m", absent=absent)) is ends


def test_a_number_ends_no_trial():
    assert not fatal(Reading(version="v", metric="m", value=1))


async def test_a_slow_back_end_is_a_timeout(a_broker, backend):
    backend.say = lambda _: slow(5)
    reading = await first(a_broker(timeout=0.05), asking(backend))

    assert (reading.absent, "0.05 s" in reading.detail) == ("timeout", True)


async def test_a_back_end_that_hangs_midway_is_a_timeout(a_broker, backend):
    async def half(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b'{"v":')
        await asyncio.sleep(0.5)
        return response

    backend.say = half

    assert (await first(a_broker(timeout=0.05), asking(backend))).absent == "timeout"


async def test_a_closed_port_is_unreachable(a_broker):
    (port,) = free_ports(1)
    metric = a_metric(urlTemplate=f"http://127.0.0.1:{port}/", jqExpression=NUMBER)
    reading = await first(a_broker(), metric)

    assert reading.absent == "unreachable"
    assert str(port) in reading.detail


async def test_a_name_without_an_address_is_unreachable(a_broker):
    metric = a_metric(urlTemplate="http://nobody.invalid/", jqExpression=NUMBER)
    reading = await first(a_broker(), metric)

    assert reading.absent == "unreachable"
    assert "nobody.invalid" in reading.detail


@pytest.mark.parametrize(
    "url", [None, "prometheus:9090/api", "ftp://x/", "http://", "http://[::1"]
)
async def test_an_address_that_is_none_names_the_field(a_broker, url):
    spec = {"jqExpression": NUMBER} | ({"urlTemplate": url} if url else {})
    reading = await first(a_broker(), a_metric(**spec))

    assert reading.absent == "unreachable"
    assert "spec.urlTemplate" in reading.detail


async def test_an_answer_without_end_is_cut_off(a_broker, backend):
    backend.answers(b" " * (5 << 20))
    reading = await first(a_broker(), asking(backend))

    assert (reading.absent, "4 MB" in reading.detail) == ("not-numeric", True)


async def test_a_built_in_metric_without_histograms_says_so(a_broker):
    reading = await first(a_broker(), a_metric(provider="iter8", jqExpression="dummy"))

    assert (reading.absent, "metrics/collect" in reading.detail) == ("empty-result", True)


async def test_a_tick_is_over_after_its_time_although_answers_are_missing(a_broker, backend):
    backend.say = lambda _: slow(5)
    readings = await a_broker(timeout=5, round_seconds=0.05).read(questions(asking(backend)))

    assert {r.absent for r in readings} == {"timeout"}


async def slow(seconds):
    await asyncio.sleep(seconds)
    return web.json_response(vector(1))


class TestMocks:
    async def test_a_counter_grows_by_its_level_each_second(self, a_broker):
        metric = a_metric(type="Counter", mock=[{"name": "v1", "level": "1500m"}])
        readings = await a_broker().read(questions(metric, elapsed=20))

        assert [r.value for r in readings] == [30.0, None]
        assert readings[1].absent == "empty-result"

    async def test_a_gauge_spreads_as_upstream_measured(self, a_broker):
        metric = a_metric(mock=[{"name": "v1", "level": 10}])
        broker, drawn = a_broker(), []
        for iteration in range(1, 2001):
            asked = questions(metric, elapsed=10, iteration=iteration)
            drawn.append((await broker.read(asked[:1]))[0].value)
        mean = sum(drawn) / len(drawn)
        deviation = math.sqrt(sum((x - mean) ** 2 for x in drawn) / len(drawn))

        assert mean == pytest.approx(10, abs=0.2)
        assert deviation == pytest.approx(2.18, abs=0.15)

    async def test_a_gauge_asked_again_says_the_same(self, a_broker):
        asked = questions(a_metric(mock=[{"name": "v1", "level": 10}]))

        assert await a_broker().read(asked) == await a_broker().read(asked)

    async def test_an_empty_list_of_levels_still_disables_the_query(self, a_broker, backend):
        reading = await first(a_broker(), asking(backend, mock=[]))

        assert (reading.absent, backend.asked) == ("empty-result", [])


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["v", "w", "data"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JSON, st.sampled_from([NUMBER, ".", ".[0]", ".v | tonumber", ".v[]", "add"]))
async def test_a_reading_is_never_nan_or_infinite_whatever_json_comes(answer, expression):
    try:
        value = await expressions.number_in(json.dumps(answer), expression)
    except NoValue as reason:
        reading = Reading(version="v", metric="m", absent=reason.absence)
    else:
        reading = Reading(version="v", metric="m", value=value)
    assert reading.value is None or abs(reading.value) < 1.797e308


@pytest.mark.parametrize(
    "jq", ["env | tojson | error", "$ENV | tojson | error", "$ENV.PATH|error"]
)
async def test_an_expression_cannot_read_the_collectors_environment(jq, monkeypatch):
    monkeypatch.setenv("CROSSFADE_BUS__URL", "nats://token@x")
    with pytest.raises(NoValue) as met:
        await expressions.number_in("{}", jq)

    assert "token" not in met.value.detail
    assert "/bin" not in met.value.detail
