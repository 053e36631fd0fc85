"""The emulator beyond what the real server can be asked: history, rules, admission, outages."""

import asyncio
import stat

import pytest
import yaml

from crossfade_lab.cluster import CRDS, ApiServer, Client, Rule, Status, seldon_admission, serve
from crossfade_lab.cluster.documents import JSON_PATCH, MERGE_PATCH

NAMESPACE = "ns-production"
IRIS = f"/apis/machinelearning.seldon.io/v1/namespaces/{NAMESPACE}/seldondeployments/iris"


def a_deployment(*traffic, name="iris"):
    predictors = [
        {"name": f"p{at}", **({} if share is None else {"traffic": share})}
        for at, share in enumerate(traffic)
    ]
    return {
        "apiVersion": "machinelearning.seldon.io/v1",
        "kind": "SeldonDeployment",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"predictors": predictors},
    }


def weights(first, second):
    return [
        {"op": "add", "path": "/spec/predictors/0/traffic", "value": first},
        {"op": "add", "path": "/spec/predictors/1/traffic", "value": second},
    ]


async def test_every_version_of_an_object_can_be_read_afterwards(emulator):
    await emulator.apply(a_deployment(100, 0))
    async with emulator.client() as client:
        for share in (10, 20, 30):
            await client.request(
                "PATCH", IRIS, weights(100 - share, share), content_type=JSON_PATCH
            )
        path = f"/_lab/history/machinelearning.seldon.io/v1/seldondeployments/{NAMESPACE}/iris"
        told = (await client.request("GET", path)).body["items"]

    versions = emulator.history("SeldonDeployment", NAMESPACE, "iris")
    shares = [[p["traffic"] for p in v["spec"]["predictors"]] for v in versions]
    assert shares == [[100, 0], [90, 10], [80, 20], [70, 30]]
    assert told == versions
    assert versions == emulator.history(
        "machinelearning.seldon.io/v1/seldondeployments", NAMESPACE, "iris"
    )


async def test_a_deleted_object_keeps_its_history(emulator):
    await emulator.apply(a_deployment(100, 0))
    await emulator.delete("SeldonDeployment", NAMESPACE, "iris")

    assert len(emulator.history("SeldonDeployment", NAMESPACE, "iris")) == 1
    with pytest.raises(Status, match='"iris" not found'):
        emulator.get("SeldonDeployment", NAMESPACE, "iris")


@pytest.mark.parametrize("traffic", [(100, 0), (50, 50), (None, 100), (None,), (100,), (0,)])
async def test_seldon_takes_traffic_that_sums_to_100(emulator, traffic):
    await emulator.apply(a_deployment(*traffic))


@pytest.mark.parametrize(
    ("traffic", "why"),
    [
        ((100, 10), "Traffic must sum to 100 for multiple predictors"),
        ((None, None), "Traffic must sum to 100 for multiple predictors"),
        ((50,), "Traffic must sum be 100 for a single predictor when set"),
    ],
)
async def test_seldon_refuses_other_traffic_and_says_why(emulator, traffic, why):
    with pytest.raises(Status, match=why):
        await emulator.apply(a_deployment(*traffic))


async def test_seldon_counts_no_shadow_and_takes_one_at_most(emulator):
    deployment = a_deployment(100, 0)
    deployment["spec"]["predictors"][1] |= {"shadow": True, "traffic": 40}
    await emulator.apply(deployment)

    deployment["spec"]["predictors"] += [{"name": "p2", "shadow": True}]
    with pytest.raises(Status, match="shadow"):
        await emulator.apply(deployment)


async def test_a_refused_patch_leaves_the_object_as_it_was(emulator):
    await emulator.apply(a_deployment(100, 0))
    async with emulator.client() as client:
        answer = await client.request("PATCH", IRIS, weights(100, 10), content_type=JSON_PATCH)

    assert answer.status == 403
    assert "Traffic must sum to 100" in answer.body["message"]
    assert len(emulator.history("SeldonDeployment", NAMESPACE, "iris")) == 1


async def test_a_negative_index_is_refused(emulator):
    await emulator.apply(a_deployment(100, 0))
    operations = [{"op": "test", "path": "/spec/predictors/-1/traffic", "value": 0}]
    async with emulator.client() as client:
        answer = await client.request("PATCH", IRIS, operations, content_type=JSON_PATCH)

    assert (answer.status, answer.body["reason"]) == (422, "Invalid")


async def test_a_kubeconfig_is_for_its_owner_alone(emulator, tmp_path):
    path = emulator.kubeconfig(tmp_path / "config")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert yaml.safe_load(path.read_text())["clusters"][0]["cluster"]["server"] == emulator.url


async def test_a_server_with_a_token_asks_for_it():
    async with ApiServer(token="s3cret") as server:
        async with Client(server.url) as stranger:
            assert (await stranger.request("GET", "/api")).status == 401
        async with server.client() as friend:
            assert (await friend.request("GET", "/api")).status == 200


async def test_rules_hold_for_requests_and_for_reviews_of_access():
    rules = [Rule(["get", "list"], ["machinelearning.seldon.io"], ["seldondeployments"])]
    async with ApiServer(rules=rules) as server:
        await server.apply(CRDS, a_deployment(100, 0))
        async with server.client() as client:
            assert (await client.request("GET", IRIS)).status == 200
            refused = await client.request("PATCH", IRIS, [], content_type=JSON_PATCH)
            allowed = [await _may(client, verb) for verb in ("get", "patch")]

    assert refused.status == 403
    assert 'cannot patch resource "seldondeployments"' in refused.body["message"]
    assert allowed == [True, False]


