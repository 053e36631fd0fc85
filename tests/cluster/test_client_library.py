"""kubernetes_asyncio against the emulator, called as the actuator calls it."""

import asyncio
import subprocess
import sys

import orjson
import pytest

from crossfade_lab.cluster.documents import JSON_PATCH, MERGE_PATCH

NAMESPACE = "ns-production"
KIND = ("machinelearning.seldon.io", "v1", NAMESPACE, "seldondeployments")
SECONDS = 10


def a_deployment(name="iris"):
    return {
        "apiVersion": "machinelearning.seldon.io/v1",
        "kind": "SeldonDeployment",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "predictors": [
                {"name": "baseline", "traffic": 100},
                {"name": "candidate", "traffic": 0},
            ]
        },
    }


@pytest.fixture
async def library(emulator, tmp_path):
    from kubernetes_asyncio import client, config

    await emulator.apply(a_deployment())
    await config.load_kube_config(str(emulator.kubeconfig(tmp_path / "kubeconfig")))
    async with client.ApiClient() as api:
        yield api


@pytest.fixture
def objects(library):
    from kubernetes_asyncio import client

    return client.CustomObjectsApi(library)


def a_shift(uid, old, new):
    return [
        {"op": "test", "path": "/metadata/uid", "value": uid},
        {"op": "test", "path": "/spec/predictors/0/traffic", "value": old},
        {"op": "test", "path": "/spec/predictors/1/traffic", "value": 100 - old},
        {"op": "add", "path": "/spec/predictors/0/traffic", "value": new},
        {"op": "add", "path": "/spec/predictors/1/traffic", "value": 100 - new},
    ]


async def shift(objects, operations, name="iris"):
    return await objects.patch_namespaced_custom_object(
        *KIND,
        name,
        operations,
        _content_type=JSON_PATCH,
        field_manager="crossfade",
        _request_timeout=SECONDS,
    )


async def test_weights_move_by_a_guarded_json_patch(objects):
    before = await objects.get_namespaced_custom_object(*KIND, "iris")

    after = await shift(objects, a_shift(before["metadata"]["uid"], 100, 90))

    assert [p["traffic"] for p in after["spec"]["predictors"]] == [90, 10]
    assert after["metadata"]["generation"] == before["metadata"]["generation"] + 1
    managers = {entry["manager"] for entry in after["metadata"]["managedFields"]}
    assert "crossfade" in managers


async def test_a_guard_that_fails_is_422_and_its_resend_too(objects):
    from kubernetes_asyncio.client import ApiException

    uid = (await objects.get_namespaced_custom_object(*KIND, "iris"))["metadata"]["uid"]
    await shift(objects, a_shift(uid, 100, 90))

    with pytest.raises(ApiException) as refused:
        await shift(objects, a_shift(uid, 100, 90))

    assert (refused.value.status, refused.value.reason) == (422, "Unprocessable Entity")
    assert orjson.loads(refused.value.body or b"")["reason"] == "Invalid"


async def test_a_dict_without_a_media_type_is_sent_as_a_json_patch_and_refused(objects):
    from kubernetes_asyncio.client import ApiException

    with pytest.raises(ApiException) as refused:
        await objects.patch_namespaced_custom_object(*KIND, "iris", {"spec": {}})

    assert refused.value.status == 400


async def test_status_is_merged_by_a_patch_of_its_own(objects):
    body = {"spec": {"predictors": []}, "status": {"state": "Available"}}

    after = await objects.patch_namespaced_custom_object_status(
        *KIND, "iris", body, _content_type=MERGE_PATCH, _request_timeout=SECONDS
    )

    assert after["status"] == {"state": "Available"}
    assert len(after["spec"]["predictors"]) == 2
    assert after["metadata"]["generation"] == 1


