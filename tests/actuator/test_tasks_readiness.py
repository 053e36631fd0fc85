"""Readiness and secrets, asked of an API server."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace

import pytest
from tests.actuator.test_actions import Notes, a_context, a_task

from crossfade.errors import Malformed, NotFound
from crossfade.resources import ObjectReference
from crossfade.testing.documents import a_document
from crossfade_actuator.actions.port import Means
from crossfade_actuator.actions.processes import Processes
from crossfade_actuator.actions.runner import Runner

QUICK = {"initialDelaySeconds": 0, "intervalSeconds": 0.02}


def readiness(*refs, **inputs):
    given = QUICK | {"objRefs": list(refs)} | inputs
    return a_task(task="common/readiness", **{"with": given})


def a_deployment(name, available=None, **status):
    conditions = [{"type": "Available", "status": available}] if available else []
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "ns"},
        "spec": {
            "selector": {"matchLabels": {"a": name}},
            "template": {
                "metadata": {"labels": {"a": name}},
                "spec": {"containers": [{"name": "c", "image": "i"}]},
            },
        },
        "status": {"conditions": conditions} | status,
    }


async def available(server, name, status="True", **more):
    conditions = [{"type": "Available", "status": status}]
    async with server.client() as client:
        answer = await client.request(
            "PATCH",
            f"/apis/apps/v1/namespaces/ns/deployments/{name}/status",
            {"status": {"conditions": conditions} | more},
            content_type="application/merge-patch+json",
        )
        assert answer.status == 200, answer.body


async def ready(cluster, task, context=None, seconds=20.0):
    notes = Notes()
    runner = Runner(Processes(), seconds, means=Means(cluster, cluster))
    result = await runner.run("start", [task], context or a_context(), notes)
    return result, notes.outcomes


async def test_objects_that_are_there_are_ready(server, cluster):
    await server.apply(a_deployment("one"), a_deployment("two"))
    refs = [
        {"kind": kind, "name": "one"} for kind in ("deploy", "Deployment", "deployments.apps")
    ]
    result, outcomes = await ready(
        cluster, readiness(*refs, {"kind": "deployment", "name": "two"})
    )
    assert result.ok, result.message
    assert outcomes[0].output == "4 objects are ready"


async def test_an_object_that_appears_later_is_waited_for(server, cluster):
    waiting = asyncio.create_task(
        ready(cluster, readiness({"kind": "deploy", "name": "late"}, numRetries=500))
    )
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await server.apply(a_deployment("late"))
    result, _ = await waiting
    assert result.ok, result.message


async def test_every_object_has_to_fulfil_its_condition_in_the_same_look(server, cluster):
    await server.apply(a_deployment("one"), a_deployment("two"))
    await available(server, "one", "False")
    wanted = {"kind": "deployment", "waitFor": "condition=available"}
    task = readiness(wanted | {"name": "one"}, wanted | {"name": "two"}, numRetries=2)
    result, _ = await ready(cluster, task)
    assert result.message == (
        "task 0: not ready: deployment ns/one: condition available is False, not true; "
        "deployment ns/two: condition available is not there, not true"
    )
    waiting = asyncio.create_task(
        ready(
            cluster,
            readiness(wanted | {"name": "one"}, wanted | {"name": "two"}, numRetries=500),
        )
    )
    await available(server, "two")
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await available(server, "one")
    result, _ = await waiting
    assert result.ok, result.message


async def test_a_condition_of_an_older_generation_does_not_count(server, cluster):
    await server.apply(a_deployment("older"))
    await available(server, "older", observedGeneration=1)
    edited = a_deployment("older")
    edited["spec"]["replicas"] = 3
    await server.apply(edited)
    ref = {"kind": "deployment", "name": "older", "waitFor": "condition=Available"}
    result, _ = await ready(cluster, readiness(ref, numRetries=0))
    assert "condition available is out of date, not true" in result.message


async def test_a_condition_may_name_its_status(server, cluster):
    await server.apply(a_deployment("one"))
    await available(server, "one", "False")
    ref = {"kind": "deployment", "name": "one", "waitFor": "condition=Available=False"}
    assert (await ready(cluster, readiness(ref)))[0].ok


async def test_objects_that_carry_weights_are_waited_for_too(server, cluster):
    info = {
        "baseline": {
            "name": "b",
            "weightObjRef": {
                "apiVersion": "machinelearning.seldon.io/v1",
                "kind": "SeldonDeployment",
                "name": "iris",
                "namespace": "ns-production",
                "fieldPath": ".spec.predictors[0].traffic",
            },
        },
        "candidates": [
            {
                "name": "c",
                "weightObjRef": {
                    "apiVersion": "machinelearning.seldon.io/v1",
                    "kind": "SeldonDeployment",
                    "name": "missing",
                    "fieldPath": ".spec.predictors[1].traffic",
                },
            }
        ],
    }
    context = replace(a_context(), document=a_document(versionInfo=info))
    result, _ = await ready(cluster, readiness(numRetries=0), context)
    assert "SeldonDeployment default/missing: " in result.message
    assert "not found" in result.message
    assert "iris" not in result.message.replace("SeldonDeployment default", "")


async def test_without_retries_left_within_the_actions_time_it_gives_up(server, cluster):
    task = readiness({"kind": "deploy", "name": "never"}, intervalSeconds=60)
    result, _ = await ready(cluster, task, seconds=1.5)
    assert "the action's time is over" in result.message


async def test_a_kind_that_is_not_served_is_named(server, cluster):
    result, _ = await ready(cluster, readiness({"kind": "rocket", "name": "x"}, numRetries=0))
    assert "rocket ns/x: the cluster knows no rocket" in result.message


async def test_without_a_cluster_it_fails_at_once():
    task = readiness({"kind": "deploy", "name": "x"}, numRetries=1000, intervalSeconds=60)
    notes = Notes()
    result = await Runner(Processes(), 600.0).run("start", [task], a_context(), notes)
    assert result.message == "task 0: deploy x: there is no cluster to look at"


@pytest.mark.parametrize(
    ("ref", "said"),
    [
        (
            {"kind": "deploy", "name": "Not.A.Label"},
            "with.objRefs[0].name: found 'Not.A.Label'",
        ),
        ({"kind": "deploy", "name": "x" * 64}, "right is a DNS label: at most 63"),
        ({"kind": "deploy"}, "with.objRefs[0].name: found None"),
        ({"name": "x"}, "with.objRefs[0].kind: found None, right is a kind such as deployment"),
        (
            {"kind": "deploy", "name": "x", "waitFor": "delete"},
            "with.objRefs[0].waitFor: found 'delete', right is condition=<type>",
        ),
    ],
)
async def test_references_that_can_be_none_fail_while_building(ref, said):
    notes = Notes()
    result = await Runner(Processes()).run("start", [readiness(ref)], a_context(), notes)
    assert said in result.message
    assert notes.outcomes == []


async def test_a_secret_is_read_as_text(server, cluster):
    data = {"token": base64.b64encode(b"t0ken\n").decode(), "odd": "/w=="}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s", "namespace": "ns"},
    }
    await server.apply(secret | {"data": {"token": data["token"]}})
    assert await cluster.get_secret("ns", "s") == {"token": "t0ken"}
    await server.apply(secret | {"data": data})
    with pytest.raises(Malformed, match="secret ns/s: key odd is not text"):
        await cluster.get_secret("ns", "s")
    with pytest.raises(NotFound):
        await cluster.get_secret("ns", "nowhere")


async def test_an_object_is_found_by_what_people_call_its_kind(server, cluster):
    for kind in ("sdep", "seldondeployments", "SeldonDeployment.machinelearning.seldon.io"):
        ref = ObjectReference(kind=kind, name="iris", namespace="ns-production")
        assert (await cluster.find(ref))["kind"] == "SeldonDeployment"
