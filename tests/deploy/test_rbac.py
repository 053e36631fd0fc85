"""Rights: what the roles give is what the adapters ask for; on a real server where there is one."""

import re
from inspect import isfunction

import pytest
import yaml

from crossfade.resources import ObjectReference
from crossfade.settings import ClusterSettings
from crossfade_actuator.actions.jobs import Jobs
from crossfade_actuator.actions.manifests import Place
from crossfade_actuator.actions.port import Errand
from crossfade_actuator.api import KubernetesApi
from crossfade_actuator.cluster import Cluster
from crossfade_lab.cluster import CRDS, ControlPlane

VERBS = {"GET": "get", "POST": "create", "PATCH": "patch", "DELETE": "delete"}
EXPERIMENT = {
    "apiVersion": "iter8.tools/v2alpha2",
    "kind": "Experiment",
    "metadata": {"name": "e", "namespace": "ns"},
    "spec": {"target": "t"},
}


class Recording:
    """Stands where the API client stands, and notes what is asked for."""

    def __init__(self, uid=""):
        self.calls = set()
        self.uid = uid

    async def call(self, method, path, *, query=(), body=None, content_type=""):
        if path.count("/") == 3:
            return {"resources": [{"name": "virtualservices", "kind": "VirtualService"}]}
        self.calls.add(asked(VERBS[method], path))
        return {"metadata": {"uid": self.uid}, "items": [], "status": {}}

    async def stream(self, path, query, idle_seconds):
        self.calls.add(asked("watch", path))
        yield {}


def asked(verb, path):
    """(verb, group, resource[/subresource]) of a request's path, as RBAC sees it."""
    found = re.fullmatch(
        r"/(?:api|apis/([^/]+))/v[^/]+(?:/namespaces/[^/]+)?/([a-z]+)(?:/([^/]+))?(?:/([a-z]+))?",
        path,
    )
    group, resource, name, sub = found.groups()
    if verb == "get" and not name:
        verb = "list"
    return verb, group or "", f"{resource}/{sub}" if sub else resource


def a_reference(kind="VirtualService", api_version="networking.istio.io/v1beta1"):
    return ObjectReference(
        kind=kind, api_version=api_version, name="x", namespace="ns", field_path=".spec.w"
    )


async def everything_the_actuator_asks():
    api, watches = Recording("u"), Recording()
    cluster = Cluster(api, watches)
    await cluster.get(a_reference())
    await cluster.patch(a_reference(), [], dry_run=True)
    await cluster.get_experiment("ns", "e")
    await cluster.get_metric("ns", "m")
    await cluster.create_experiment(EXPERIMENT)
    await cluster.delete_experiment("ns", "e", "u")
    await cluster.patch_status("ns", "e", "u", {})
    await cluster.list_experiments()
    _ = [event async for event in cluster.watch_experiments("0")]
    await cluster.create_event("ns", {})
    await cluster.may("patch", a_reference())
    return api.calls | watches.calls


OPTIONAL = ("crossfade-metric-secrets", "crossfade-tasks")
JOBS = "crossfade-jobs"


def granted(manifests, account):
    """(verb, group, resource) that the shipped roles give a service account."""
    manifests = [m for m in manifests if m["metadata"]["name"] not in (*OPTIONAL, JOBS)]
    named = {(m["kind"], m["metadata"]["name"]): m for m in manifests}
    found = set()
    for binding in manifests:
        if not binding["kind"].endswith("RoleBinding"):
            continue
        if account in [s["name"] for s in binding["subjects"]]:
            role = named[binding["roleRef"]["kind"], binding["roleRef"]["name"]]
            found |= {
                (verb, group, resource)
                for rule in role["rules"]
                for group in rule["apiGroups"]
                for resource in rule["resources"]
                for verb in rule["verbs"]
            }
    return found


async def test_the_actuator_may_do_what_its_adapter_asks_and_no_more(manifests):
    given = granted(manifests, "crossfade-actuator")
    wanted = await everything_the_actuator_asks()
    assert wanted <= given
    carriers = set(granted_carriers(manifests))
    assert given - wanted == {(v, g, r) for v in ("get", "patch") for g, r in carriers} - wanted


def granted_carriers(manifests):
    for role in manifests:
        if role["kind"] == "ClusterRole" and role["metadata"]["name"] == "crossfade-weights":
            for rule in role["rules"]:
                assert rule["verbs"] == ["get", "patch"]
                yield from ((g, r) for g in rule["apiGroups"] for r in rule["resources"])


def test_every_kind_that_the_lab_knows_may_carry_weights(manifests):
    carriers = set(granted_carriers(manifests))
    for file in CRDS.glob("*.yaml"):
        for definition in yaml.safe_load_all(file.read_text()):
            spec = definition["spec"]
            assert (spec["group"], spec["names"]["plural"]) in carriers, file


