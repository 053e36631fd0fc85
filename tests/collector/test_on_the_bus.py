"""Two replicas of the collector on a real broker: a run is sampled on the clock, once each time."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise

import orjson
import pytest
from aiohttp import web
from tests.collector.builders import a_document, a_metric, asking

from crossfade.events import StageChange, WeightChange, subjects
from crossfade.runtime.bootstrap import bootstrap
from crossfade.runtime.bus import Bus
from crossfade.runtime.connecting import connection
from crossfade.runtime.journal import Journal
from crossfade.runtime.publishing import NatsPublisher
from crossfade.runtime.runs import Runs
from crossfade.runtime.stores import NatsStore
from crossfade.settings import BusSettings, CollectorSettings
from crossfade_collector import compose

MOCK = a_metric(type="Counter", mock=[{"name": v, "level": 2} for v in ("v1", "v2")])


@pytest.fixture
async def settings(broker):
    made = BusSettings(url=broker.url, ack_wait_seconds=2)
    await bootstrap(made)
    return made


@asynccontextmanager
async def a_client(settings, name="test"):
    opened = connection(settings, name)
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()


@asynccontextmanager
async def a_replica(settings, reading, **own):
    runs = Runs(NatsStore(reading, subjects.RUNS))
    state = NatsStore(reading, subjects.STATE)
    bus = Bus(compose(runs, state, CollectorSettings(**own)), connection(settings, "collector"))
    await bus.start()
    try:
        yield bus
    finally:
        await bus.stop()


async def samples(client):
    found = Journal(client).follow(kinds=["metric-sample"], live=False)
    return [logged.event async for logged in found]


async def until_there_are(client, count):
    async with asyncio.timeout(15):
        while len(await samples(client)) < count:
            await asyncio.sleep(0.1)


async def test_a_run_is_sampled_at_each_interval_and_then_the_clock_stops(settings):
    document = a_document(MOCK, interval=1, iterations=3)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(a_client(settings))
        store = NatsStore(client, subjects.RUNS)
        body = orjson.dumps(document.to_json())
        await store.put(subjects.document_key("u", 1), body, 0)
        for _ in range(2):
            await stack.enter_async_context(a_replica(settings, client))
        publisher = NatsPublisher(client, "test")
        for event in (
            StageChange(uid="u", stage="Initializing", reason="TrialReading"),
            WeightChange(uid="u", cause="found", observed={"v1": 95, "v2": 5}),
            StageChange(uid="u", stage="Running", reason="StageAdvanced"),
        ):
            await publisher.say(event.about("ns", "exp"))
        await until_there_are(client, 4)
        await asyncio.sleep(2.2)
        found = await samples(client)
        entry = await NatsStore(client, subjects.STATE).get(subjects.own_key("collector", "u"))

    told = [(s.iteration, s.elapsed_seconds, s.value("v1", "ns/m")) for s in found]
    assert told == [(0, 1, 2.0), (1, 1, 2.0), (2, 2, 4.0), (3, 3, 6.0)]
    assert [s.split for s in found[1:]] == [{"v1": 95, "v2": 5}] * 3
    gaps = [(b.at - a.at).total_seconds() for a, b in pairwise(found[1:])]
    assert gaps == pytest.approx([1.0, 1.0], abs=0.3)
    assert orjson.loads(entry.value)["iteration"] == 3


async def test_no_secret_gets_onto_the_bus_whatever_a_back_end_says(
    settings, backend, secrets, caplog
):
    """A back-end that says back who asked, in an error that goes into the reading."""
    hidden = {
        "token": "t0ken/of+mine=",
        "secretAccessKey": "hidden+key/of=aws",
        "sessionToken": "session/token==",
    }
    secrets("ns/keys", **hidden, accessKeyId="AKIDEXAMPLE", region="eu-west-1")
    told = ("X-Amz-Security-Token", "Authorization")
    backend.say = lambda r: web.json_response([r.headers.get(n) for n in told], status=500)
    bearer = [{"name": "Authorization", "value": "Bearer ${token}"}]
    plain = asking(
        backend, "plain", authType="Bearer", secret="ns/keys", headerTemplates=bearer
    )
    signed = asking(backend, "signed", authType="SigV4", secret="ns/keys", body="{}",
                    provider="cloudwatch", path="/")  # fmt: skip
    caplog.set_level("DEBUG")
    async with a_client(settings) as client:
        runs = NatsStore(client, subjects.RUNS)
        body = orjson.dumps(a_document(plain, signed).to_json())
        await runs.put(subjects.document_key("u", 1), body, 0)
        async with a_replica(settings, client, secrets_directory=secrets.directory):
            change = StageChange(uid="u", stage="Initializing", reason="TrialReading")
            await NatsPublisher(client, "test").say(change.about("ns", "exp"))
            await until_there_are(client, 1)
        (sample,) = await samples(client)
    said = sample.model_dump_json() + caplog.text

    assert [r.absent for r in sample.readings] == ["http-status"] * 4
    assert all("***" in r.detail for r in sample.readings)
    assert [key for key, text in hidden.items() if text in said] == []
