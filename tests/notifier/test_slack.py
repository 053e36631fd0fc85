"""The living message: against a server that speaks Slack's API, with its limits and errors."""

import asyncio
import logging

import pytest
from prometheus_client import REGISTRY
from pydantic import SecretStr

from crossfade.errors import Forbidden
from crossfade.events import Incident, StageChange
from crossfade.testing.runs import NAME, NAMESPACE, UID, IrisRun
from crossfade_notifier.buttons import unseal


def text_of(message):
    return str(message["blocks"])


async def test_one_message_is_updated_in_place_with_the_story_in_its_thread(
    world, slack, living
):
    notifier = world.notifier(living())
    async with world.running(notifier):
        for event in IrisRun().events():
            await world.feed(notifier, [event])
            await asyncio.sleep(0.004)
        await world.until(lambda: any("is promoted" in m["text"] for m in slack.replies))

    assert len(slack.parents) == 1
    parent = slack.parents[0]
    assert parent["edits"] >= 1
    assert parent["text"].startswith(f"{NAMESPACE}/{NAME}: iris-v2 is promoted.")
    assert "`█████████░` iris-v2 95 %" in text_of(parent)
    assert "iris-v2 95 %" in text_of(parent)
    assert "mean latency ≤ 2000 ms: iris-v2 15.3 ms · iris-v1 17.8 ms" in text_of(parent)
    assert "http://page.test/experiments/ns-production/quickstart-exp" in text_of(parent)
    broadcast = [m["text"] for m in slack.replies if m.get("reply_broadcast")]
    assert len(broadcast) == 1
    assert "is promoted" in broadcast[0]
    told = "\n".join(m["text"] for m in slack.replies)
    assert all(told.count(f" {i}/15:") == 1 for i in range(1, 16))


async def test_progress_is_gathered_rather_than_sent_one_by_one(world, slack, living):
    notifier = world.notifier(living(coalesce_seconds=0.4))
    async with world.running(notifier):
        await world.feed(notifier, IrisRun().events(upto=12))
        await world.until(lambda: slack.replies)
        await asyncio.sleep(0.2)

    assert len(slack.calls) <= 4
    assert len(slack.replies) == 1


async def test_buttons_are_signed_and_say_what_was_shown(world, slack, living):
    notifier = world.notifier(living())
    async with world.running(notifier):
        await world.feed(notifier, IrisRun().events(upto=3))
        await world.until(lambda: slack.parents)

    actions = next(b for b in slack.parents[0]["blocks"] if b["type"] == "actions")
    assert [e["text"]["text"] for e in actions["elements"]] == ["Hold", "Roll back"]
    pressed = unseal(actions["elements"][1]["value"], b"secret")
    assert (pressed.ask, pressed.uid, pressed.iteration, pressed.epoch) == ("abort", UID, 3, 0)


@pytest.mark.parametrize("sign", ["", "wrong", "fälsch"])
def test_a_button_that_nobody_signed_is_refused(sign):
    with pytest.raises(Forbidden, match="no valid signature"):
        unseal(f"approve|default|quickstart|u|3|1|{sign}", b"secret")


async def test_a_message_of_a_run_that_is_over_has_no_buttons(world, slack, living):
    notifier = world.notifier(living())
    async with world.running(notifier):
        await world.feed(notifier, IrisRun(promoted=False).events())
        await world.until(lambda: any("Rolled back" in m["text"] for m in slack.replies))

    assert all(b["type"] != "actions" for b in slack.parents[0]["blocks"])


async def test_slack_down_for_a_while_loses_nothing_terminal_and_shows_the_truth(
    world, slack, living
):
    slack.down = True
    notifier = world.notifier(living())
    async with world.running(notifier):
        await world.feed(notifier, IrisRun().events())
        await asyncio.sleep(0.3)
        slack.down = False
        await world.until(lambda: any("is promoted" in m["text"] for m in slack.replies))

    assert len(slack.parents) == 1
    assert "is promoted" in slack.parents[0]["text"]


async def test_a_rate_limit_is_obeyed_to_the_second(world, slack, living):
    slack.retry_after = 1
    slack.fail("chat.postMessage", "ratelimited")
    notifier = world.notifier(living())
    loop = asyncio.get_running_loop()
    async with world.running(notifier):
        await world.feed(notifier, IrisRun().events(upto=1))
        await world.until(lambda: slack.calls)
        limited_at = loop.time()
        await world.until(lambda: len(slack.calls) > 1)
        waited = loop.time() - limited_at

    assert waited >= 0.95


async def test_an_internal_error_that_posted_after_all_makes_no_second_message(
    world, slack, living
):
    slack.fail("chat.postMessage", ("internal_error", True))
    notifier = world.notifier(living())
    async with world.running(notifier):
        await world.feed(notifier, IrisRun().events())
        await world.until(lambda: any("is promoted" in m["text"] for m in slack.replies))

    assert len(slack.parents) == 1


