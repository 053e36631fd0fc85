"""The notifier: what it remembers, what it says, how it carries it."""

import hashlib
import hmac
import logging

import orjson
import pytest
from aiohttp import web
from pydantic import SecretStr

from crossfade.errors import Malformed, Unreachable
from crossfade.events import Incident
from crossfade.settings import NotifierSettings
from crossfade.testing.runs import NAME, NAMESPACE, START, UID, IrisRun
from crossfade_notifier.building import build
from crossfade_notifier.channels.log import LogChannel
from crossfade_notifier.channels.slack_webhook import SlackWebhook
from crossfade_notifier.channels.webhook import Webhook
from crossfade_notifier.outbox import KEPT, Outbox


async def test_a_whole_run_is_told_in_plain_sentences_by_the_log(world, caplog):
    caplog.set_level(logging.INFO, "crossfade.told")
    notifier = world.notifier(LogChannel())

    async with world.running(notifier):
        await world.feed(notifier, IrisRun().events())
        await world.until(lambda: "is promoted" in caplog.text)

    lines = [r.getMessage() for r in caplog.records if r.name == "crossfade.told"]
    assert lines[0].endswith("started: A/B: iris-v2 against iris-v1, 15 looks, 10 s apart")
    assert (
        "ns-production/quickstart-exp: 7/15: iris-v2 earns 1.45× the engagement, "
        "all limits held, 65 → 75 %" in lines
    )
    assert len(lines) == 17  # started, fifteen looks, the winner
    assert len(set(lines)) == len(lines)


async def test_a_repeated_event_says_nothing_new(world):
    notifier = world.notifier(LogChannel())
    events = IrisRun().events(upto=2)
    await world.feed(notifier, events)
    before = dict(world.state.entries)

    await world.feed(notifier, events)

    assert world.state.entries == before


async def test_a_handler_does_not_wait_for_a_channel(world):
    class Stuck(LogChannel):
        async def deliver(self, parcel):
            raise Unreachable("nobody there")

    notifier = world.notifier(Stuck())
    async with world.running(notifier):
        await world.feed(notifier, IrisRun().events())  # returns although nothing is delivered

    outbox = Outbox.read(world.state.entries[f"notifier.{UID}"].value)
    assert outbox.told[-1].topic == "winner"


async def test_what_a_crash_left_untold_is_told_after_the_restart(world, caplog):
    caplog.set_level(logging.INFO, "crossfade.told")
    await world.feed(world.notifier(LogChannel()), IrisRun().events())  # no courier ran

    async with world.running(world.notifier(LogChannel())):
        await world.until(lambda: "is promoted" in caplog.text)


async def test_two_replicas_tell_each_sentence_once(world, caplog):
    caplog.set_level(logging.INFO, "crossfade.told")
    one, two = world.notifier(LogChannel()), world.notifier(LogChannel())
    async with world.running(one), world.running(two):
        for event in IrisRun().events():
            await world.feed(one, [event])
            await world.feed(two, [event])  # redelivered to the other one
        await world.until(lambda: "is promoted" in caplog.text)

    lines = [r.getMessage() for r in caplog.records if r.name == "crossfade.told"]
    assert len(lines) == len(set(lines)) == 17


def test_an_outbox_stays_small_and_keeps_what_matters():
    from crossfade.telling import Known

    outbox = Outbox(known=Known(uid=UID))
    for at, event in IrisRun(iterations=200).events():
        outbox = outbox.after(event, at)

    assert len(outbox.told) == KEPT
    assert outbox.told[-1].topic == "winner"
    assert Outbox.read(outbox.write()) == outbox


async def test_slack_by_webhook_hears_of_start_weights_and_end_but_not_of_every_look(
    world, slack
):
    channel = SlackWebhook(
        SecretStr(f"{slack.url}/hook"), coalesce_seconds=0.0, per_second=100.0
    )
    notifier = world.notifier(channel)
    async with world.running(notifier):
        for event in IrisRun().events():
            await world.feed(notifier, [event])
        await world.until(lambda: any("is promoted" in t for t in slack.webhook_texts))

    told = "\n".join(slack.webhook_texts)
    assert "started: A/B" in told
    assert "85 → 95 %" in told
    assert "stays at" not in told
    assert told.count("is promoted") == 1


async def test_a_webhook_that_asks_for_a_pause_gets_it_and_loses_nothing(world, slack):
    slack.retry_after = 0.2
    slack.fail("hook", 429, 503)
    channel = SlackWebhook(SecretStr(f"{slack.url}/hook"), coalesce_seconds=0.0)
    notifier = world.notifier(channel)
    async with world.running(notifier):
        await world.feed(notifier, IrisRun().events())
        await world.until(lambda: slack.webhook_texts)

    assert "is promoted" in "\n".join(slack.webhook_texts)


