"""Metrics of provider `iter8`: from what a run has gathered, and always the same."""

import numpy as np
import orjson
import pytest
from tests.collector.builders import START, a_document

from crossfade.events import StageChange, subjects
from crossfade.resources.builtin import BUILTIN
from crossfade.runtime.runs import Runs
from crossfade.testing import MemoryStore
from crossfade_collector import Broker, Collector
from crossfade_collector.sources import builtin
from crossfade_collector.sources.builtin import BuiltinSource, metrics_of
from crossfade_collector.sources.port import Question

BUCKETS = [
    {"Start": 0.002, "End": 0.003, "Count": 30},
    {"Start": 0.003, "End": 0.005, "Count": 60},
    {"Start": 0.005, "End": 0.1, "Count": 10},
]
CODES = {"200": 90, "404": 4, "500": 5, "-1": 1}


def gathered(data=BUCKETS, codes=CODES):
    count = sum(b["Count"] for b in data)
    histogram = {"Count": count, "Max": 0.1, "Sum": 0.5, "Data": data}
    return {"DurationHistogram": histogram, "RetCodes": codes}


def a_question(name, version="b", iteration=1):
    metric = BUILTIN[f"iter8-system/{name}"]
    return Question("u", iteration, version, metric, {}, START, 10)


async def a_source(store=None, **histograms):
    store = store or MemoryStore()
    body = {"uid": "u", "histograms": histograms}
    await store.put(subjects.state_key("u"), orjson.dumps(body), 0)
    return BuiltinSource(Runs(store))


def test_counts_rate_and_mean():
    found = metrics_of(gathered())
    assert found["request-count"] == 100
    assert found["error-count"] == 9  # a request without an answer is none, as under Iter8
    assert found["error-rate"] == 0.09
    assert found["mean-latency"] == pytest.approx(5.0)


def test_percentiles_are_those_of_upstreams_draws():
    dice = np.random.RandomState(17)
    draws = np.concatenate(
        [dice.uniform(1000 * b["Start"], 1000 * b["End"], 10 * b["Count"]) for b in BUCKETS]
    )
    found = metrics_of(gathered())
    for rank in (50, 75, 90, 95, 99):
        assert found[f"latency-{rank}th-percentile"] == np.percentile(draws, rank)
    assert metrics_of(gathered()) == found


def test_percentiles_of_very_many_requests_are_what_draws_tend_to(monkeypatch):
    drawn = metrics_of(gathered([b | {"Count": 100 * b["Count"]} for b in BUCKETS]))
    monkeypatch.setattr(builtin, "DRAWN", 0)
    exact = metrics_of(gathered())
    assert exact["latency-50th-percentile"] == pytest.approx(3 + 2 * 20 / 60)
    for name, value in exact.items():
        if "percentile" in name:
            assert value == pytest.approx(drawn[name], rel=0.02)


def test_percentiles_of_overlapping_and_single_valued_buckets(monkeypatch):
    monkeypatch.setattr(builtin, "DRAWN", 0)
    data = [{"Start": 0.0, "End": 0.01, "Count": 50}, {"Start": 0.01, "End": 0.01, "Count": 50}]
    found = metrics_of(gathered(data))
    assert found["latency-75th-percentile"] == pytest.approx(10.0)
    both = [{"Start": 0.0, "End": 0.01, "Count": 50}, {"Start": 0.0, "End": 0.01, "Count": 50}]
    assert metrics_of(gathered(both))["latency-50th-percentile"] == pytest.approx(5.0)


def test_without_requests_there_are_counts_only():
    assert metrics_of(gathered([], {})) == {"request-count": 0, "error-count": 0}


async def test_a_broker_reads_them_for_the_versions_that_have_some():
    source = await a_source(b=gathered())
    broker = Broker(None, None, builtin=source)
    names = [key.partition("/")[2] for key in BUILTIN]
    readings = await broker.read([a_question(name) for name in names])
    assert all(reading.absent is None for reading in readings)
    (missing,) = await broker.read([a_question("mean-latency", version="c")])
    assert missing.absent == "empty-result"
    assert missing.detail == "no metrics/collect task has gathered c yet"


async def test_a_run_that_is_not_known_has_none():
    broker = Broker(None, None, builtin=BuiltinSource(Runs(MemoryStore())))
    (reading,) = await broker.read([a_question("error-rate")])
    assert reading.absent == "empty-result"


class Counting(MemoryStore):
    """Counts what is asked of it."""

    asked = 0

    async def get(self, key):
        Counting.asked += 1
        return await super().get(key)


async def test_an_instant_is_computed_once():
    source = await a_source(b=gathered(), store=Counting())
    before = Counting.asked
    for name in ("error-rate", "mean-latency", "latency-99th-percentile"):
        await source.read(a_question(name))
    assert Counting.asked == before + 1


async def readings_of(**histograms):
    """What a collector reads of a run with v1 and v2 that has measured these versions."""
    store = MemoryStore()
    names = ["iter8-system/request-count", "iter8-system/error-rate"]
    written = a_document().to_json()
    written["experiment"]["spec"]["criteria"]["objectives"] = [
        {"metric": name, "upperLimit": "10"} for name in names
    ]
    written["metrics"] = [BUILTIN[name].dump() for name in names]
    await store.put(subjects.document_key("u", 1), orjson.dumps(written), 0)
    state = {"histograms": histograms}
    await store.put(subjects.state_key("u"), orjson.dumps(state), 0)
    runs = Runs(store)
    collector = Collector(runs, MemoryStore(), Broker(None, None, builtin=BuiltinSource(runs)))
    trial = StageChange(uid="u", iteration=0, stage="Initializing", reason="TrialReading")
    (sample,) = (await collector.follow(trial.about("ns", "exp"))).events
    return [(r.metric.rpartition("/")[2], r.version, r.value) for r in sample.readings]


async def test_versions_that_are_not_in_the_document_are_reported_as_upstream_does():
    found = await readings_of(v1=gathered(), shadow=gathered(), idle=gathered([], {}))

    assert [entry for entry in found if entry[1] not in ("v1", "v2")] == [
        ("request-count", "shadow", 100.0),
        ("request-count", "idle", 0.0),
        ("error-rate", "shadow", 0.09),
    ]


async def test_where_no_version_of_the_document_was_measured_nothing_was():
    found = await readings_of(shadow=gathered())

    assert {version for _, version, _ in found} == {"v1", "v2"}
    assert {value for _, _, value in found} == {None}
