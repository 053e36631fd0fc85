"""Clusters for tests: the emulator always, the real API server where it is installed."""

import asyncio

import pytest
import pytest_asyncio

from crossfade_lab.cluster import CRDS, ApiServer, seldon_admission


@pytest_asyncio.fixture
async def emulator():
    """An emulator with the lab's definitions and Seldon's rule."""
    async with ApiServer(admission=[seldon_admission]) as server:
        await server.apply(CRDS)
        yield server


@pytest.fixture
def until_watched():
    """`await until_watched(server, (group, plural))`: until somebody watches there."""

    async def wait(server, place):
        for _ in range(500):
            if server.store.listeners(place):
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"nobody watches {place}")

    return wait


@pytest.fixture(scope="session")
def real_cluster(kube_apiserver):
    """etcd and kube-apiserver with the lab's definitions, one for all tests; `crossfade` is a user.

    Modules that use it say `pytestmark = pytest.mark.asyncio(loop_scope="session")`.
    """
    return kube_apiserver