async def test_a_list_and_a_watch_from_it_miss_nothing(emulator, objects):
    listed = await objects.list_namespaced_custom_object(*KIND, resource_version="0")
    version = listed["metadata"]["resourceVersion"]
    uid = listed["items"][0]["metadata"]["uid"]
    await shift(objects, a_shift(uid, 100, 90))

    response = await objects.list_namespaced_custom_object(
        *KIND,
        watch=True,
        resource_version=version,
        allow_watch_bookmarks=True,
        timeout_seconds=1,
        _preload_content=False,
    )
    await shift(objects, a_shift(uid, 90, 80))
    await emulator.delete("SeldonDeployment", NAMESPACE, "iris")
    events = [orjson.loads(line) async for line in response.content]

    assert [event["type"] for event in events] == ["MODIFIED", "MODIFIED", "DELETED"]
    shares = [event["object"]["spec"]["predictors"][0]["traffic"] for event in events]
    assert shares == [90, 80, 80]
    versions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
    assert versions == sorted(versions)
    assert versions[0] > int(version)


async def test_the_librarys_own_watch_sees_an_object_come(emulator, objects):
    from kubernetes_asyncio import watch

    seen = []
    async with watch.Watch() as watching:
        stream = watching.stream(
            objects.list_namespaced_custom_object, *KIND, timeout_seconds=1
        )
        async for event in stream:
            seen.append((event["type"], event["object"]["metadata"]["name"]))
            if len(seen) == 1:
                await emulator.apply(a_deployment("second"))

    assert seen == [("ADDED", "iris"), ("ADDED", "second")]


async def test_a_watch_from_a_forgotten_version_ends_in_410(emulator, objects):
    from kubernetes_asyncio.client import ApiException
    from kubernetes_asyncio.watch import Watch

    listed = await objects.list_namespaced_custom_object(*KIND)
    version = listed["metadata"]["resourceVersion"]
    await emulator.apply(a_deployment("second"))
    emulator.forget()

    async with Watch() as watching:
        stream = watching.stream(
            objects.list_namespaced_custom_object,
            *KIND,
            resource_version=version,
            timeout_seconds=1,
        )
        with pytest.raises(ApiException) as gone:
            await anext(stream)

    assert gone.value.status == 410


async def test_kinds_are_found_by_discovery(objects):
    found = await objects.get_api_resources("machinelearning.seldon.io", "v1")

    named = {r.name: r.kind for r in found.resources}
    assert named["seldondeployments"] == "SeldonDeployment"


async def test_typed_apis_work_for_what_crossfade_uses(library):
    from kubernetes_asyncio import client

    core = client.CoreV1Api(library)
    secret = client.V1Secret(
        metadata=client.V1ObjectMeta(name="token"), string_data={"token": "s3cret"}
    )
    await core.create_namespaced_secret(NAMESPACE, secret)
    read = await core.read_namespaced_secret("token", NAMESPACE)
    assert read.data == {"token": "czNjcmV0"}

    leases = client.CoordinationV1Api(library)
    lease = client.V1Lease(
        metadata=client.V1ObjectMeta(name="leader"),
        spec=client.V1LeaseSpec(holder_identity="one", lease_duration_seconds=15),
    )
    held = await leases.create_namespaced_lease(NAMESPACE, lease)
    held.spec.holder_identity = "two"
    await leases.replace_namespaced_lease("leader", NAMESPACE, held)
    with pytest.raises(client.ApiException) as stale:
        await leases.replace_namespaced_lease("leader", NAMESPACE, held)
    assert stale.value.status == 409

    review = client.V1SelfSubjectAccessReview(
        spec=client.V1SelfSubjectAccessReviewSpec(
            resource_attributes=client.V1ResourceAttributes(
                verb="patch", group=KIND[0], resource=KIND[3], namespace=NAMESPACE
            )
        )
    )
    answer = await client.AuthorizationV1Api(library).create_self_subject_access_review(review)
    assert answer.status.allowed


async def test_fifty_guarded_writers_move_the_weights_once(objects):
    from kubernetes_asyncio.client import ApiException

    uid = (await objects.get_namespaced_custom_object(*KIND, "iris"))["metadata"]["uid"]

    results = await asyncio.gather(
        *(shift(objects, a_shift(uid, 100, 90)) for _ in range(50)), return_exceptions=True
    )

    assert sum(isinstance(r, dict) for r in results) == 1
    assert {r.status for r in results if isinstance(r, ApiException)} == {422}


def test_importing_the_cluster_leaves_the_library_out():
    code = "import sys, crossfade_lab.cluster; print('kubernetes_asyncio' in sys.modules)"

    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )

    assert told.stdout.strip() == "False"
