"""The models: scored like their libraries, speaking Seldon's protocol, counted alike."""

import asyncio
import json
import sys
import time
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from crossfade.errors import Malformed
from crossfade.runtime.children import end, spawn
from crossfade_lab.models.catalogue import ARTEFACTS, artefact_for
from crossfade_lab.models.executor import BUCKETS
from crossfade_lab.models.faults import Faults, Pacer
from crossfade_lab.models.scoring import load
from crossfade_lab.models.server import ModelServer, Place

RECORDED = json.loads((Path(__file__).parent / "library_answers.json").read_text())
FLOWER = {"data": {"ndarray": [[6.8, 2.8, 4.8, 1.4]]}}
PLACE = Place("ns-production", "iris", "candidate")


@pytest.fixture
async def served():
    clients = []

    async def serve(implementation="XGBOOST_SERVER", faults=Faults(), place=PLACE):
        server = ModelServer(artefact_for(implementation), place, faults)
        client = TestClient(TestServer(server.application()))
        await client.start_server()
        clients.append(client)
        return client

    yield serve
    for client in clients:
        await client.close()


@pytest.mark.parametrize(("name", "within"), [("sklearn-iris", 1e-12), ("xgboost-iris", 1e-6)])
def test_an_exported_model_scores_as_its_library_did(name, within):
    model = load(name)

    for row, recorded in zip(RECORDED["rows"], RECORDED[name], strict=True):
        assert model.score(row) == pytest.approx(recorded, abs=within)


def test_the_two_models_agree_on_the_species_of_the_flowers_they_learned():
    for row in RECORDED["rows"][:16]:
        answers = [load(a.name).score(row) for a in ARTEFACTS]
        assert len({scores.index(max(scores)) for scores in answers}) == 1


@pytest.mark.parametrize(
    ("implementation", "uri", "name"),
    [
        ("SKLEARN_SERVER", "gs://seldon-models/sklearn/iris", "sklearn-iris"),
        ("SKLEARN_SERVER", "gs://seldon-models/v1.17.1/sklearn/iris", "sklearn-iris"),
        ("XGBOOST_SERVER", "gs://seldon-models/xgboost/iris", "xgboost-iris"),
    ],
)
def test_a_predictor_is_served_by_the_model_that_it_names(implementation, uri, name):
    assert artefact_for(implementation, uri).name == name


@pytest.mark.parametrize(
    ("implementation", "uri", "field"),
    [
        ("TRITON_SERVER", None, "graph.implementation"),
        ("XGBOOST_SERVER", "gs://seldon-models/sklearn/iris", "graph.modelUri"),
        ("SKLEARN_SERVER", "gs://mine/iris", "graph.modelUri"),
    ],
)
def test_a_model_the_lab_does_not_have_is_refused_by_field(implementation, uri, field):
    with pytest.raises(Malformed) as refused:
        artefact_for(implementation, uri)

    assert [e.field for e in refused.value.errors] == [field]


async def test_a_prediction_is_answered_in_seldons_shape(served):
    client = await served("SKLEARN_SERVER")

    async with client.post("/api/v1.0/predictions", json=FLOWER) as answer:
        body = await answer.json()

    assert answer.status == 200
    assert body["data"]["names"] == ["t:0", "t:1", "t:2"]
    assert body["data"]["ndarray"][0] == pytest.approx(RECORDED["sklearn-iris"][0])
    assert body["meta"]["requestPath"] == {"classifier": "seldonio/sklearnserver:1.9.1"}
    assert answer.headers["x-model"] == "sklearn-iris"
    assert answer.headers["x-predictor"] == "ns-production/iris/candidate"


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("not json", "JSON object"),
        ("[1]", "found list"),
        ("{}", "data.ndarray"),
        ('{"data": {"ndarray": []}}', "data.ndarray"),
        ('{"data": {"ndarray": [[1, 2, 3]]}}', "data.ndarray[0]"),
        ('{"data": {"ndarray": [[1, 2, 3, 4], [1, 2, "x", 4]]}}', "data.ndarray[1][2]"),
        ('{"data": {"ndarray": [[1, 2, 3, NaN]]}}', "data.ndarray[0][3]"),
        ('{"data": {"ndarray": [[1, 2, 3, 1e999]]}}', "data.ndarray[0][3]"),
    ],
)
async def test_a_bad_question_is_refused_in_seldons_shape(served, body, names):
    client = await served()

    async with client.post("/api/v1.0/predictions", data=body) as answer:
        status = (await answer.json())["status"]

    assert answer.status == 400
    assert status["status"] == "FAILURE"
    assert status["reason"] == "MICROSERVICE_BAD_DATA"
    assert names in status["info"]
    assert "x-deliberate" not in answer.headers


async def test_feedback_is_taken_and_a_reward_that_is_no_number_is_not(served):
    client = await served()

    async with client.post("/api/v1.0/feedback", json={"reward": 1}) as good:
        assert good.status == 200
    async with client.post("/api/v1.0/feedback", json={"reward": "much"}) as bad:
        assert bad.status == 400
        assert "reward" in (await bad.json())["status"]["info"]


