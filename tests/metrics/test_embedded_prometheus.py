"""The embedded Prometheus' own concerns: its memory, its endpoints, its parameters."""

import asyncio
import json

import aiohttp
import pytest

from crossfade.errors import Malformed
from crossfade_lab.metrics import EmbeddedPrometheus, read_targets
from crossfade_lab.metrics.promql import evaluate, parse
from crossfade_lab.metrics.store import Matcher, Store

MINUTE = 60_000


@pytest.fixture
async def embedded(tmp_path):
    async with EmbeddedPrometheus(tmp_path, tmp_path / "none.json") as prometheus:
        for at in range(0, 10 * MINUTE, 15_000):
            prometheus.store.append({"__name__": "a", "x": "1"}, at, at / 1000)
            prometheus.store.append({"__name__": "b", "x": "2", "y": "3"}, at, 1.0)
        yield prometheus


async def ask(prometheus, path, *given):
    where = f"{prometheus.url}{path}"
    async with aiohttp.ClientSession() as http, http.get(where, params=list(given)) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize(
    ("path", "given", "expected"),
    [
        ("/api/v1/series", [("match[]", "b")], [{"__name__": "b", "x": "2", "y": "3"}]),
        ("/api/v1/labels", [], ["__name__", "x", "y"]),
        ("/api/v1/labels", [("match[]", "a")], ["__name__", "x"]),
        ("/api/v1/label/x/values", [], ["1", "2"]),
        ("/api/v1/label/__name__/values", [("match[]", "a"), ("match[]", "b")], ["a", "b"]),
    ],
)
async def test_series_and_labels_are_listed(embedded, path, given, expected):
    assert await ask(embedded, path, *given) == (200, {"status": "success", "data": expected})


async def test_a_moment_may_be_written_as_a_date(embedded):
    given = ("query", "a"), ("time", "1970-01-01T00:01:00Z")
    _, body = await ask(embedded, "/api/v1/query", *given)
    assert body["data"]["result"][0]["value"] == [60.0, "60"]


@pytest.mark.parametrize(
    ("path", "given", "words"),
    [
        ("/api/v1/query", {}, "parse error"),
        ("/api/v1/query", {"query": "a", "time": "soon"}, 'invalid parameter "time"'),
        ("/api/v1/query", {"query": "a", "time": "inf"}, 'invalid parameter "time"'),
        ("/api/v1/query_range", {"query": "a", "end": "9", "step": "1"}, '"start"'),
        (
            "/api/v1/query_range",
            {"query": "a", "start": "0", "end": "9", "step": "0"},
            '"step"',
        ),
        (
            "/api/v1/query_range",
            {"query": "a", "start": "0", "end": "9", "step": "x"},
            "duration",
        ),
        ("/api/v1/query_range", {"query": "a", "start": "9", "end": "0", "step": "1"}, '"end"'),
        (
            "/api/v1/query_range",
            {"query": "a", "start": "0", "end": "9e9", "step": "1"},
            "11,000",
        ),
        (
            "/api/v1/query_range",
            {"query": "a[1m]", "start": "0", "end": "9", "step": "1"},
            "range",
        ),
        ("/api/v1/series", {}, "match[]"),
        ("/api/v1/series", {"match[]": "rate(a[1m])"}, "not a selector"),
    ],
)
async def test_a_wrong_parameter_is_bad_data_and_named(embedded, path, given, words):
    status, body = await ask(embedded, path, *given.items())
    assert (status, body["status"], body["errorType"]) == (400, "error", "bad_data")
    assert words in body["error"]


async def test_what_is_not_built_is_refused_by_name(embedded):
    status, body = await ask(embedded, "/api/v1/query", ("query", "hour(a)"))
    assert (status, body["errorType"]) == (422, "execution")
    assert "'hour'" in body["error"]


def test_a_repeated_or_older_sample_changes_nothing():
    store = Store()
    assert store.append({"__name__": "a"}, 20, 1.0)
    assert not store.append({"__name__": "a"}, 20, 2.0)
    assert not store.append({"__name__": "a"}, 10, 2.0)
    [series] = store.select([Matcher("__name__", "=", "a")])
    assert (series.times, series.values) == ([20], [1.0])


def test_a_marker_hides_a_series_until_its_next_sample():
    store = Store()
    for at, value in ((0, 1.0), (10, None), (20, 2.0)):
        store.append({"__name__": "a"}, at, value)
    tree = parse("a")
    assert [len(evaluate(store, tree, at)) for at in (5, 10, 19, 20)] == [1, 0, 0, 1]
    assert evaluate(store, parse("count_over_time(a[1s])"), 20)[0].value == 2


def test_memory_is_bounded_by_the_retention():
    store = Store(retention_ms=1000)
    for at in range(20_000):
        store.append({"__name__": "a"}, at, 0.0)
    store.append({"__name__": "old"}, 0, 0.0)
    [series] = store.select([Matcher("__name__", "=", "a")])
    assert len(series.times) <= 1000 + 512
    assert (
        evaluate(store, parse("count_over_time(a[1s])"), 19_999)[0].value == 1001
    )  # both ends
    store.forget(19_000)
    assert store.select([Matcher("__name__", "=", "old")]) == []


def test_a_batch_of_four_hundred_queries_meets_no_limit():
    batch = " or ".join(f'label_replace(vector({i}), "xf", "{i}", "", "")' for i in range(400))
    assert len(evaluate(Store(), parse(batch), 0)) == 400


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not readable as JSON"),
        ("{}", "right is a list of groups"),
        ('[{"targets": "a:1"}]', r"targets.json\[0\].targets: right is a list"),
        ('[{"targets": []}, {"targets": [], "labels": []}]', r"targets.json\[1\].labels"),
    ],
)
def test_a_wrong_targets_file_is_named_by_its_entry(tmp_path, text, words):
    file = tmp_path / "targets.json"
    file.write_text(text)
    with pytest.raises(Malformed, match=words):
        read_targets(file)


async def test_a_wrong_targets_file_leaves_the_former_targets(target, tmp_path):
    targets = tmp_path / "targets.json"
    targets.write_text(json.dumps([target.group()]))
    async with EmbeddedPrometheus(tmp_path, targets, 0.1) as prometheus:
        async with asyncio.timeout(5):
            while target.hits < 2:
                await asyncio.sleep(0.02)
            targets.write_text("[{")
            seen = target.hits
            while target.hits < seen + 8:
                await asyncio.sleep(0.02)
        assert len((await prometheus.query("up == 1"))["result"]) == 1
