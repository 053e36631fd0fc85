"""What if: the console asks, the analyzer computes, and neither is disturbed by it."""

import asyncio

import jsonschema
import orjson
import pytest

from crossfade.errors import Malformed, Unreachable
from crossfade.events import subjects
from crossfade.runtime.runs import Runs
from crossfade.settings import AnalyzerSettings
from crossfade.testing import MemoryStore
from crossfade.testing.runs import NAME, NAMESPACE, UID, IrisRun, iris_document
from crossfade_analyzer.answering import WhatIf
from crossfade_analyzer.policies.choice import policies
from crossfade_console.openapi import document

ONE = f"/api/experiments/{NAMESPACE}/{NAME}"


class Analyzing:
    """The bus between console and analyzer, without a broker: refusals travel as JSON."""

    def __init__(self, log):
        self.store = MemoryStore()
        self.whatif = WhatIf(log, Runs(self.store), lambda: policies(AnalyzerSettings()))
        self.held = asyncio.Event()
        self.held.set()
        self.asked = []

    async def request(self, verb, body):
        self.asked.append((verb, body))
        await self.held.wait()
        try:
            return orjson.loads(orjson.dumps(await self.whatif.answer(orjson.dumps(body))))
        except Malformed as error:
            listed = [{"field": e.field, "message": e.message} for e in error.errors]
            return {"accepted": False, "errors": listed}


@pytest.fixture
async def commander(log):
    it = Analyzing(log)
    body = orjson.dumps(iris_document())
    await it.store.put(subjects.document_key(UID, 1), body, 0)
    return it


async def test_the_same_rules_are_shown_beside_what_happened(client, tell):
    await tell(IrisRun().events())

    got = await client.get(f"{ONE}/replay", params={"policy": "iter8"})
    said = await got.json()

    assert got.status == 200
    assert (said["ran"]["stoppedAt"], said["ran"]["verdict"]) == (15, "promote")
    assert (said["asked"]["stoppedAt"], said["asked"]["winner"]) == (15, "iris-v2")
    assert 0 < said["ran"]["served"] < 15 * 200
    schemas = document("1")["components"]
    jsonschema.validate(said, {"$ref": "#/components/schemas/Replayed", "components": schemas})


async def test_a_query_and_a_body_ask_the_same(client, tell, commander):
    await tell(IrisRun().events())
    change = {
        "policy": "assured",
        "alpha": 0.1,
        "limits": {"error-rate": "0.001"},
        "minEffect": "0.1",
        "earlyStop": True,
    }

    posted = await client.post(f"{ONE}/replay", json={"change": change})
    query = [("policy", "assured"), ("alpha", "0.1"), ("limit", "error-rate=0.001")]
    query += [("minEffect", "0.1"), ("earlyStop", "true")]
    got = await client.get(f"{ONE}/replay", params=query)

    assert await posted.json() == await got.json()
    assert [body["change"] for _, body in commander.asked] == [change, change]
    name = (await got.json())["asked"]["name"]
    assert name == "assured, α 0.1, error-rate ≤ 0.001, effect ≥ 0.1, may stop early"


async def test_a_stricter_limit_would_not_have_promoted(client, tell):
    await tell(IrisRun().events())
    strict = {"policy": "iter8", "limits": {"error-rate": 0.001}}

    said = await (await client.post(f"{ONE}/replay", json={"change": strict})).json()

    assert said["ran"]["winner"] == "iris-v2"
    assert said["asked"]["winner"] is None


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("policy=kayenta", "change.policy"),
        ("alpha=much", "change.alpha"),
        ("alpha=nan", "change.alpha"),
        ("limit=error-rate", "limit"),
        ("limit=latency=5", "limit"),
        ("earlyStop=perhaps", "change.earlyStop"),
        ("limit=" + "x" * 9000 + "=1", ""),
    ],
)
async def test_what_cannot_be_is_refused_by_field(client, tell, query, field):
    await tell(IrisRun().events(upto=3))

    got = await client.get(f"{ONE}/replay?{query}")

    assert got.status in (400, 422)
    if field:
        assert (await got.json())["errors"][0]["field"] == field


async def test_one_question_at_a_time(client, tell, commander):
    await tell(IrisRun().events(upto=3))
    commander.held.clear()
    first = asyncio.ensure_future(client.get(f"{ONE}/replay"))
    while not commander.asked:
        await asyncio.sleep(0)
    second = await client.get(f"{ONE}/replay")
    commander.held.set()

    assert (second.status, second.headers["Retry-After"]) == (429, "1")
    assert (await first).status == 200
    assert (await client.get(f"{ONE}/replay")).status == 200


async def test_without_an_analyzer_it_is_said_who_is_missing(client, tell, commander):
    await tell(IrisRun().events(upto=3))

    async def nobody(verb, body):
        raise Unreachable("no responders")

    commander.request = nobody
    got = await client.get(f"{ONE}/replay")

    assert got.status == 503
    assert "is the analyzer up?" in (await got.json())["errors"][0]["message"]


async def test_nobody_can_ask_about_a_run_that_is_not_known(client, tell, commander):
    await tell(IrisRun().events(upto=3))

    assert (await client.get("/api/experiments/default/nobody/replay")).status == 404
    assert not commander.asked


def test_every_route_of_the_api_is_described_and_every_description_has_a_route(make):
    routes = {
        (route.resource.canonical, route.method.lower())
        for route in make().app().router.routes()
        if route.resource.canonical.startswith("/api/") and route.method != "HEAD"
    }
    described = {
        (path, method)
        for path, item in document("1")["paths"].items()
        for method in item
        if method != "parameters"
    }

    assert routes - described == {("/api/openapi.json", "get")}
    assert described <= routes
