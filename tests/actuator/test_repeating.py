"""A start that is asked again because its answer was lost: one run, whatever became of it."""

from __future__ import annotations

from datetime import timedelta

import orjson
import pytest
from tests.actuator.stands import Stand, a_start
from tests.actuator.test_start_action import Sheets

from crossfade.errors import Malformed
from crossfade.runtime.service import Command

CLUSTER = [None, Sheets]


def a_request(request="deploy-42", **document) -> bytes:
    return orjson.dumps(orjson.loads(a_start(**document)) | {"requestId": request})


def a_stand(cluster) -> Stand:
    stand = Stand(catalog=cluster and cluster())
    if cluster:
        stand.catalog.put_metric("lat")
        stand.catalog.put_metric("ue")
    return stand


async def ended(stand, body) -> str:
    """The uid of a run that a request began and that is over by now."""
    uid = (await stand.actuator.ask_start(body))["uid"]
    await stand.obeyed()
    await stand.actuator.ask("abort", orjson.dumps({"uid": uid}))
    await stand.actuator.obey(stand.queued.commands[-1])
    await stand.settled()
    assert (await stand.state(uid)).over
    stand.now += timedelta(seconds=30)
    return uid


@pytest.mark.parametrize("cluster", CLUSTER)
async def test_the_same_request_is_answered_with_its_run_even_when_that_is_over(cluster):
    stand = a_stand(cluster)
    uid = await ended(stand, a_request())
    queued = len(stand.queued.commands)

    again = await stand.actuator.ask_start(a_request())

    assert (again["accepted"], again["uid"]) == (True, uid)
    assert len(stand.queued.commands) == queued, "nothing is begun"


@pytest.mark.parametrize("cluster", CLUSTER)
async def test_another_request_or_none_is_a_new_run(cluster):
    stand = a_stand(cluster)
    uids = [
        await ended(stand, body)
        for body in (a_request(), a_request("deploy-43"), a_start(), a_start())
    ]

    assert len(set(uids)) == 4


@pytest.mark.parametrize("cluster", CLUSTER)
async def test_a_repeat_before_its_command_was_carried_out_is_the_same_run(cluster):
    stand = a_stand(cluster)
    first = await stand.actuator.ask_start(a_request())
    stand.now += timedelta(seconds=30)
    again = await stand.actuator.ask_start(a_request())

    assert again["uid"] == first["uid"]
    assert len(stand.queued.commands) == 1


@pytest.mark.parametrize("cluster", CLUSTER)
async def test_a_request_that_asks_for_something_else_by_now_is_refused(cluster):
    stand = a_stand(cluster)
    uid = await ended(stand, a_request())

    with pytest.raises(Malformed) as refused:
        await stand.actuator.ask_start(a_request(target="other"))

    (error,) = refused.value.errors
    assert error.field == "requestId"
    assert uid in error.message


@pytest.mark.parametrize("asked", [7, "", "x" * 129, ["a"], True])
async def test_what_is_no_name_of_a_request_is_refused_by_field(asked):
    with pytest.raises(Malformed) as refused:
        await Stand().actuator.ask_start(a_request(asked))

    assert str(refused.value.errors[0]).startswith("requestId: found ")


async def test_a_command_delivered_again_after_its_run_has_ended_begins_none_on_a_cluster():
    stand = a_stand(Sheets)
    command = Command("start-experiment", "event-7", a_start())
    await stand.actuator.obey(command)
    await stand.settled()
    uid = stand.catalog.experiments["default/exp"]["metadata"]["uid"]
    await stand.actuator.ask("abort", orjson.dumps({"uid": uid}))
    await stand.actuator.obey(stand.queued.commands[-1])
    await stand.settled()

    await stand.actuator.obey(command)
    await stand.settled()

    assert stand.catalog.made == 1
