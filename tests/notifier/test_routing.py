"""Who is told, of what, and when not: by annotations and settings."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import get_args

import pytest
from pydantic import SecretStr

from crossfade.errors import Malformed
from crossfade.resources import admission
from crossfade.resources.annotations import TOPICS, wishes
from crossfade.settings import NotifierSettings, RouteSettings
from crossfade.telling import Topic, Urgency
from crossfade.testing.runs import UID, IrisRun, iris_document
from crossfade_notifier.building import build
from crossfade_notifier.channels.log import LogChannel
from crossfade_notifier.channels.slack_webhook import SlackWebhook
from crossfade_notifier.outbox import Progress
from crossfade_notifier.routing import Router

BERLIN = {"crossfade.io/quiet-hours": "22:00-07:00 Europe/Berlin"}


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def quiet_until(text, moment):
    (hours,) = wishes({"crossfade.io/quiet-hours": text})[0].quiet
    return hours.until(at(moment))


@pytest.mark.parametrize(
    ("hours", "moment", "end"),
    [
        ("22:00-07:00 Europe/Berlin", "2026-01-01T20:59", None),
        ("22:00-07:00 Europe/Berlin", "2026-01-01T21:00", "2026-01-02T06:00"),
        ("22:00-07:00 Europe/Berlin", "2026-01-02T05:59:59", "2026-01-02T06:00"),
        ("22:00-07:00 Europe/Berlin", "2026-01-02T06:00", None),
        ("22:00-07:00 Europe/Berlin", "2026-07-01T20:00", "2026-07-02T05:00"),
        ("12:00-13:30 UTC", "2026-01-01T12:00", "2026-01-01T13:30"),
        ("20:00-24:00 UTC", "2026-01-01T23:59", "2026-01-02T00:00"),
        # The night that is an hour longer: 02:30 comes twice, and the first is not the end
        # for whoever asks after it.
        ("22:00-02:30 Europe/Berlin", "2026-10-24T22:00", "2026-10-25T00:30"),
        ("22:00-02:30 Europe/Berlin", "2026-10-25T01:10", "2026-10-25T01:30"),
        # The night that lacks 02:30: clocks say 03:30 then.
        ("22:00-02:30 Europe/Berlin", "2026-03-28T23:00", "2026-03-29T01:30"),
    ],
)
def test_quiet_hours_end_by_the_clocks_of_their_zone(hours, moment, end):
    assert quiet_until(hours, moment) == (end and at(end))


@pytest.mark.parametrize(
    ("key", "value", "right"),
    [
        ("quiet-hours", "22-7", "22:00-07:00 Europe/Berlin"),
        ("quiet-hours", "22:00-07:00", "22:00-07:00 Europe/Berlin"),
        ("quiet-hours", "22:00-07:00 Mars/Olympus", "22:00-07:00 Europe/Berlin"),
        ("quiet-hours", "22:00-07:00 ../../etc/passwd", "22:00-07:00 Europe/Berlin"),
        ("quiet-hours", "22:00-07:00 Europe", "22:00-07:00 Europe/Berlin"),
        ("quiet-hours", "25:00-07:00 UTC", "22:00-07:00 Europe/Berlin"),
        ("quiet-hours", "07:00-07:00 UTC", "22:00-07:00 Europe/Berlin"),
        ("notify", "", "names of channels"),
        ("notify", "slack, none", "names of channels"),
        ("notify-events", "winners", "rolled-back"),
        ("slack-channel", "#general", "C0123456789"),
    ],
)
def test_a_wish_that_cannot_be_read_is_named_with_what_would_be_right(key, value, right):
    _, wrong = wishes({f"crossfade.io/{key}": value})

    assert [e.field for e in wrong] == [f"metadata.annotations[crossfade.io/{key}]"]
    assert right in wrong[0].message


def test_every_topic_can_be_asked_for():
    assert set(get_args(Topic)) == TOPICS


def test_admission_warns_of_what_cannot_be_read_and_admits():
    document = iris_document(annotations={"crossfade.io/quiet-hours": "at night"})

    admitted = admission.admit(document)

    (warning,) = admitted.warnings
    assert warning.startswith(
        "metadata.annotations[crossfade.io/quiet-hours]: found 'at night'"
    )


def hook(slack, **changes):
    wanted = {"coalesce_seconds": 0.0, "per_second": 100.0}
    return SlackWebhook(SecretStr(f"{slack.url}/hook"), **(wanted | changes))


async def told(world, slack, annotations, **how):
    """What the webhook says of a whole run with such annotations."""
    log = LogChannel()
    notifier = world.notifier(hook(slack), log, **how)
    async with world.running(notifier):
        await world.feed(notifier, IrisRun(annotations=annotations).events())
        await world.until(lambda: not any(c.due for c in notifier.couriers))
        await asyncio.sleep(0.05)
    return "\n".join(slack.webhook_texts)


async def test_an_experiment_names_the_channels_that_tell(world, slack, caplog):
    caplog.set_level(logging.INFO, "crossfade.told")

    assert await told(world, slack, {"crossfade.io/notify": "none"}) == ""
    assert "is promoted" in caplog.text  # the log keeps a record all the same


async def test_an_experiment_names_the_events_that_are_told(world, slack):
    text = await told(world, slack, {"crossfade.io/notify-events": "started, terminal"})

    assert "started: A/B" in text
    assert "is promoted" in text
    assert "→" not in text


@pytest.mark.parametrize(
    ("annotations", "warning"),
    [
        ({"crossfade.io/quiet-hours": "at night"}, "found 'at night'"),
        ({"crossfade.io/notify": "pigeon"}, "no channel is called pigeon"),
        ({"crossfade.io/notify-events": "wins"}, "found 'wins'"),
    ],
)
async def test_a_wish_that_cannot_be_met_is_said_and_nothing_is_lost(
    world, slack, caplog, annotations, warning
):
    text = await told(world, slack, annotations)

    assert text.count(warning) == 1
    assert "is promoted" in text
    assert any(warning in r.__dict__.get("warning", "") for r in caplog.records)


async def test_a_wish_that_cannot_be_met_stands_in_the_living_message(world, slack, living):
    notifier = world.notifier(living())
    run = IrisRun(annotations={"crossfade.io/quiet-hours": "at night"})
    async with world.running(notifier):
        await world.feed(notifier, run.events(upto=1))
        await world.until(lambda: slack.parents)

    (remark,) = slack.parents[0]["blocks"][-2]["elements"]
    assert "found 'at night'" in remark["text"]


async def test_a_slack_channel_that_refuses_is_replaced_by_the_installations(
    world, slack, living
):
    notifier = world.notifier(living())
    run = IrisRun(annotations={"crossfade.io/slack-channel": "C0NOWHERE"})
    async with world.running(notifier):
        await world.feed(notifier, run.events())
        await world.until(lambda: any("is promoted" in m["text"] for m in slack.replies))

    assert len(slack.parents) == 1
    assert "C0NOWHERE refuses this message" in str(slack.parents[0]["blocks"])
    assert not world.publisher.said


async def test_a_route_of_the_settings_is_the_default_of_its_experiments(world, slack):
    routes = (
        RouteSettings(namespace="ns-*", events="terminal"),
        RouteSettings(notify="none"),
    )
    router = Router(routes, names=frozenset({"slack-webhook"}))

    assert (await told(world, slack, {}, router=router)).count("\n") == 1
    assert "is promoted" in slack.webhook_texts[0]


async def test_what_an_experiment_says_itself_goes_before_the_settings(world, slack):
    router = Router((RouteSettings(notify="none"),), names=frozenset({"slack-webhook"}))

    wish = {"crossfade.io/notify": "slack-webhook"}
    assert "is promoted" in await told(world, slack, wish, router=router)


@pytest.mark.parametrize(
    ("route", "word"),
    [
        ({"notify": "pigeon"}, "no channel is called pigeon; right would be some of slack"),
        ({"quiet_hours": "at night"}, "found 'at night'"),
        ({"events": "wins"}, "found 'wins'"),
    ],
)
def test_a_route_of_the_settings_that_cannot_be_read_is_refused(world, route, word):
    settings = NotifierSettings.model_validate(
        {"slack_webhook": "http://127.0.0.1/", "routes": [route]}
    )

    with pytest.raises(Malformed, match=r"CROSSFADE_NOTIFIER__ROUTES\[0\]") as caught:
        build(settings, state=world.state, publisher=world.publisher, commander=None)
    assert word in str(caught.value)


class Wall:
    """A clock on the wall that is set by hand."""

    def __init__(self, text):
        self.now = at(text)

    def __call__(self):
        return self.now.timestamp()


def held(world, channel="slack-webhook"):
    stored = world.state.entries.get(f"notifier.{UID}.{channel}")
    return Progress.read(stored.value).held if stored else ""


async def test_in_quiet_hours_progress_waits_and_comes_as_one_digest_after_a_restart(
    world, slack
):
    wall = Wall("2026-01-01T22:00")
    before = world.notifier(hook(slack), clock=wall)
    async with world.running(before):
        await world.feed(before, IrisRun(annotations=BERLIN).events(upto=9))
        await world.until(lambda: held(world))
        await asyncio.sleep(0.1)
    assert slack.webhook_texts == []

    wall.now = at("2026-01-02T06:00:01")
    after = world.notifier(hook(slack), clock=wall)
    async with world.running(after):
        await world.until(lambda: slack.webhook_texts)
        await asyncio.sleep(0.1)

    (text,) = slack.webhook_texts
    assert "waited for the end of quiet hours (22:00–07:00 Europe/Berlin)" in text
    assert "UTC started: A/B" in text
    assert "by now: 9/15: iris-v2 earns" in text
    assert "8/15" not in text
    assert held(world) == ""


async def test_in_quiet_hours_the_end_is_told_at_once_and_takes_along_what_waited(world, slack):
    wall = Wall("2026-01-01T22:00")
    notifier = world.notifier(hook(slack), clock=wall)
    run = IrisRun(annotations=BERLIN)
    async with world.running(notifier):
        await world.feed(notifier, run.events(upto=15))
        await world.until(lambda: held(world))
        assert slack.webhook_texts == []
        await world.feed(notifier, run.ending())
        await world.until(lambda: slack.webhook_texts)

    assert "by now: 9/15" in slack.webhook_texts[0]  # the last weight change
    assert "is promoted" in slack.webhook_texts[0]


async def test_a_setting_may_keep_even_the_end_quiet(world, slack):
    wall = Wall("2026-01-01T22:00")
    router = Router(passes=frozenset({Urgency.APPROVAL}))
    notifier = world.notifier(hook(slack), router=router, clock=wall)
    async with world.running(notifier):
        await world.feed(notifier, IrisRun(annotations=BERLIN).events())
        await world.until(lambda: held(world))
        await asyncio.sleep(0.1)
        assert slack.webhook_texts == []
        wall.now = at("2026-01-02T07:00")
        notifier.couriers[0].expect(UID, 1, Urgency.PROGRESS)
        await world.until(lambda: slack.webhook_texts)

    assert "is promoted" in slack.webhook_texts[0]


async def test_a_living_message_stays_true_in_quiet_hours_without_a_word(world, slack, living):
    wall = Wall("2026-01-01T20:00")
    notifier = world.notifier(living(), clock=wall)
    run = IrisRun(annotations=BERLIN)
    async with world.running(notifier):
        await world.feed(notifier, run.events(upto=2))
        await world.until(lambda: len(slack.replies) == 1)
        wall.now = at("2026-01-01T23:00")
        for iteration in range(3, 8):
            await world.feed(notifier, run.look(iteration))
        await world.until(lambda: "*Look* 7 of 15" in str(slack.parents[0]["blocks"]))
        assert len(slack.replies) == 1
        wall.now = at("2026-01-02T06:30")
        notifier.couriers[0].expect(UID, 1, Urgency.PROGRESS)
        await world.until(lambda: len(slack.replies) == 2)

    assert "by now: 7/15" in slack.replies[1]["text"]
    assert len(slack.parents) == 1


async def test_a_message_that_is_not_there_yet_waits_for_the_end_of_quiet_hours(
    world, slack, living
):
    wall = Wall("2026-01-01T23:00")
    notifier = world.notifier(living(), clock=wall)
    async with world.running(notifier):
        await world.feed(notifier, IrisRun(annotations=BERLIN).events(upto=3))
        await world.until(lambda: held(world, "slack"))
        await asyncio.sleep(0.1)

    assert not slack.parents