async def _may(client, verb):
    attributes = {
        "verb": verb,
        "group": "machinelearning.seldon.io",
        "resource": "seldondeployments",
        "namespace": NAMESPACE,
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    answer = await client.request("POST", path, {"spec": {"resourceAttributes": attributes}})
    assert answer.status == 201
    return answer.body["status"]["allowed"]


async def test_one_kind_in_two_versions_is_one_object(emulator):
    meta = {"name": "routing-rule", "namespace": "default"}
    spec = {"http": [{"route": [{"weight": 100}, {"weight": 0}]}]}
    kind = "VirtualService"
    await emulator.apply(
        {
            "apiVersion": "networking.istio.io/v1alpha3",
            "kind": kind,
            "metadata": meta,
            "spec": spec,
        }
    )
    path = "/apis/networking.istio.io/v1beta1/namespaces/default/virtualservices/routing-rule"
    async with emulator.client() as client:
        answer = await client.request("GET", path)

    assert answer.body["apiVersion"] == "networking.istio.io/v1beta1"
    assert answer.body["spec"] == spec


async def test_a_stopped_server_comes_back_on_its_port_with_its_objects(emulator):
    await emulator.apply(a_deployment(100, 0))
    before = emulator.url
    await emulator.stop()
    await emulator.start()
    async with emulator.client() as client:
        answer = await client.request("GET", IRIS)

    assert emulator.url == before
    assert answer.status == 200


async def test_stopping_ends_open_watches_at_once(emulator, until_watched):
    path = "/api/v1/namespaces?watch=1"
    async with emulator.client() as client:
        watching = asyncio.create_task(client.watch(path))
        await until_watched(emulator, ("", "namespaces"))
        await asyncio.wait_for(emulator.stop(), 2)
        lines = await watching

    assert {line["type"] for line in lines} == {"ADDED"}


async def test_a_bookmark_tells_a_quiet_watcher_how_far_time_has_gone():
    async with ApiServer(bookmark_seconds=0.05) as server:
        version = server.store.version
        path = "/api/v1/namespaces/default/configmaps?watch=1&allowWatchBookmarks=true"
        async with server.client() as client:
            watch = client.watch(f"{path}&timeoutSeconds=1&resourceVersion={version}")
            watching = asyncio.create_task(watch)
            await asyncio.sleep(0.02)
            await server.apply(
                {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "elsewhere"}}
            )
            lines = await watching

    assert [line["type"] for line in lines] == ["BOOKMARK"]
    assert int(lines[0]["object"]["metadata"]["resourceVersion"]) > version


async def test_fifty_writers_lose_no_guarded_write(emulator):
    await emulator.apply(a_deployment(100, 0))
    async with emulator.client() as client:
        answers = await asyncio.gather(
            *(
                client.request(
                    "PATCH",
                    IRIS,
                    {"metadata": {"annotations": {f"writer-{at}": "was here"}}},
                    content_type=MERGE_PATCH,
                )
                for at in range(50)
            )
        )

    assert {a.status for a in answers} == {200}
    stored = emulator.get("SeldonDeployment", NAMESPACE, "iris")
    assert len(stored["metadata"]["annotations"]) == 50


async def test_a_write_can_land_before_its_answer(emulator):
    await emulator.apply(a_deployment(100, 0))
    emulator.faults.late_seconds = 5
    async with emulator.client() as client:
        shift = client.request("PATCH", IRIS, weights(90, 10), content_type=JSON_PATCH)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(shift, 0.2)

    assert len(emulator.history("SeldonDeployment", NAMESPACE, "iris")) == 2


async def test_a_server_can_be_busy_once(emulator):
    await emulator.apply(a_deployment(100, 0))
    emulator.faults.refusals.append(Status(429, "TooManyRequests", "try again later"))
    async with emulator.client() as client:
        answers = [
            await client.request("PATCH", IRIS, weights(90, 10), content_type=JSON_PATCH)
            for _ in range(2)
        ]

    assert [answer.status for answer in answers] == [429, 200]
    assert answers[0].headers["retry-after"] == "1"


async def test_a_watcher_that_went_away_is_forgotten(emulator, until_watched):
    async with emulator.client() as client:
        watching = asyncio.create_task(client.watch("/api/v1/namespaces?watch=1"))
        await until_watched(emulator, ("", "namespaces"))
        watching.cancel()
    for _ in range(50):
        if emulator.store.listeners(("", "namespaces")) == 0:
            break
        await asyncio.sleep(0.02)

    assert emulator.store.listeners(("", "namespaces")) == 0


async def test_a_hook_may_come_while_the_server_runs(emulator):
    def closed(verb, old, new):
        raise Status(403, "Forbidden", f"no {verb} today")

    emulator.admission.append(closed)

    with pytest.raises(Status, match="no CREATE today"):
        await emulator.apply(a_deployment(100, 0))


async def test_serve_says_when_it_is_ready_and_goes_when_cancelled():
    ready = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(0, [CRDS], ready.set_result, token="s3cret"))
    server = await asyncio.wait_for(ready, 5)
    async with server.client() as client:
        assert (await client.request("GET", "/apis/split.smi-spec.io/v1alpha2")).status == 200
        serving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await serving
        with pytest.raises(OSError, match="onnect"):
            await client.request("GET", "/readyz")


def test_the_shipped_rule_ignores_other_kinds():
    seldon_admission("CREATE", None, {"kind": "ConfigMap", "metadata": {"name": "x"}})
    seldon_admission("DELETE", {"kind": "SeldonDeployment"}, None)