@pytest.mark.parametrize("then", ["ratelimited", "service_unavailable", "internal_error"])
async def test_what_is_in_doubt_stays_so_while_nobody_can_look(world, slack, living, then):
    slack.retry_after = 0
    notifier = world.notifier(living())
    async with world.running(notifier):
        await world.feed(notifier, IrisRun().events(upto=1))
        await world.until(lambda: slack.replies)
        slack.fail("chat.postMessage", ("internal_error", True))
        slack.fail("conversations.replies", then)
        await world.feed(notifier, IrisRun().look(2))
        await world.until(lambda: len(slack.replies) == 2)
        await world.feed(notifier, IrisRun().look(3))
        await world.until(lambda: any("3/15" in m["text"] for m in slack.replies))

    assert sum("2/15" in m["text"] for m in slack.replies) == 1


async def test_an_internal_error_in_the_thread_repeats_no_reply(world, slack, living):
    notifier = world.notifier(living())
    async with world.running(notifier):
        await world.feed(notifier, IrisRun().events(upto=1))
        await world.until(lambda: slack.replies)
        slack.fail("chat.postMessage", ("internal_error", True))
        await world.feed(notifier, IrisRun().look(2))
        await world.until(lambda: len(slack.replies) == 2)
        await world.feed(notifier, IrisRun().look(3))
        await world.until(lambda: any("3/15" in m["text"] for m in slack.replies))

    assert sum("2/15" in m["text"] for m in slack.replies) == 1


async def test_killed_between_posting_and_recording_it_posts_no_second_message(
    world, slack, living
):
    class Dies(Exception):
        pass

    class Dying:
        """Does what it is asked; then the process is gone before anything is recorded."""

        def __init__(self, slack):
            self.slack = slack

        async def call(self, method, **body):
            await self.slack.call(method, **body)
            raise Dies

        async def close(self):
            await self.slack.close()

    channel = living()
    channel.slack = Dying(channel.slack)
    first = world.notifier(channel)
    first.couriers[0].clock = lambda: 1_000.0
    await world.feed(first, IrisRun().events(upto=1))
    task = asyncio.ensure_future(first.couriers[0].run())
    await world.until(task.done)
    assert isinstance(task.exception(), Dies)
    await first.close()

    second = world.notifier(living())
    second.couriers[0].clock = lambda: 2_000.0  # the dead one's claim has run out
    async with world.running(second):
        await world.until(lambda: slack.replies)

    assert len(slack.parents) == 1
    assert slack.parents[0]["edits"] == 1


async def test_the_message_is_found_again_after_a_restart(world, slack, living):
    first = world.notifier(living())
    async with world.running(first):
        await world.feed(first, IrisRun().events(upto=5))
        await world.until(lambda: slack.replies)

    second = world.notifier(living())
    async with world.running(second):
        for iteration in range(6, 16):
            await world.feed(second, IrisRun().look(iteration))
        await world.feed(second, IrisRun().ending())
        await world.until(lambda: any("is promoted" in m["text"] for m in slack.replies))

    assert len(slack.parents) == 1


async def test_a_deleted_message_is_posted_anew(world, slack, living):
    notifier = world.notifier(living())
    async with world.running(notifier):
        await world.feed(notifier, IrisRun().events(upto=2))
        await world.until(lambda: slack.replies)
        slack.messages.clear()
        await world.feed(notifier, IrisRun().look(3))
        await world.until(lambda: slack.replies)

    assert len(slack.parents) == 1


async def test_a_channel_that_is_not_there_is_an_incident_once(world, slack, living, caplog):
    caplog.set_level(logging.CRITICAL)
    notifier = world.notifier(living(channel="C0NOWHERE"))
    async with world.running(notifier):
        await world.feed(notifier, IrisRun().events())
        await world.until(lambda: world.publisher.said)

    incident = world.publisher.said[0]
    assert isinstance(incident, Incident)
    assert "channel_not_found" in incident.text
    assert not slack.messages


async def test_an_experiment_may_name_its_own_channel(world, slack, living):
    notifier = world.notifier(living())
    run = IrisRun(annotations={"crossfade.io/slack-channel": "C0OTHER"})
    async with world.running(notifier):
        await world.feed(notifier, run.events(upto=1))
        await world.until(lambda: slack.parents)

    assert slack.parents[0]["channel"] == "C0OTHER"


