"""Slack beside a whole run: away the whole time, and with people who press buttons."""

import asyncio
import importlib.util
import sys
from contextlib import asynccontextmanager
from pathlib import Path

from storytelling import given

from crossfade_lab.examples import SINGLE

_file = Path(__file__).parents[1] / "notifier" / "slack_server.py"
_spec = importlib.util.spec_from_file_location("slack_server", _file)
slack_server = importlib.util.module_from_spec(_spec)
sys.modules["slack_server"] = slack_server
_spec.loader.exec_module(slack_server)


@asynccontextmanager
async def with_slack(interval=1):
    """A world whose notifier has a Slack to tell."""
    async with slack_server.SlackServer() as slack:
        settings = {
            "CROSSFADE_NOTIFIER__SLACK_TOKEN": slack_server.TOKEN,
            "CROSSFADE_NOTIFIER__SLACK_APP_TOKEN": slack_server.APP_TOKEN,
            "CROSSFADE_NOTIFIER__SLACK_CHANNEL": slack_server.CHANNEL,
            "CROSSFADE_NOTIFIER__SLACK_API": slack.api,
            "CROSSFADE_NOTIFIER__SLACK_USERS": '["U1"]',
            "CROSSFADE_NOTIFIER__SLACK_ANSWER_HOSTS": '["127.0.0.1"]',
            "CROSSFADE_NOTIFIER__SLACK_PER_SECOND": "50",
            "CROSSFADE_NOTIFIER__COALESCE_SECONDS": "0.2",
            "CROSSFADE_NOTIFIER__TIMEOUT_SECONDS": "1",
        }
        async with given(SINGLE, interval=interval, settings=settings) as story:
            yield story, slack


async def until(condition, seconds=20.0):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


async def test_no_weight_change_waits_for_slack_and_the_end_is_told_when_it_is_back():
    async with with_slack() as (story, slack):
        slack.silent = True
        await story.when_it_starts(iterations=4)
        await story.when_it_ends()
        assert not slack.messages

        asked = {e.event.iteration: e.at for e in story.logged if e.event.kind == "assessment"}
        moved = [
            (e.at - asked[e.event.iteration]).total_seconds()
            for e in story.logged
            if e.event.kind == "weight-change" and e.event.iteration in asked
        ]
        assert len(moved) >= 4
        assert max(moved) < 1.0
        slack.silent = False
        await until(lambda: any("is promoted" in m["text"] for m in slack.replies), 60)

    assert len(slack.parents) == 1
    assert "iris-v2 is promoted" in slack.parents[0]["text"]
    assert sum("is promoted" in m["text"] for m in slack.replies) == 1


def button(slack, ask):
    """The signed value of a button that the living message shows now; None where it does not."""
    for message in slack.parents:
        for block in message["blocks"]:
            for element in block.get("elements", []):
                if element.get("action_id") == f"crossfade-{ask}":
                    return element["value"]
    return None


async def press(slack, value, user="U1"):
    """Press, and what the presser is told."""
    before = len(slack.answers)
    payload = {
        "type": "block_actions",
        "user": {"id": user},
        "response_url": f"{slack.url}/response",
        "actions": [{"action_id": "crossfade", "value": value}],
    }
    await slack.press(payload, f"e-{before}")
    await until(lambda: len(slack.answers) > before)
    return slack.answers[-1]["text"]


async def test_a_run_is_held_and_let_go_on_by_buttons_and_a_stale_press_is_refused():
    async with with_slack() as (story, slack):
        await story.when_it_starts(iterations=6)
        ending = asyncio.create_task(story.when_it_ends())
        await until(lambda: slack.sockets and button(slack, "pause"))
        hold = button(slack, "pause")
        assert "not among those" in await press(slack, hold, user="U2")
        assert "Hold: asked for by <@U1>" in await press(slack, hold)
        await until(lambda: button(slack, "resume"))
        assert "has moved on since" in await press(slack, hold)
        assert "Go on: asked for by <@U1>" in await press(slack, button(slack, "resume"))
        await ending
        await until(lambda: any("is promoted" in m["text"] for m in slack.replies))

    reasons = [e.reason for e in story.events("stage-change")]
    assert reasons.count("Paused") == 1
    assert reasons.count("Resumed") == 1
    story.then_it_ends_with("promoted", "iris-v2")
    assert button(slack, "abort") is None
    assert len(slack.parents) == 1
