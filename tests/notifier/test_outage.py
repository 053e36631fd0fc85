"""Slack out of reach for ten minutes, and a notifier that is killed: over a real broker.

The minutes of the outage are two hundred times shorter; the pauses, the coalescing and the looks
are too, so that their numbers are those of ten minutes.
"""

import asyncio
import os
import signal
import time
from contextlib import asynccontextmanager

import pytest
from pydantic import SecretStr
from slack_server import CHANNEL, TOKEN

from crossfade.events import subjects
from crossfade.runtime.bootstrap import bootstrap
from crossfade.runtime.bus import Bus
from crossfade.runtime.connecting import connection
from crossfade.runtime.publishing import NatsPublisher
from crossfade.runtime.stores import NatsStore
from crossfade.settings import BusSettings, NotifierSettings
from crossfade.testing.runs import UID, IrisRun
from crossfade_lab.crew import Crew
from crossfade_notifier.building import build
from crossfade_notifier.outbox import Outbox

FASTER = 200
MINUTE = 60 / FASTER


@pytest.fixture
async def bus_settings(broker):
    settings = BusSettings(url=broker.url, ack_wait_seconds=2)
    await bootstrap(settings)
    return settings


@asynccontextmanager
async def a_notifier(bus_settings, slack):
    """The service as `crossfade run` puts it together, on a clock that runs faster."""
    opened = connection(bus_settings, "notifier")
    settings = NotifierSettings(
        log=False,
        slack_token=SecretStr(TOKEN),
        slack_channel=CHANNEL,
        slack_api=slack.api,
        slack_per_second=FASTER,
        coalesce_seconds=5 / FASTER,
        timeout_seconds=0.2,
    )
    made = build(
        settings,
        state=NatsStore(opened, subjects.STATE),
        publisher=NatsPublisher(opened, "notifier"),
        commander=None,
    )
    pace = made.couriers[0].pace
    pace.first_pause_seconds /= FASTER
    pace.longest_pause_seconds /= FASTER
    bus = Bus(made, opened)
    await bus.start()
    try:
        yield bus
    finally:
        await bus.stop()


async def outbox(bus):
    entry = await NatsStore(bus.connection, subjects.STATE).get(f"notifier.{UID}")
    return Outbox.read(entry.value) if entry else None


@asynccontextmanager
async def a_log(bus_settings):
    """Says events as the other services do."""
    opened = connection(bus_settings, "actuator")
    await opened.open()
    try:
        yield NatsPublisher(opened, "actuator")
    finally:
        await opened.close()


async def test_slack_down_for_ten_minutes_holds_up_nothing_and_loses_nothing_that_counts(
    bus_settings, slack, world
):
    run = IrisRun(iterations=62)
    async with a_log(bus_settings) as log, a_notifier(bus_settings, slack) as bus:
        for _, event in run.events(upto=2):
            await log.say(event)
        await world.until(lambda: slack.replies)
        posted = len(slack.messages)

        slack.silent, down_at, slowest = True, time.monotonic(), 0.0
        calls = len(slack.moments)
        for iteration in range(3, 63):
            if time.monotonic() - down_at > 3 * MINUTE:
                slack.silent, slack.down = False, True
            began = time.monotonic()
            for _, event in run.look(iteration):
                await log.say(event)
            while (await outbox(bus)).known.iteration < iteration:
                await asyncio.sleep(0.002)
            slowest = max(slowest, time.monotonic() - began)
            await asyncio.sleep(10 / FASTER)
        for _, event in run.ending():
            await log.say(event)
        while (await outbox(bus)).told[-1].topic != "winner":
            await asyncio.sleep(0.002)
        assert time.monotonic() - down_at >= 10 * MINUTE
        assert len(slack.messages) == posted
        tried = len(slack.moments) - calls
        slack.down, slack.calls = False, []
        await world.until(lambda: any("is promoted" in m["text"] for m in slack.replies))
        await asyncio.sleep(0.1)

    assert slowest < 1.0  # whoever waits for the log waits for no Slack
    assert tried < 30  # with pauses up to a minute
    assert len(slack.parents) == 1
    assert slack.parents[0]["text"].startswith(
        f"{run.namespace}/{run.name}: iris-v2 is promoted"
    )
    assert "*Look* 62 of 62" in str(slack.parents[0]["blocks"])
    broadcast = [m["text"] for m in slack.replies if m.get("reply_broadcast")]
    assert len(broadcast) == 1
    writes = [method for method, _ in slack.calls if method.startswith("chat.")]
    # The state; what may have come through before; all that followed; the end.
    assert writes == ["chat.update", *["chat.postMessage"] * 3]
    told = "\n".join(m["text"] for m in slack.replies)
    assert told.count(" 62/62:") == 1


class Killer:
    """`kill -9` to the notifier after Slack has a message and before its answer is sent."""

    def __init__(self, crew, *moments):
        self.crew = crew
        self.moments = list(moments)
        self.killed = 0

    async def __call__(self, body):
        if self.moments and self.moments[0](body):
            self.moments.pop(0)
            self.killed += 1
            os.kill(self.crew.members["notifier"].pid, signal.SIGKILL)
            await asyncio.sleep(0.2)  # whatever is answered now, nobody is there to hear it


async def test_a_notifier_killed_between_posting_and_recording_posts_nothing_twice(
    bus_settings, slack, world, tmp_path
):
    run = IrisRun(iterations=4)
    settings = {
        "CROSSFADE_BUS__URL": bus_settings.url,
        "CROSSFADE_BUS__ACK_WAIT_SECONDS": "2",
        "CROSSFADE_NOTIFIER__SLACK_TOKEN": TOKEN,
        "CROSSFADE_NOTIFIER__SLACK_CHANNEL": CHANNEL,
        "CROSSFADE_NOTIFIER__SLACK_API": slack.api,
        "CROSSFADE_NOTIFIER__SLACK_PER_SECOND": "50",
        "CROSSFADE_NOTIFIER__COALESCE_SECONDS": "0.05",
        "CROSSFADE_NOTIFIER__TIMEOUT_SECONDS": "0.4",  # a claim is four of them
    }
    crewed = Crew(tmp_path / "crew", settings, ("notifier",))
    async with a_log(bus_settings) as log, crewed as crew:
        crew.members["notifier"].pause_seconds = 0.1
        killer = Killer(
            crew,
            lambda body: "thread_ts" not in body,
            lambda body: "2/4:" in body["text"],
            lambda body: "iris-v2 wins" in body["text"],
        )
        slack.after_post = killer
        for _, event in run.events(upto=1):
            await log.say(event)
        await world.until(lambda: any("1/4:" in m["text"] for m in slack.replies), 20)
        for _, event in run.look(2):
            await log.say(event)
        await world.until(lambda: killer.killed == 2, 20)
        for _, event in [*run.look(3), *run.look(4), *run.ending()]:
            await log.say(event)
        await world.until(lambda: killer.killed == 3, 20)
        await world.until(lambda: crew.members["notifier"].starts == 4, 20)
        # The last one looks, finds its reply, and records it.
        store = NatsStore(log.connection, subjects.STATE)
        async with asyncio.timeout(20):
            while b'"claim"' in (await store.get(f"notifier.{UID}.slack")).value:
                await asyncio.sleep(0.05)

    assert len(slack.parents) == 1
    told = "\n".join(m["text"] for m in slack.replies)
    # A look whose event the dead one had in hand comes late and is no news any more.
    times = [told.count(f" {i}/4:") for i in (1, 2, 3, 4)]
    assert times in ([1, 1, 1, 1], [1, 1, 0, 1]), told
    assert told.count("iris-v2 wins") == 1
