"""The door for Slack's buttons: who may knock, and what becomes of a press."""

import asyncio
import hashlib
import hmac
import time
from urllib.parse import urlencode

import aiohttp
import orjson
import pytest
from pydantic import SecretStr

from crossfade.events import StageChange
from crossfade.testing.runs import NAME, NAMESPACE, UID
from crossfade_notifier.buttons import Button
from crossfade_notifier.channels.log import LogChannel
from crossfade_notifier.doors import PATH, SignedDoor


@pytest.fixture
async def door(presses):
    made = SignedDoor(presses, SecretStr("secret"))
    task = asyncio.ensure_future(made.serve())
    await made.bound.wait()
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def a_button(**changes):
    wanted = {
        "ask": "abort",
        "namespace": NAMESPACE,
        "name": NAME,
        "uid": UID,
        "iteration": 4,
        "epoch": 0,
    }
    return Button(**(wanted | changes))


async def press(door, slack, value, user="U1", secret=b"secret", age=0):
    payload = {
        "type": "block_actions",
        "user": {"id": user},
        "response_url": f"{slack.url}/response",
        "actions": [{"action_id": "crossfade-abort", "value": value}],
    }
    body = urlencode({"payload": orjson.dumps(payload).decode()}).encode()
    stamp = str(int(time.time()) - age)
    signed = hmac.new(secret, f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={signed}",
    }
    url = f"http://127.0.0.1:{door.port}{PATH}"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=body, headers=headers) as answer,
    ):
        return answer.status


async def test_a_press_becomes_a_command_with_who_and_why(door, slack, world):
    assert await press(door, slack, a_button().sealed(b"secret")) == 200
    await world.until(lambda: slack.answers)

    verb, body = door.presses.commander.asked[0]
    assert verb == "abort"
    assert body["uid"] == UID
    assert body["requestedBy"] == "slack:U1"
    assert body["reason"] == "Roll back pressed in Slack at look 4"
    assert "asked for by <@U1>" in slack.answers[0]["text"]


@pytest.mark.parametrize(
    "how", [{"secret": b"other"}, {"age": 301}], ids=["a stranger", "a replay"]
)
async def test_what_slack_did_not_sign_just_now_is_turned_away(door, slack, how):
    assert await press(door, slack, a_button().sealed(b"secret"), **how) == 401
    assert not door.presses.commander.asked


@pytest.mark.parametrize(
    ("value", "user", "word"),
    [
        (a_button().sealed(b"secret"), "U2", "<@U2> is not among those"),
        (a_button().sealed(b"forged"), "U1", "no valid signature"),
        (a_button(epoch=3).sealed(b"secret"), "U1", "has moved on since"),
        (a_button(uid="another").sealed(b"secret"), "U1", "not known any more"),
    ],
)
async def test_a_press_that_must_not_count_is_refused_with_the_reason(
    door, slack, world, value, user, word
):
    assert await press(door, slack, value, user) == 200
    await world.until(lambda: slack.answers)

    assert word in slack.answers[0]["text"]
    assert not door.presses.commander.asked


async def test_what_the_command_door_refuses_is_told_to_whoever_pressed(door, slack, world):
    door.presses.commander.answer = {
        "accepted": False,
        "errors": [{"field": "verb", "message": "pause is not built yet"}],
    }
    await press(door, slack, a_button(ask="pause").sealed(b"secret"))
    await world.until(lambda: slack.answers)

    assert "pause is not built yet" in slack.answers[0]["text"]


@pytest.mark.parametrize(
    "body", [b"payload=%5B%5D", b"payload=1", b"payload", b"\xff", b'payload={"actions":3}']
)
async def test_a_payload_that_is_none_is_said_so(door, body):
    stamp = str(int(time.time()))
    signed = hmac.new(b"secret", f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    headers = {
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={signed}",
    }
    url = f"http://127.0.0.1:{door.port}{PATH}"
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=body, headers=headers) as answer,
    ):
        assert answer.status == 400


async def test_a_roll_back_is_right_a_look_later_too(door, slack, world):
    await press(door, slack, a_button(iteration=2).sealed(b"secret"))
    await world.until(lambda: slack.answers)

    assert door.presses.commander.asked


async def test_what_somebody_wrote_is_no_markup_in_an_answer(door, slack, world):
    said = StageChange(
        uid=UID, stage="Running", reason="Paused", message="<!channel> &", epoch=7
    )
    notifier = world.notifier(LogChannel())
    await world.feed(notifier, [(None, said.about(NAMESPACE, NAME))])
    await press(door, slack, a_button(epoch=3).sealed(b"secret"))
    await world.until(lambda: slack.answers)

    assert "&lt;!channel&gt; &amp;" in slack.answers[0]["text"]
    assert "<!channel>" not in slack.answers[0]["text"]
