"""Load on real servers, and what is kept of it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest
import pytest_asyncio
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from tests.actuator.test_actions import Notes, a_context, a_task

from crossfade.domain.facts import ActionDone
from crossfade.domain.lifecycle import begin
from crossfade.domain.runs import Plan
from crossfade.resources import Experiment
from crossfade.resources.status import ExperimentStatus
from crossfade.runtime.runs import Runs
from crossfade.testing import MemoryStore, Recorder
from crossfade.testing.documents import a_document
from crossfade_actuator.acting import Acting
from crossfade_actuator.actions.histograms import EDGES, MOST_BUCKETS, Recording, merged
from crossfade_actuator.actions.processes import Processes
from crossfade_actuator.actions.runner import Runner
from crossfade_actuator.leases import Leases
from crossfade_actuator.ledger import Ledger
from crossfade_actuator.status import status_of

PLAN = Plan("b", ("b", "c"), 15, 15, 10.0)


@dataclass
class Model:
    """A server that answers as told, and remembers when it was asked."""

    asked: list = field(default_factory=list)
    bodies: list = field(default_factory=list)
    code: int = 200
    pause: float = 0.0
    port: int = 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/predict"

    async def serve(self, request):
        self.asked.append((asyncio.get_running_loop().time(), request))
        self.bodies.append(await request.read())
        await asyncio.sleep(self.pause)
        return web.Response(text='{"data": 1}', status=self.code)


@pytest_asyncio.fixture
async def models():
    runners, made = [], []
    for _ in range(2):
        model = Model()
        runner = web.ServerRunner(web.Server(model.serve), shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        model.port = runner.addresses[0][1]
        runners.append(runner)
        made.append(model)
    yield made
    for runner in runners:
        await runner.cleanup()


@dataclass
class Kept(Notes):
    histograms: dict = field(default_factory=dict)

    async def finished(self, outcome, histograms=None):
        await super().finished(outcome)
        self.histograms = merged(self.histograms, histograms or {})


def collect(*models, **inputs):
    versions = [
        {"name": name, "url": model.url} for name, model in zip("bcd", models, strict=False)
    ]
    given = {"versions": versions, "numQueries": 20, "qps": 1000} | inputs
    return a_task(task="metrics/collect", **{"with": given})


async def ran(*tasks, seconds=20.0):
    notes = Kept()
    result = await Runner(Processes(), seconds).run("start", tasks, a_context(), notes)
    return result, notes


async def test_every_version_gets_its_queries_and_its_histogram(models):
    models[1].code = 500
    result, notes = await ran(collect(*models))
    assert result.ok, result.message
    assert [len(m.asked) for m in models] == [20, 20]
    assert notes.histograms["b"]["RetCodes"] == {"200": 20}
    assert notes.histograms["c"]["RetCodes"] == {"500": 20}
    histogram = notes.histograms["b"]["DurationHistogram"]
    assert histogram["Count"] == sum(b["Count"] for b in histogram["Data"]) == 20
    assert 0 < histogram["Max"] <= histogram["Sum"]
    assert "b: 20 requests in" in notes.outcomes[0].output
    assert "20 × 200" in notes.outcomes[0].output


async def test_the_pace_is_kept_and_the_time_too(models):
    result, _ = await ran(collect(models[0], time="500ms", numQueries=None, qps=40))
    assert result.ok
    times = [at for at, _ in models[0].asked]
    assert 12 <= len(times) <= 20
    assert times[-1] - times[0] <= 0.6
    assert all(b - a > 0.005 for a, b in pairwise(times[:5]))


async def test_a_slow_version_does_not_make_the_load_longer(models):
    models[0].pause = 0.2
    task = collect(models[0], time="300ms", numQueries=None, qps=100, connections=2)
    loop = asyncio.get_running_loop()
    began = loop.time()
    result, notes = await ran(task)
    assert result.ok
    assert loop.time() - began < 2.0
    assert notes.histograms["b"]["DurationHistogram"]["Max"] >= 0.2
    assert len(models[0].asked) <= 6


async def test_the_old_inputs_give_a_version_its_own_pace(models):
    versions = [
        {"name": "b", "url": models[0].url, "qps": 50, "headers": {"X-A": "1"}},
        {"name": "c", "url": models[1].url},
    ]
    given = {"time": "400ms", "qps": 25, "versions": versions}
    result, _ = await ran(a_task(task="metrics/collect", **{"with": given}))
    assert result.ok
    assert 12 <= len(models[0].asked) <= 20
    assert 5 <= len(models[1].asked) <= 10
    assert models[0].asked[0][1].headers["X-A"] == "1"


async def test_a_payload_is_posted(models):
    result, _ = await ran(collect(models[0], payloadStr='{"data": [1]}', numQueries=1))
    assert result.ok
    request = models[0].asked[0][1]
    assert (request.method, models[0].bodies[0]) == ("POST", b'{"data": [1]}')
    assert request.headers["Content-Type"] == "application/json"


async def test_a_payload_from_an_address_comes_before_a_text(models):
    task = collect(
        models[0],
        payloadStr="x",
        payloadURL=models[1].url,
        contentType="text/odd",
        numQueries=1,
    )
    result, _ = await ran(task)
    assert result.ok
    assert models[0].bodies == [b'{"data": 1}']
    assert models[0].asked[0][1].headers["Content-Type"] == "text/odd"
    models[1].code = 404
    result, _ = await ran(task)
    assert f"with.payloadURL: {models[1].url} answers HTTP 404" in result.message


async def test_a_content_type_alone_makes_it_a_post(models):
    result, _ = await ran(collect(models[0], contentType="text/odd", numQueries=1))
    assert result.ok
    (request,) = [request for _, request in models[0].asked]
    assert (request.method, request.headers["Content-Type"]) == ("POST", "text/odd")
    assert models[0].bodies == [b""]


async def test_a_pace_of_zero_waits_for_nothing(models):
    result, _ = await ran(collect(models[0], qps=0, numQueries=40), seconds=5)
    assert result.ok, result.message
    assert len(models[0].asked) == 40


async def test_load_alone_keeps_nothing(models):
    result, notes = await ran(collect(models[0], loadOnly=True))
    assert result.ok
    assert (len(models[0].asked), notes.histograms) == (20, {})


async def test_a_version_that_never_answers_fails_with_its_reason(models):
    nobody = Model(port=1)
    result, notes = await ran(collect(models[0], nobody, numQueries=3))
    assert not result.ok
    assert "no answer from c: Cannot connect to host 127.0.0.1:1" in result.message
    assert notes.histograms == {}


async def test_load_that_cannot_end_in_time_is_not_begun(models):
    result, _ = await ran(collect(models[0], numQueries=1000, qps=1), seconds=10)
    assert result.message == "task 0: the load takes 1000 s and the action has 10 s left"
    assert models[0].asked == []


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"versions": []}, "with.versions: found [], right is a list of {name, url}"),
        ({"versions": [{"name": "b"}]}, "with.versions[0].url: found None"),
        ({"versions": [{"name": "b", "url": "ftp://x"}]}, "right is an http or https address"),
        ({"numQueries": None, "time": "soon"}, "with.time: found 'soon', right is a duration"),
        ({"numQueries": 0}, "with.numQueries: found 0, right is a number from 1"),
        ({"qps": "many"}, "with.qps: found 'many', right is a number from"),
        ({"connections": 1.5}, "with.connections: found 1.5, right is a whole number"),
    ],
)
async def test_odd_inputs_fail_while_building(models, inputs, said):
    result, notes = await ran(collect(models[0], **inputs))
    assert said in result.message
    assert notes.outcomes == []


async def test_without_an_extent_a_hundred_queries_are_sent(models):
    result, _ = await ran(collect(models[0], numQueries=None))
    assert result.ok
    assert len(models[0].asked) == 100


async def test_what_was_measured_is_kept_with_the_run_and_shown_in_its_status(models):
    store = MemoryStore()
    ledger = Ledger(store, Recorder())
    document = a_document(strategy={"actions": {"start": [], "loop": []}})
    actions = {"start": (collect(models[0]),), "loop": (collect(*models),)}
    strategy = document.experiment.spec.strategy.model_copy(update={"actions": actions})
    spec = document.experiment.spec.model_copy(update={"strategy": strategy})
    experiment = document.experiment.model_copy(update={"spec": spec})
    document = document.model_copy(update={"experiment": Experiment.model_validate(experiment)})
    from crossfade.runtime.clock import utc_now

    state = replace(begin("u", "ns", "exp", "t", PLAN, 1.0), action="start")
    await ledger.enrol(state, document)
    acting = Acting(ledger, Leases(store, "a", utc_now), Runner(Processes(), 20.0))
    assert await acting.run(state, document, "start") == (True, "")
    # Done tasks run no more; the loop's measurements add to what is there.
    assert await acting.run(state, document, "start") == (True, "")
    looping = await ledger.change("u", lambda now: replace(now, action="loop-1"))
    assert await acting.run(looping, document, "loop-1") == (True, "")

    gathered = await Runs(store).histograms("u")
    assert {v: h["DurationHistogram"]["Count"] for v, h in gathered.items()} == {
        "b": 40,
        "c": 20,
    }
    state = await ledger.apply("u", ActionDone(2.0, "loop-1", True))
    block = status_of(state)["analysis"]["aggregatedBuiltinHists"]
    assert block["provenance"] == "Builtin metrics collector"
    assert block["data"] == gathered
    assert ExperimentStatus.model_validate(status_of(state)).analysis.aggregated_builtin_hists
    told = status_of(replace(state, analysis={"weights": {"data": []}}))["analysis"]
    assert set(told) == {"aggregatedBuiltinHists", "weights"}


times = st.lists(st.floats(0, 100), min_size=1, max_size=60)


def recorded(seconds):
    recording = Recording()
    for one in seconds:
        recording.note(one, 200)
    return {"v": recording.to_json()}


@given(times)
def test_every_time_lies_in_its_bucket(seconds):
    data = recorded(seconds)["v"]["DurationHistogram"]["Data"]
    for one in seconds:
        assert any(b["Start"] <= one <= b["End"] for b in data)
    assert all(b["Start"] < b["End"] or b["End"] == max(seconds) for b in data)


@given(times, times)
def test_merging_adds_and_lists(first, second):
    together = merged(recorded(first), recorded(second))["v"]
    histogram = together["DurationHistogram"]
    assert histogram["Count"] == len(first) + len(second)
    assert histogram["Max"] == max(*first, *second)
    assert histogram["Sum"] == pytest.approx(sum(first) + sum(second))
    data = recorded(first)["v"]["DurationHistogram"]["Data"]
    assert histogram["Data"][: len(data)] == data
    assert together["RetCodes"] == {"200": len(first) + len(second)}


def test_a_thousand_loops_do_not_outgrow_a_state():
    every = [edge - 1e-6 for edge in EDGES]
    gathered = {}
    for _ in range(1000):
        gathered = merged(gathered, recorded(every))
    histogram = gathered["v"]["DurationHistogram"]
    assert len(histogram["Data"]) <= MOST_BUCKETS
    assert sum(b["Count"] for b in histogram["Data"]) == histogram["Count"] == 1000 * len(EDGES)