CALLED = {
    *(
        "get",
        "patch",
        "path",
        "get_experiment",
        "get_metric",
        "create_experiment",
        "close",
        "may",
    ),
    *("patch_status", "list_experiments", "watch_experiments", "create_event"),
    "delete_experiment",
}
OPT_IN = {"find", "get_secret"}
"""Rights for these are in `optional/task-rights.yaml`: nobody knows beforehand on what."""


def test_no_method_of_the_adapter_is_left_out_of_these_tests():
    public = {name for name, made in vars(Cluster).items() if isfunction(made)}
    assert {name for name in public if name[0] != "_"} - OPT_IN == CALLED


def test_those_who_do_not_touch_the_cluster_have_no_rights_on_it(manifests):
    for name in ("analyzer", "notifier", "console"):
        assert granted(manifests, f"crossfade-{name}") == set()
    for deployment in (m for m in manifests if m["kind"] == "Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        touches = deployment["metadata"]["name"] in ("actuator", "collector")
        assert pod["automountServiceAccountToken"] is touches


@pytest.mark.parametrize("name", OPTIONAL)
def test_secrets_are_read_by_opting_in_and_by_name(name, manifests, root):
    role = next(m for m in manifests if m["metadata"]["name"] == name)
    assert role["kind"] == "Role"
    for rule in role["rules"]:
        assert rule["verbs"] == ["get"]
        assert rule.get("resourceNames") or "secrets" not in rule["resources"]
    kustomization = yaml.safe_load((root / "deploy/kubernetes/kustomization.yaml").read_text())
    assert not any("optional" in resource for resource in kustomization["resources"])


async def test_actions_as_jobs_need_what_their_optional_role_gives(manifests):
    role = next(m for m in manifests if m["kind"] == "Role" and m["metadata"]["name"] == JOBS)
    given = {
        (verb, group, resource)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    api = RecordingJobs()
    jobs = Jobs(api, Place("crossfade:0.1.0", "crossfade-system", "crossfade-handler"))
    errand = Errand("u", "ns", "e", "finish", 0, frozenset({"hidden"}))
    assert (await jobs.execute(["echo", "hidden"], {}, 5.0, errand)).ok
    await jobs.forget(errand)
    assert api.calls == given


class RecordingJobs(Recording):
    """Answers that a Job has ended well and has a pod."""

    async def call(self, method, path, *, query=(), body=None, content_type=""):
        await super().call(method, path)
        ended = {"conditions": [{"type": "Complete", "status": "True"}]}
        return {
            "metadata": {"name": "j", "uid": "u"},
            "status": ended,
            "items": [{"metadata": {"name": "p"}}],
        }

    async def text(self, path, query=()):
        self.calls.add(asked("get", path))
        return "done"


def test_nobody_is_given_everything(manifests):
    for role in (m for m in manifests if m["kind"] in ("Role", "ClusterRole")):
        for rule in role["rules"]:
            assert "*" not in [*rule["apiGroups"], *rule["resources"], *rule["verbs"]]


def test_the_handler_may_change_what_exists_and_create_nothing(manifests):
    rights = granted(manifests, "crossfade-handler")
    assert {verb for verb, _, _ in rights} == {"get", "list", "watch", "patch", "update"}
    changed = {resource for verb, _, resource in rights if verb == "patch"}
    assert changed == {"experiments", "seldondeployments", "virtualservices"}


async def test_a_real_server_lets_the_actuator_work_with_these_rights(manifests, root):
    if program := ControlPlane.missing():
        pytest.skip(
            f"no {program}: set KUBEBUILDER_ASSETS to a folder with etcd and kube-apiserver"
        )
    async with ControlPlane(users={"crossfade": (), "nobody": ()}) as plane:
        await plane.apply(CRDS, root / "deploy/crds", *as_user(manifests, "crossfade"))
        cluster = Cluster(
            *(
                KubernetesApi(ClusterSettings(kubeconfig=plane.kubeconfig("crossfade")))
                for _ in "ab"
            )
        )
        stranger = Cluster(
            *(
                KubernetesApi(ClusterSettings(kubeconfig=plane.kubeconfig("nobody")))
                for _ in "ab"
            )
        )
        try:
            for group, version, kind in KINDS:
                ref = a_reference(kind, f"{group}/{version}")
                assert [await cluster.may(v, ref) for v in ("get", "patch", "delete")] == [
                    True,
                    True,
                    False,
                ]
                assert not await stranger.may("patch", ref)
            assert (await cluster.list_experiments())[0] == []
        finally:
            await cluster.close()
            await stranger.close()


KINDS = [
    ("machinelearning.seldon.io", "v1", "SeldonDeployment"),
    ("networking.istio.io", "v1beta1", "VirtualService"),
    ("serving.kserve.io", "v1beta1", "InferenceService"),
]


def as_user(manifests, user):
    """The actuator's roles, bound to a user of the test's server."""
    for manifest in manifests:
        if manifest["kind"] == "ClusterRole":
            yield manifest
        if manifest["kind"] == "ClusterRoleBinding" and "actuator" in str(manifest["subjects"]):
            subject = {"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}
            yield manifest | {"subjects": [subject]}