async def test_a_webhook_that_was_down_for_long_still_hears_of_the_end(world, slack):
    slack.fail("hook", *[503] * 3)
    channel = SlackWebhook(SecretStr(f"{slack.url}/hook"), coalesce_seconds=0.0)
    notifier = world.notifier(channel)
    long = "a long story " * 60
    for n in range(20):
        said = Incident(uid=UID, iteration=n, what_happened=f"w{n}", text=f"{n} {long}")
        await world.feed(notifier, [(START, said.about(NAMESPACE, NAME))])
    await world.feed(notifier, IrisRun().events()[-1:])
    async with world.running(notifier):
        await world.until(lambda: slack.webhook_texts, seconds=20)

    assert "is promoted" in slack.webhook_texts[0].splitlines()[-1]
    assert len(slack.webhook_texts[0]) < 4000


@pytest.mark.parametrize("status", [200, 400])
async def test_an_answer_that_is_no_text_harms_nobody(world, status):
    async def say(request):
        head = {"Content-Type": "text/plain; charset=utf-8"}
        return web.Response(body=b"\xff\xfe", status=status, headers=head)

    app = web.Application()
    app.router.add_post("/", say)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hook = Webhook("webhook-x", SecretStr(f"http://127.0.0.1:{runner.addresses[0][1]}/"))
    notifier = world.notifier(hook)
    async with world.running(notifier):
        await world.feed(notifier, IrisRun().events()[-1:])
        await world.until(lambda: not notifier.couriers[0].due)
    await runner.cleanup()
    lost = [incident.text for incident in world.publisher.said]

    assert len(lost) == (status == 400)


async def test_a_revoked_webhook_is_said_as_an_incident_and_not_told_to_itself(
    world, slack, caplog
):
    caplog.set_level(logging.INFO, "crossfade.told")
    slack.fail("hook", *[404] * 50)
    channel = SlackWebhook(SecretStr(f"{slack.url}/hook"), coalesce_seconds=0.0)
    notifier = world.notifier(LogChannel(), channel)
    async with world.running(notifier):
        await world.feed(notifier, IrisRun().events())
        await world.until(lambda: world.publisher.said)
        incident = world.publisher.said[0]
        await world.feed(notifier, [(None, incident)])
        await world.until(lambda: "refuses messages" in caplog.text)

    assert isinstance(incident, Incident)
    assert incident.what_happened == "notifications-lost-slack-webhook"
    assert incident.uid == UID
    assert len(world.publisher.said) == 1
    assert f"{slack.url}/hook" not in caplog.text  # the URL is a secret


async def test_a_webhook_is_signed_and_says_which_sentence_it_is(world):
    got = []

    async def take(request):
        got.append((request.headers, await request.read()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/", take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    hook = Webhook(
        "webhook-ops",
        SecretStr(url),
        SecretStr("key"),
        template='{"text": {{ (experiment ~ ": " ~ told.text) | json }}}',
        topics=("winner",),
        clock=lambda: 1_700_000_000.0,
    )
    notifier = world.notifier(hook)
    async with world.running(notifier):
        await world.feed(notifier, IrisRun().events())
        await world.until(lambda: got)
    await runner.cleanup()

    (headers, body) = got[0]
    assert len(got) == 1
    assert orjson.loads(body)["text"].startswith("ns-production/quickstart-exp: iris-v2 is")
    signed = hmac.new(b"key", b"1700000000." + body, hashlib.sha256).hexdigest()
    assert headers["Crossfade-Signature"] == f"t=1700000000,v1={signed}"
    assert headers["Crossfade-Id"].startswith(f"{UID}/15/stage-change/Completed")


def test_a_bot_token_without_a_channel_is_refused_by_field(world):
    settings = NotifierSettings(slack_token=SecretStr("xoxb"))

    with pytest.raises(Malformed, match="CROSSFADE_NOTIFIER__SLACK_CHANNEL"):
        build(settings, state=world.state, publisher=world.publisher, commander=None)


def test_without_settings_there_is_the_log(world):
    made = build(
        NotifierSettings(), state=world.state, publisher=world.publisher, commander=None
    )

    assert [c.channel.name for c in made.couriers] == ["log"]
    assert made.name == "notifier"
    assert list(made.doors) == []


async def test_an_outbox_stays_small_however_much_somebody_says(world):
    """Beyond a megabyte the broker would refuse it, and the run would never be told of again."""
    notifier = world.notifier(LogChannel())
    for n in range(60):
        text = f"{n} " + "a very long story " * 20_000
        said = Incident(uid=UID, iteration=n, what_happened=f"w{n}", text=text)
        await world.feed(notifier, [(START, said.about(NAMESPACE, NAME))])
    stored = await world.state.get(f"notifier.{UID}")

    assert len(stored.value) < 900_000
