"""Presses by Socket Mode: against a server that speaks Slack's documented protocol."""

import asyncio
import itertools
import logging
import subprocess
import sys
from contextlib import asynccontextmanager

import aiohttp
import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr
from slack_server import APP_TOKEN

from crossfade.runtime.health import HealthServer
from crossfade.settings import HealthSettings, NotifierSettings
from crossfade.testing.runs import NAME, NAMESPACE, UID
from crossfade_notifier.building import build
from crossfade_notifier.buttons import Button
from crossfade_notifier.socket_mode import SocketDoor


@pytest.fixture
def door(presses, slack):
    return SocketDoor(presses, SecretStr(APP_TOKEN), slack.api, 1.0, first_pause_seconds=0.05)


@asynccontextmanager
async def open_door(door):
    task = asyncio.ensure_future(door.serve())
    try:
        yield door
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def a_payload(slack, user="U1", key=b"secret", **changes):
    wanted = {"ask": "abort", "namespace": NAMESPACE, "name": NAME, "uid": UID}
    button = Button(**({**wanted, "iteration": 4, "epoch": 0} | changes))
    return {
        "type": "block_actions",
        "user": {"id": user},
        "response_url": f"{slack.url}/response",
        "actions": [{"action_id": "crossfade-abort", "value": button.sealed(key)}],
    }


async def test_a_press_is_acknowledged_by_its_envelope_and_becomes_a_command(
    door, slack, world
):
    async with open_door(door):
        await world.until(lambda: door.opened == 1)
        await slack.press(a_payload(slack), "e-7")
        await world.until(lambda: slack.answers)

    assert slack.acknowledged == ["e-7"]
    verb, body = door.presses.commander.asked[0]
    assert (verb, body["uid"], body["requestedBy"]) == ("abort", UID, "slack:U1")
    assert "asked for by <@U1>" in slack.answers[0]["text"]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"user": "U2"}, "not among those"),
        ({"key": b"forged"}, "no valid signature"),
        ({"epoch": 3}, "has moved on since"),
        ({"uid": "another"}, "not known any more"),
    ],
)
async def test_a_press_that_must_not_count_is_refused_with_the_reason(
    door, slack, world, changes, word
):
    async with open_door(door):
        await world.until(lambda: door.opened)
        await slack.press(a_payload(slack, **changes))
        await world.until(lambda: slack.answers)

    assert word in slack.answers[0]["text"]
    assert slack.acknowledged == ["e-1"]
    assert not door.presses.commander.asked


@pytest.mark.parametrize("reason", ["refresh_requested", "warning"])
async def test_called_again_it_stands_before_the_old_connection_goes(
    door, slack, world, reason
):
    async with open_door(door):
        await world.until(lambda: door.opened == 1)
        await slack.part(reason)
        await world.until(lambda: door.opened == 2 and len(slack.sockets) == 1)
        await slack.press(a_payload(slack))
        await world.until(lambda: slack.answers)

    assert slack.most_sockets == 2
    assert len(door.presses.commander.asked) == 1


async def test_a_connection_that_breaks_off_is_opened_again(door, slack, world):
    async with open_door(door):
        await world.until(lambda: door.opened == 1)
        await slack.sockets[0].close()
        await world.until(lambda: door.opened == 2)
        await slack.press(a_payload(slack))
        await world.until(lambda: slack.answers)


async def test_what_slack_refuses_is_asked_again_ever_more_rarely_and_shown(
    door, slack, world, caplog
):
    caplog.set_level(logging.CRITICAL)
    slack.fail("apps.connections.open", *["invalid_auth"] * 3)
    door.first_pause_seconds = 0.1
    async with open_door(door):
        await world.until(lambda: "apps.connections.open: invalid_auth" in door.notice())
        assert REGISTRY.get_sample_value("crossfade_slack_socket_connected") == 0
        await world.until(lambda: door.opened)
        assert door.notice() is None
        assert REGISTRY.get_sample_value("crossfade_slack_socket_connected") == 1

    gaps = [b - a for a, b in itertools.pairwise(slack.moments)]
    assert gaps[2] >= 0.2  # where the first pause was at most 0.1 s
    assert "closed" in door.notice()


async def test_a_rate_limit_on_opening_is_obeyed(door, slack, world):
    slack.retry_after = 0.4
    slack.fail("apps.connections.open", "ratelimited")
    async with open_door(door):
        await world.until(lambda: door.opened)

    assert slack.moments[1] - slack.moments[0] >= 0.4


async def test_a_server_that_does_not_greet_is_given_up_and_called_again(door, slack, world):
    slack.greets = False
    door.timeout_seconds = 0.2
    async with open_door(door):
        await world.until(lambda: door.notice() and "no greeting" in door.notice())
        slack.greets = True
        await world.until(lambda: door.opened == 1)
    await world.until(lambda: not slack.sockets)


async def test_ending_it_in_the_midst_of_a_pause_takes_no_time(door, slack, world):
    slack.down = True
    door.first_pause_seconds = 60.0
    loop = asyncio.get_running_loop()
    async with open_door(door):
        await world.until(lambda: door.notice() and "HTTP 503" in door.notice())
        began = loop.time()
    assert loop.time() - began < 0.5


async def test_health_shows_it_and_stays_ready(door):
    troubles = {"notifier": lambda: None}
    server = HealthServer(HealthSettings(port=0), troubles, {"notifier": door.notice})
    await server.start()
    url = f"http://127.0.0.1:{server.port}/readyz"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        told, status = await answer.text(), answer.status
    await server.stop()

    assert status == 200
    assert told == "notifier: ready (Slack's socket for buttons: not connected yet)\n"


def test_an_app_token_gives_messages_buttons_and_opens_the_socket(world, slack):
    settings = NotifierSettings(
        slack_token=SecretStr("xoxb"),
        slack_channel="C1",
        slack_app_token=SecretStr(APP_TOKEN),
        slack_users=("U1",),
    )
    made = build(settings, state=world.state, publisher=world.publisher, commander=None)

    assert [type(d).__name__ for d in made.doors] == ["SocketDoor"]
    assert made.couriers[-1].channel.button_key == APP_TOKEN.encode()
    assert APP_TOKEN not in repr(made.doors[0].token)
    assert "Slack's socket for buttons" in made.notice()


def test_slack_sdk_is_imported_only_where_slack_is_asked_for():
    code = (
        "import sys; from crossfade.settings import NotifierSettings as S;"
        "from crossfade_notifier.building import build;"
        "build(S(slack_webhook='http://x'), state=None, publisher=None, commander=None);"
        "print('slack_sdk' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30)
    assert done.stdout == b"False\n", done.stderr