async def test_the_end_overtakes_the_progress_of_others(world, slack, living):
    notifier = world.notifier(living(per_second=4.0, coalesce_seconds=0.0))
    courier = notifier.couriers[0]
    courier.pace.burst = 1.0
    others = [IrisRun(name=f"exp-{i}", uid=f"uid-{i}") for i in range(6)]
    for run in others:
        await world.feed(notifier, run.events(upto=1))
    await world.feed(notifier, IrisRun(name="urgent", uid="uid-x").events())
    task = asyncio.ensure_future(courier.run())
    await world.until(lambda: slack.parents)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await notifier.close()

    assert "urgent" in slack.parents[0]["text"]


@pytest.mark.parametrize(
    ("event", "seen"),
    [
        (
            StageChange(uid=UID, stage="Running", reason="ApprovalNeeded", message="may it?"),
            True,
        ),
        (Incident(uid=UID, iteration=2, what_happened="stale-data", text="stale"), True),
        (Incident(uid=UID, iteration=2, what_happened="else", text="odd"), False),
        (StageChange(uid=UID, stage="Running", reason="Paused", message="held"), False),
        (StageChange(uid=UID, stage="Completed", reason="x", outcome="rolled-back"), True),
        (StageChange(uid=UID, stage="Completed", reason="x", outcome="kept"), False),
    ],
    ids=["approval", "stuck", "trouble", "held", "rolled back", "kept"],
)
async def test_the_whole_channel_sees_what_asks_for_somebody_and_no_more(
    world, slack, living, event, seen
):
    notifier = world.notifier(living())
    async with world.running(notifier):
        await world.feed(notifier, IrisRun().events(upto=1))
        await world.until(lambda: len(slack.replies) == 1)
        await world.feed(notifier, [(None, event.about(NAMESPACE, NAME))])
        await world.until(lambda: len(slack.replies) == 2)

    assert bool(slack.replies[-1].get("reply_broadcast")) == seen


async def test_what_is_most_urgent_goes_first(world, slack, living):
    notifier = world.notifier(living(per_second=20.0, coalesce_seconds=0.0))
    courier = notifier.couriers[0]
    courier.pace.burst = 1.0
    runs = {name: IrisRun(name=name, uid=f"uid-{name}") for name in "abcd"}
    await world.feed(notifier, runs["a"].events(upto=1))
    await world.feed(notifier, runs["b"].events(upto=1))
    trouble = Incident(uid="uid-b", iteration=1, what_happened="stale-data", text="stale")
    await world.feed(notifier, [(None, trouble.about(NAMESPACE, "b"))])
    await world.feed(notifier, runs["c"].events(upto=1))
    gate = StageChange(uid="uid-c", stage="Running", reason="ApprovalNeeded", message="may it?")
    await world.feed(notifier, [(None, gate.about(NAMESPACE, "c"))])
    await world.feed(notifier, runs["d"].events())
    async with world.running(notifier):
        await world.until(lambda: len(slack.parents) == 4)

    assert [m["text"].partition(":")[0][-1] for m in slack.parents] == ["d", "c", "b", "a"]


async def test_what_is_refused_for_good_is_counted_kept_and_over_once_it_is_taken_again(
    world, slack, living, caplog
):
    caplog.set_level(logging.CRITICAL)
    lost = ("crossfade_notifications_total", {"channel_kind": "slack", "result": "lost"})
    before = REGISTRY.get_sample_value(*lost) or 0
    slack.fail("chat.postMessage", "is_archived", "is_archived")
    notifier = world.notifier(living())
    async with world.running(notifier):
        await world.feed(notifier, IrisRun().events(upto=1))
        await world.until(lambda: world.publisher.said)
        await world.feed(notifier, IrisRun().look(2))
        await world.until(lambda: not slack.planned["chat.postMessage"])
        await world.feed(notifier, IrisRun().look(3))
        await world.until(lambda: len(world.publisher.said) == 2)

    opened, closed = world.publisher.said
    assert (opened.state, closed.state) == ("opened", "closed")
    assert "started: A/B: iris-v2 against iris-v1" in opened.detail["lost"][0]["text"]
    assert closed.text == "slack takes messages again"
    assert REGISTRY.get_sample_value(*lost) == before + 2
    assert len(slack.parents) == 1


async def test_a_long_name_and_many_words_stay_within_slacks_limits(world, slack, living):
    run = IrisRun(name="x" * 200)
    events = run.events(upto=1)
    trouble = Incident(uid=UID, iteration=1, what_happened="stale-data", text="<&>" * 2000)
    notifier = world.notifier(living())
    async with world.running(notifier):
        await world.feed(notifier, [*events, (None, trouble.about(run.namespace, run.name))])
        await world.until(lambda: slack.parents and len(slack.replies) == 2)

    assert not world.publisher.said


def test_the_token_is_never_shown(living):
    assert "xoxb" not in repr(living(token=SecretStr("xoxb-1")))
