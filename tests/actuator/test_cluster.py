"""The cluster adapter: its answers and errors, on an API server with bad days."""

from __future__ import annotations

import orjson
import pytest
from aiohttp import web

from crossfade.errors import Conflict, CrossfadeError, Forbidden, NotFound, Unreachable
from crossfade.resources import ObjectReference
from crossfade.settings import ClusterSettings
from crossfade_actuator.api import ATTEMPTS, KubernetesApi, Rejected
from crossfade_actuator.cluster import Cluster
from crossfade_actuator.kinds import Kinds
from crossfade_lab.cluster.kubeconfigs import write_kubeconfig

IRIS = ObjectReference.model_validate(
    {
        "apiVersion": "machinelearning.seldon.io/v1",
        "kind": "SeldonDeployment",
        "namespace": "ns-production",
        "name": "iris",
    }
)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("crossfade_actuator.api.PAUSES", (0.01, 0.01, 0.01))


@pytest.fixture
async def scripted(tmp_path):
    """An API server that answers as it is told, and a cluster adapter that asks it."""
    asked, answers = [], []

    async def answer(request):
        asked.append(request)
        status, head, text = answers.pop(0) if len(answers) > 1 else answers[0]
        return web.Response(status=status, headers=head, text=text)

    runner = web.ServerRunner(web.Server(answer), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    config = write_kubeconfig(tmp_path / "scripted", url=url, token=None)
    settings = ClusterSettings(kubeconfig=config, timeout_seconds=1)
    api = KubernetesApi(settings)
    yield api, answers, asked
    await api.close()
    await runner.cleanup()


@pytest.mark.parametrize(
    ("status", "error", "calls"),
    [
        (400, Rejected, 1),
        (401, Forbidden, 1),
        (403, Forbidden, 1),
        (404, NotFound, 1),
        (409, Conflict, 1),
        (415, Rejected, 1),
        (422, Rejected, 1),
        (429, Unreachable, 4),
        (500, Unreachable, 4),
        (503, Unreachable, 4),
    ],
)
async def test_every_status_is_an_error_of_ours_with_the_servers_words(
    scripted, status, error, calls
):
    api, answers, asked = scripted
    answers[:] = [(status, {}, '{"kind": "Status", "message": "the server says no"}')]
    with pytest.raises(error, match="the server says no"):
        await api.call("GET", "/api/v1")
    assert len(asked) == calls


@pytest.mark.parametrize(
    "text", ["", "<html>bad gateway</html>", "[]", "null", '{"message": 7}']
)
@pytest.mark.parametrize("status", [404, 502])
async def test_an_error_page_of_any_kind_is_still_an_error_of_ours(scripted, status, text):
    api, answers, _ = scripted
    answers[:] = [(status, {}, text)]
    with pytest.raises(CrossfadeError):
        await api.call("GET", "/api/v1")


async def test_a_page_that_is_no_json_is_an_error_of_ours(scripted):
    api, answers, _ = scripted
    answers[:] = [(200, {}, "<html>please log in</html>")]
    with pytest.raises(Unreachable, match="no JSON"):
        await api.call("GET", "/api/v1")


async def test_a_busy_server_is_asked_again(scripted):
    api, answers, asked = scripted
    answers[:] = [(429, {"Retry-After": "0"}, ""), (503, {}, ""), (200, {}, '{"ok": 1}')]
    assert await api.call("GET", "/api/v1") == {"ok": 1}
    assert len(asked) == 3


@pytest.mark.parametrize("plane", ["emulator"], indirect=True)
async def test_nobody_listening_is_unreachable(server, cluster):
    await server.stop()
    with pytest.raises(Unreachable, match="does not answer: Cannot connect to host"):
        await cluster.get(IRIS)


@pytest.mark.parametrize("plane", ["emulator"], indirect=True)
async def test_a_stopped_server_is_reached_again_once_it_is_back(server, cluster):
    await cluster.get(IRIS)
    await server.stop()
    await server.start()
    assert (await cluster.get(IRIS))["metadata"]["name"] == "iris"


async def test_an_unknown_kind_is_named(cluster):
    with pytest.raises(NotFound, match="no Nonsense in machinelearning"):
        await cluster.get(IRIS.model_copy(update={"kind": "Nonsense"}))


async def test_a_write_says_who_wrote(cluster):
    await cluster.patch(IRIS, [{"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}])
    fields = (await cluster.get(IRIS))["metadata"]["managedFields"]
    assert "crossfade" in {entry["manager"] for entry in fields}


async def test_a_failed_test_of_a_patch_is_a_rejection(cluster):
    with pytest.raises(Rejected):
        await cluster.patch(IRIS, [{"op": "test", "path": "/metadata/uid", "value": "another"}])


@pytest.mark.parametrize("plane", ["emulator"], indirect=True)
async def test_a_webhooks_no_carries_its_words(cluster):
    with pytest.raises(Forbidden, match="Traffic must sum to 100"):
        await cluster.patch(
            IRIS, [{"op": "add", "path": "/spec/predictors/0/traffic", "value": 99}]
        )


async def test_rights_can_be_asked_for(cluster):
    assert await cluster.may("patch", IRIS) is True


async def test_a_kubeconfig_that_is_none_is_refused_by_field(tmp_path):
    settings = ClusterSettings(kubeconfig=tmp_path / "nowhere")
    nowhere = Cluster(KubernetesApi(settings), KubernetesApi(settings))
    with pytest.raises(CrossfadeError, match=r"cluster\.kubeconfig"):
        await nowhere.get(IRIS)


async def test_an_experiment_is_deleted_by_its_uid_and_no_other(cluster):
    experiment = {
        "apiVersion": "iter8.tools/v2alpha2",
        "kind": "Experiment",
        "metadata": {"name": "exp", "namespace": "default"},
        "spec": {"target": "t", "strategy": {"testingPattern": "Conformance"}},
    }
    made = await cluster.create_experiment(experiment)
    await cluster.delete_experiment("default", "exp", "00000000-0000-0000-0000-000000000000")
    assert await cluster.get_experiment("default", "exp") is not None
    await cluster.delete_experiment("default", "exp", made["metadata"]["uid"])
    assert await cluster.get_experiment("default", "exp") is None
    await cluster.delete_experiment("default", "exp", made["metadata"]["uid"])


async def test_an_aggregated_api_that_is_away_hides_no_other_kind(scripted):
    api, answers, _ = scripted
    groups = ("metrics.k8s.io/v1beta1", "apps/v1")
    listed = [{"preferredVersion": {"groupVersion": group}} for group in groups]
    deployments = {"name": "deployments", "kind": "Deployment", "namespaced": True}
    answers += [
        (200, {}, orjson.dumps({"groups": listed}).decode()),
        (200, {}, '{"resources": []}'),
        *[(503, {}, "the server is currently unable to handle the request")] * ATTEMPTS,
        (200, {}, orjson.dumps({"resources": [deployments]}).decode()),
    ]

    kind = await Kinds(api).named("deployment")

    assert (kind.root, kind.plural) == ("/apis/apps/v1", "deployments")
