"""Clusters for tests: the emulator always, the real API server where it is installed."""

import asyncio

import pytest
import pytest_asyncio

from crossfade_lab.cluster import CRDS, ApiServer, ControlPlane, seldon_admission


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


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def real_cluster():
    """etcd and kube-apiserver with the lab's definitions, one for all tests; `crossfade` is a user.

    Modules that use it say `pytestmark = pytest.mark.asyncio(loop_scope="session")`.
    """
    if program := ControlPlane.missing():
        pytest.skip(
            f"no {program}: set KUBEBUILDER_ASSETS to a folder with etcd and kube-apiserver"
        )
    async with ControlPlane(users={"crossfade": ()}) as plane:
        await plane.apply(CRDS)
        yield plane
