"""The real API server, where it is installed: users, outages, and nothing left behind."""

import asyncio
import stat
from pathlib import Path

import pytest

from crossfade_lab.cluster import CRDS, Client, ControlPlane
from crossfade_lab.cluster.documents import JSON_PATCH

pytestmark = pytest.mark.asyncio(loop_scope="session")

PRODUCT = Path(__file__).parents[2] / "deploy" / "crds"
NAMESPACE = "plane"
GROUP = "machinelearning.seldon.io"
PATH = f"/apis/{GROUP}/v1/namespaces/{NAMESPACE}/seldondeployments"


def a_deployment(name):
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "SeldonDeployment",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"predictors": [{"name": "default", "traffic": 100}]},
    }


def a_role(name, verbs):
    rbac = "rbac.authorization.k8s.io"
    rule = {"apiGroups": [GROUP], "resources": ["seldondeployments"], "verbs": verbs}
    meta = {"name": name, "namespace": NAMESPACE}
    subject = {"apiGroup": rbac, "kind": "User", "name": "crossfade"}
    return [
        {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": meta, "rules": [rule]},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "subjects": [subject],
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": name},
        },
    ]


async def test_a_user_may_do_what_a_role_says_and_no_more(real_cluster):
    await real_cluster.apply(a_deployment("owned"), *a_role("reader", ["get"]))
    async with real_cluster.client("crossfade") as client:
        for _ in range(50):  # the authoriser follows roles by watch
            read = await client.request("GET", f"{PATH}/owned")
            if read.status == 200:
                break
            await asyncio.sleep(0.1)
        patched = await client.request("PATCH", f"{PATH}/owned", [], content_type=JSON_PATCH)

    assert read.status == 200
    assert patched.status == 403


async def test_objects_outlive_a_restart_of_the_api_server(real_cluster):
    await real_cluster.apply(a_deployment("kept"))
    await real_cluster.stop_apiserver()
    async with real_cluster.client() as client:
        with pytest.raises(OSError, match="onnect"):
            await client.request("GET", f"{PATH}/kept")
    await real_cluster.start_apiserver()

    async with real_cluster.client() as client:
        for _ in range(50):  # the definitions' endpoints come up after /readyz
            answer = await client.request("GET", f"{PATH}/kept")
            if answer.status == 200:
                break
            await asyncio.sleep(0.1)
    assert answer.status == 200


async def test_its_kubeconfig_is_for_its_owner_alone(real_cluster, tmp_path):
    path = real_cluster.kubeconfig("crossfade", tmp_path / "config")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_stranger_is_turned_away(real_cluster):
    async with Client(real_cluster.url, "wrong", real_cluster.tls) as stranger:
        assert (await stranger.request("GET", "/api")).status == 401


async def test_every_definition_of_the_project_is_served(real_cluster):
    definitions = await real_cluster.apply(CRDS, PRODUCT)

    files = [*CRDS.glob("*.yaml"), *PRODUCT.glob("*.yaml")]
    assert len(definitions) == len(files)


async def test_without_assets_it_says_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(tmp_path))
    assert ControlPlane.missing() == "kube-apiserver"

    for program in ("kube-apiserver", "etcd"):
        (tmp_path / program).touch(mode=0o755)
    assert ControlPlane.missing() is None


async def test_a_server_that_cannot_start_leaves_nothing_behind(monkeypatch, tmp_path):
    for program in ("kube-apiserver", "etcd"):
        (tmp_path / program).write_text("#!/bin/sh\necho cannot >&2\nexit 3\n")
        (tmp_path / program).chmod(0o755)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "state"))
    (tmp_path / "state").mkdir()

    with pytest.raises(RuntimeError, match="cannot"):
        async with ControlPlane(assets=tmp_path):
            pass

    assert not list((tmp_path / "state").iterdir())