async def test_a_failing_model_fails_its_share_and_says_that_it_was_meant(served):
    client = await served(faults=Faults(failures=0.05))
    failed = []

    for at in range(60):
        async with client.post("/api/v1.0/predictions", json=FLOWER) as answer:
            if answer.status == 500:
                assert answer.headers["x-deliberate"] == "true"
                failed.append(at)

    assert failed == [9, 29, 49]


def test_failures_are_the_same_ones_in_every_run():
    def run():
        pacer = Pacer(0.08)
        return [pacer.fails() for _ in range(1000)]

    assert run() == run()
    assert sum(run()) == 80


async def test_a_slow_model_is_slow_at_predictions_and_at_feedback(served):
    client = await served(faults=Faults(delay_seconds=0.05))

    for path, body in (("predictions", FLOWER), ("feedback", {"reward": 1})):
        began = time.perf_counter()
        async with client.post(f"/api/v1.0/{path}", json=body):
            assert time.perf_counter() - began >= 0.05


@pytest.mark.parametrize("faults", [{"delay_seconds": -1}, {"failures": 1.5}])
def test_impossible_faults_are_refused_by_field(faults):
    with pytest.raises(Malformed, match=next(iter(faults))):
        Faults(**faults)


async def test_the_executors_series_come_out_with_their_labels_and_buckets(served):
    client = await served(place=Place("ns", "iris", "candidate", predictor_version="v2"))
    for _ in range(3):
        async with client.post("/api/v1.0/predictions", json=FLOWER):
            pass
    async with client.post("/api/v1.0/predictions", json={}):
        pass
    async with client.post("/api/v1.0/feedback", json={"reward": 1}):
        pass

    families = await scraped(client)

    server = "seldon_api_executor_server_requests_seconds"
    calls = "seldon_api_executor_client_requests_seconds"
    place = {
        "deployment_name": "iris",
        "predictor_name": "candidate",
        "predictor_version": "v2",
    }
    model = {
        "model_name": "classifier",
        "model_image": "seldonio/xgboostserver",
        "model_version": "1.9.1",
    }
    asked = {"service": "predictions", "method": "post", "code": "200"}
    predict = {"service": "/predict", "method": "post", "code": "200"}
    assert value(families[server], f"{server}_count", place | asked) == 3
    assert value(families[server], f"{server}_count", place | asked | {"code": "400"}) == 1
    assert (
        value(families[server], f"{server}_count", place | asked | {"service": "feedback"}) == 1
    )
    assert value(families[calls], f"{calls}_count", place | model | predict) == 3
    assert value(families[server], f"{server}_sum", place | asked) > 0
    bounds = [
        float(s.labels["le"])
        for s in families[server].samples
        if s.name.endswith("_bucket") and s.labels.items() >= asked.items()
    ]
    assert bounds == [*BUCKETS, float("inf")]
    assert families[server].type == "histogram"
    assert families[f"{server}_summary"].type == "summary"
    assert (
        value(families[f"{calls}_summary"], f"{calls}_summary_count", place | model | predict)
        == 3
    )


async def scraped(client):
    from prometheus_client.parser import text_string_to_metric_families

    async with client.get("/prometheus") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return {f.name: f for f in text_string_to_metric_families(await answer.text())}


def value(family, name, labels):
    return next(s.value for s in family.samples if s.name == name and s.labels == labels)


async def test_a_model_process_starts_fast_stays_small_and_finishes_what_it_answers(tmp_path):
    ready = tmp_path / "ready.json"
    began = time.monotonic()
    process = await spawn(command(ready, "--delay-seconds", "0.3"))
    try:
        url = await announced(ready)
        started_seconds = time.monotonic() - began
        async with aiohttp.ClientSession() as session:
            asked = asyncio.create_task(predict(session, url))
            await asyncio.sleep(0.1)
            memory = resident_megabytes(process.pid)
            code = await end(process)
            assert await asked == 200
    finally:
        await end(process)

    assert code == 0
    assert memory < 45
    assert started_seconds < 3  # alone on the machine 0.2 s; the test shares two cores


async def test_a_model_process_says_in_one_line_what_is_wrong_with_its_arguments(tmp_path):
    process = await spawn(
        command(tmp_path / "ready.json", "--failures", "7"), stderr=asyncio.subprocess.PIPE
    )
    _, told = await process.communicate()

    assert process.returncode == 2
    assert told.decode().splitlines() == [
        "crossfade_lab.models: failures: must be a share between 0 and 1, found 7.0"
    ]


def command(ready, *more):
    place = ["--deployment", "iris", "--predictor", "baseline", "--namespace", "ns-production"]
    kind = ["--implementation", "SKLEARN_SERVER", "--port", "0", "--ready-file", str(ready)]
    return [sys.executable, "-m", "crossfade_lab.models", *kind, *place, *more]


async def announced(ready):
    async with asyncio.timeout(15):
        while not ready.exists():
            await asyncio.sleep(0.01)
    return json.loads(ready.read_text())["url"]


async def predict(session, url):
    async with session.post(f"{url}/api/v1.0/predictions", json=FLOWER) as answer:
        await answer.read()
        return answer.status


def resident_megabytes(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024
