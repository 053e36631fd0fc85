"""The seed's own metrics, asked of a Prometheus: answers as it gives them, and the real one."""

from pathlib import Path
from urllib.parse import parse_qs

import pytest
import yaml
from aiohttp import ClientSession, web
from tests.collector.builders import START, vector

from crossfade.resources import Document
from crossfade_collector.sources.port import Question
from crossfade_collector.templates import values
from crossfade_lab.metrics.real import RealPrometheus, find_prometheus

SEED = Path(__file__).parents[2] / "deploy/examples/iris-single"
HOST = "seldon-core-analytics-prometheus-seldon.seldon-system"


def the_seed():
    documents = list(yaml.safe_load_all((SEED / "metrics.yaml").read_text()))
    (experiment,) = yaml.safe_load_all((SEED / "experiment.yaml").read_text())
    metrics = [d for d in documents if d and d["kind"] == "Metric"]
    return Document.from_json({"experiment": experiment, "metrics": metrics})


def asked_about(document, at=START, elapsed=60):
    def question(metric, version):
        filled = values(document, version, metric, at, elapsed)
        return Question("u", 6, version.name, metric, filled, at, elapsed)

    metrics = [document.metric(ref) for ref in document.references]
    return [question(m, v) for m in metrics for v in document.versions]


async def test_the_seeds_six_metrics_are_read_as_written(a_broker, backend):
    answers = {"error-rate": "NaN", "95th": "0.247", "mean": "0.024804743", "feedback": "42"}

    def say(request):
        query = request.query["query"]
        assert "[60s]" in query
        assert "kubernetes_namespace='ns-production'" in query
        if "histogram_quantile" in query:
            return web.json_response(vector(answers["95th"]))
        if "service='feedback'" in query:
            return web.json_response(vector(answers["feedback"]))
        return web.json_response(vector("NaN" if "code!='200'" in query else "7.5"))

    backend.say = say
    broker = a_broker(connect_to={HOST: f"127.0.0.1:{backend.port}"})
    readings = await broker.read(asked_about(the_seed()))

    told = {(r.metric.split("/")[1], r.version): r.value or r.absent for r in readings}
    assert len(told) == 10
    assert told["95th-percentile-tail-latency", "iris-v2"] == 0.247
    assert told["user-engagement", "iris-v1"] == 42.0
    assert told["error-rate", "iris-v1"] == "not-a-number"
    assert told["request-count", "iris-v1"] == 7.5
    assert len({parse_qs(r.query_string)["time"][0] for r in backend.asked}) == 1
    assert {r.host for r in backend.asked} == {HOST}


@pytest.fixture(scope="module")
def program():
    if find_prometheus() is None:
        pytest.skip("prometheus is not on PATH; install it with: apt-get install prometheus")


@pytest.mark.usefixtures("program")
async def test_a_real_prometheus_without_series_gives_reasons_and_zeros(a_broker, tmp_path):
    targets = tmp_path / "targets.json"
    targets.write_text("[]")
    async with RealPrometheus(tmp_path, targets) as prometheus, ClientSession() as session:
        async with session.get(prometheus.url + "/-/ready") as ready:
            assert ready.status == 200
        broker = a_broker(timeout=5, connect_to={HOST: prometheus.url.removeprefix("http://")})
        readings = await broker.read(asked_about(the_seed()))
        broken = the_seed().metric("iter8-seldon/request-count")
        params = (broken.spec.params[0].model_copy(update={"value": "sum(("}),)
        broken = broken.model_copy(
            update={"spec": broken.spec.model_copy(update={"params": params})}
        )
        (wrong,) = await broker.read([Question("u", 0, "v", broken, {}, START, 10)])

    told = {r.metric.split("/")[1]: r.absent or r.value for r in readings}
    assert told == {
        "request-count": 0.0,
        "user-engagement": 0.0,
        "mean-latency": "not-a-number",
        "95th-percentile-tail-latency": "empty-result",
        "error-rate": "not-a-number",
    }
    assert wrong.absent == "http-status"
    assert wrong.detail.startswith("HTTP 400: ")
    assert "bad_data" in wrong.detail
