"""Console and notifier on the real bus: the same run, told and shown from one log."""

import asyncio
import logging

import aiohttp

from crossfade.events import subjects
from crossfade.runtime.bootstrap import bootstrap
from crossfade.runtime.bus import Bus
from crossfade.runtime.commanding import NatsCommander
from crossfade.runtime.connecting import connection
from crossfade.runtime.journal import Journal
from crossfade.runtime.publishing import NatsPublisher
from crossfade.runtime.stores import NatsStore
from crossfade.settings import BusSettings, ConsoleSettings, NotifierSettings
from crossfade.testing.runs import NAME, NAMESPACE, IrisRun
from crossfade_console.service import Console
from crossfade_notifier.building import build


async def test_a_run_on_the_broker_is_shown_and_told_and_survives_a_restart(broker, caplog):
    caplog.set_level(logging.INFO, "crossfade.told")
    settings = BusSettings(url=broker.url, ack_wait_seconds=2)
    await bootstrap(settings)
    speaking = connection(settings, "test")
    await speaking.open()
    publisher = NatsPublisher(speaking, "actuator")
    for _, event in IrisRun().events(upto=5):
        await publisher.say(event)

    first = a_console(settings)
    telling = a_notifier(settings)
    await first.start()
    await telling.start()
    before = await shown(first)
    assert before["view"]["weights"]["observed"] == {
        "iris-v1": 45,
        "iris-v2": 55,
    }  # the last one

    for event in [e for i in range(6, 16) for _, e in IrisRun().look(i)]:
        await publisher.say(event)
    for _, event in IrisRun().ending():
        await publisher.say(event)
    view = await until(lambda: shown(first), lambda got: got["view"]["phase"] == "completed")
    await until(lambda: asyncio.sleep(0, caplog.text), lambda text: "is promoted" in text)
    await first.stop()
    second = a_console(settings)
    await second.start()
    again = await shown(second)
    await asyncio.gather(second.stop(), telling.stop())
    await speaking.close()

    assert view["view"]["headline"] == "iris-v2 is promoted"
    assert again["points"] == view["points"]
    assert again["lines"] == view["lines"]
    told = [r.getMessage() for r in caplog.records if r.name == "crossfade.told"]
    assert len(told) == len(set(told)) == 17


def a_console(settings):
    opened = connection(settings, "console")
    made = Console(Journal(opened), NatsCommander(opened), ConsoleSettings(port=0))
    return Bus(made, opened)


def a_notifier(settings):
    opened = connection(settings, "notifier")
    made = build(
        NotifierSettings(),
        state=NatsStore(opened, subjects.STATE),
        publisher=NatsPublisher(opened, "notifier"),
        commander=NatsCommander(opened),
    )
    return Bus(made, opened)


async def shown(bus):
    """The run as the console's API shows it."""
    console = bus.service
    await asyncio.wait_for(console.ready.listening.wait(), 5)
    url = f"{console.url}/api/experiments/{NAMESPACE}/{NAME}"
    async with aiohttp.ClientSession() as session:
        async with asyncio.timeout(10):
            while True:
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return await answer.json()
                await asyncio.sleep(0.05)


async def until(ask, right):
    async with asyncio.timeout(15):
        while not right(got := await ask()):
            await asyncio.sleep(0.05)
    return got
