"""A cluster with the seed's SeldonDeployment, emulated always and real where it is installed."""

from __future__ import annotations

from pathlib import Path

import pytest_asyncio

from crossfade.resources.yaml import load_documents
from crossfade.settings import ClusterSettings
from crossfade_actuator.api import KubernetesApi
from crossfade_actuator.cluster import Cluster
from crossfade_lab.cluster import CRDS, ApiServer, seldon_admission

ROOT = Path(__file__).parents[2]
IRIS = ROOT / "deploy/examples/iris-single"
SEPARATE = ROOT / "deploy/examples/iris-separate"


def documents(path: Path):
    return load_documents(path.read_text())


@pytest_asyncio.fixture
async def server():
    async with ApiServer(admission=[seldon_admission]) as running:
        await running.apply(CRDS, ROOT / "deploy/crds")
        await running.apply(IRIS / "namespaces.yaml", IRIS / "models.yaml")
        await running.apply(SEPARATE / "namespaces.yaml", SEPARATE / "routing-rule.yaml")
        yield running


@pytest_asyncio.fixture
async def cluster(server, tmp_path):
    config = tmp_path / "kubeconfig"
    server.kubeconfig(config)
    settings = ClusterSettings(kubeconfig=config, timeout_seconds=5)
    connected = Cluster(KubernetesApi(settings), KubernetesApi(settings))
    yield connected
    await connected.close()
