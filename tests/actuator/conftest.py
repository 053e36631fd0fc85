"""A cluster with the seed's SeldonDeployment, emulated always and real where it is installed."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_asyncio

from crossfade.resources.yaml import load_documents
from crossfade.settings import ClusterSettings
from crossfade_actuator.api import KubernetesApi
from crossfade_actuator.cluster import Cluster
from crossfade_lab.cluster import CRDS, ApiServer, ControlPlane, seldon_admission

ROOT = Path(__file__).parents[2]
IRIS = ROOT / "deploy/examples/iris-single"
SEPARATE = ROOT / "deploy/examples/iris-separate"
OBJECTS = (
    IRIS / "namespaces.yaml",
    IRIS / "models.yaml",
    SEPARATE / "namespaces.yaml",
    SEPARATE / "routing-rule.yaml",
)


def documents(path: Path):
    return load_documents(path.read_text())


class Shared:
    """The real server that all tests share, with our objects as if they were new."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane

    async def prepare(self) -> None:
        """Forget every experiment, and make every object anew."""
        async with self.plane.client() as client:
            left = await client.request("GET", "/apis/iter8.tools/v2alpha2/experiments")
            for item in left.body["items"]:
                meta = item["metadata"]
                await self.delete("Experiment", meta["namespace"], meta["name"])
        for path in OBJECTS:
            for item in documents(path):
                if item["kind"] != "Namespace":
                    meta = item["metadata"]
                    await self.delete(item["kind"], meta["namespace"], meta["name"])
        await self.apply(*OBJECTS)

    async def apply(self, *items):
        return await self.plane.apply(*items)

    def client(self):
        return self.plane.client()

    async def delete(self, kind: str, namespace: str, name: str) -> None:
        place = f"namespaces/{namespace}/{PLURALS[kind][1]}/{name}"
        async with self.plane.client() as client:
            await client.request("DELETE", f"/apis/{PLURALS[kind][0]}/{place}")

    def kubeconfig(self, path: Path) -> Path:
        return self.plane.kubeconfig(path=path)


PLURALS = {
    "Experiment": ("iter8.tools/v2alpha2", "experiments"),
    "SeldonDeployment": ("machinelearning.seldon.io/v1", "seldondeployments"),
    "VirtualService": ("networking.istio.io/v1beta1", "virtualservices"),
}


@pytest.fixture(params=["emulator", "kube_apiserver"])
def plane(request):
    """The real server, or None for an emulator of one's own."""
    real = request.param == "kube_apiserver"
    return request.getfixturevalue("kube_apiserver") if real else None


@pytest_asyncio.fixture
async def server(plane):
    if plane is not None:
        shared = Shared(plane)
        await shared.prepare()
        yield shared
        return
    async with ApiServer(admission=[seldon_admission]) as running:
        await running.apply(CRDS, ROOT / "deploy/crds", *OBJECTS)
        yield running


@pytest_asyncio.fixture
async def cluster(server, tmp_path):
    config = tmp_path / "kubeconfig"
    server.kubeconfig(path=config)
    settings = ClusterSettings(kubeconfig=config, timeout_seconds=5)
    connected = Cluster(KubernetesApi(settings), KubernetesApi(settings))
    yield connected
    await connected.close()
