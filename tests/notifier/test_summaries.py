"""A crowded Slack channel: one summary for hundreds of runs, against a Slack with its limits."""

import sys
from datetime import UTC, datetime

import pytest

from crossfade.errors import Conflict
from crossfade.events import Incident, StageChange
from crossfade.settings import NotifierSettings
from crossfade.telling import Known, Urgency
from crossfade.testing.runs import START, IrisRun
from crossfade_notifier.building import build
from crossfade_notifier.channels.links import Links
from crossfade_notifier.channels.slack.summary import newly_stuck, summary
from crossfade_notifier.outbox import Outbox
from crossfade_notifier.sticking import Signs
from crossfade_notifier.summaries import Summaries

CROWD = 4


def run(n, **more):
    return IrisRun(name=f"run-{n:03}", uid=f"uid-{n:03}", **more)


def said(n, event):
    return START, event.about("ns-production", f"run-{n:03}")


@pytest.fixture
def team(world, living):
    """A notifier with a summary, and what keeps it; as many as wanted, over one store."""

    def make(**changes):
        notifier = world.notifier(living(per_second=1000.0, **changes))
        courier = notifier.couriers[0]
        keeper = Summaries(
            world.state, courier.channel, courier.router, courier.pace, CROWD, clock=lambda: 1e9
        )
        return notifier, keeper

    return make


async def fed(world, notifier, count, upto=1, **more):
    for n in range(count):
        await world.feed(notifier, run(n, **more).events(upto=upto))


async def test_a_crowd_has_one_message(world, slack, team):
    notifier, keeper = team()
    await fed(world, notifier, 12)
    await keeper.look()
    async with world.running(notifier):
        await world.until(lambda: not notifier.couriers[0].due)

    assert len(slack.parents) == 1
    assert not slack.replies
    text = str(slack.parents[0]["blocks"])
    assert slack.parents[0]["text"] == "12 experiments under way"
    assert "12 running" in text
    assert "<http://page.test/experiments/ns-production/run-000|ns-production/run-000>" in text


async def test_few_runs_have_messages_of_their_own_and_no_summary(world, slack, team):
    notifier, keeper = team()
    await fed(world, notifier, CROWD)
    await keeper.look()
    async with world.running(notifier):
        await world.until(lambda: len(slack.parents) == CROWD)

    assert all("under way" not in m["text"] for m in slack.parents)


async def test_ends_and_open_gates_are_told_alone_in_a_crowd_too(world, slack, team):
    notifier, keeper = team()
    await fed(world, notifier, 6)
    gate = StageChange(uid="uid-002", stage="Running", reason="ApprovalNeeded", message="gate?")
    await keeper.look()
    async with world.running(notifier):
        await world.feed(notifier, run(1).events()[-1:])
        await world.feed(notifier, [said(2, gate)])
        await world.until(lambda: sum("reply_broadcast" in m for m in slack.replies) >= 2)

    told = {m["text"].partition(":")[0] for m in slack.parents}
    assert told == {"6 experiments under way", "ns-production/run-001", "ns-production/run-002"}


async def test_what_did_not_change_is_not_said_again_and_what_did_in_place(world, slack, team):
    notifier, keeper = team()
    await fed(world, notifier, 6)
    await keeper.look()
    calls = len(slack.calls)
    await keeper.look()
    assert len(slack.calls) == calls
    await fed(world, notifier, 9)
    await keeper.look()

    assert len(slack.parents) == 1
    assert slack.parents[0]["text"] == "9 experiments under way"
    assert slack.parents[0]["edits"] == 1


async def test_all_that_get_stuck_together_disturb_the_channel_once(world, slack, team):
    notifier, keeper = team()
    await fed(world, notifier, 20)
    await keeper.look()
    for n in range(14):
        text = "no assessment for 65 s"
        stale = Incident(uid=f"uid-{n:03}", iteration=1, what_happened="stale-data", text=text)
        await world.feed(notifier, [said(n, stale)])
    await keeper.look()
    await keeper.look()

    assert len(slack.replies) == 1
    assert slack.replies[0]["reply_broadcast"]
    assert "and 4 more are stuck:* no assessment for 65 s" in slack.replies[0]["text"]
    assert "14 stuck · 6 running" in str(slack.parents[0]["blocks"])


async def test_quiet_hours_that_keep_trouble_keep_it_in_a_crowd_too(world, slack, team):
    notifier, keeper = team()
    hours = {"crossfade.io/quiet-hours": "00:00-12:00 UTC"}
    await fed(world, notifier, 6, annotations=hours)
    stale = Incident(uid="uid-002", iteration=1, what_happened="stale-data", text="nothing")
    await world.feed(notifier, [said(2, stale)])
    object.__setattr__(keeper.router, "passes", frozenset({Urgency.TERMINAL}))
    await keeper.look()
    at_night = len(slack.replies)
    keeper.clock = lambda: 1e9 + 12 * 3600
    await keeper.look()

    assert at_night == 0
    assert "run-002 is stuck" in slack.replies[0]["text"]


@pytest.mark.parametrize("lost", ["record", "message"])
async def test_a_lost_record_or_message_makes_no_second_one(world, slack, team, lost):
    notifier, keeper = team()
    await fed(world, notifier, 6)
    await keeper.look()
    if lost == "record":
        await world.state.delete("notifier.summary.C0CROSSFADE")
    else:
        slack.messages.clear()
    await fed(world, notifier, 7)
    await team()[1].look() if lost == "record" else await keeper.look()

    assert [m["text"] for m in slack.parents] == ["7 experiments under way"]


async def test_a_summary_gives_way_once_there_are_few_runs_again(world, slack, team):
    notifier, keeper = team()
    await fed(world, notifier, 6)
    await keeper.look()
    for n in range(2):
        await world.feed(notifier, run(n).events()[-1:])
    await keeper.look()
    assert slack.parents[0]["text"] == "4 experiments under way"
    assert keeper.living.crowded, "four are more than four fifths of the bound"
    await world.feed(notifier, run(3).events()[-1:])
    await keeper.look()

    assert not keeper.living.crowded
    assert "Each tells of itself again" in str(slack.parents[0]["blocks"])
    assert await world.state.keys("notifier.summary.*") == []


async def test_each_channel_counts_its_own(world, slack, team):
    notifier, keeper = team()
    other = {"crossfade.io/slack-channel": "C0OTHER"}
    await fed(world, notifier, 3)
    for n in range(10, 16):
        await world.feed(notifier, run(n, annotations=other).events(upto=1))
    await keeper.look()

    assert keeper.living.crowded == {"C0OTHER"}
    assert [m["channel"] for m in slack.parents] == ["C0OTHER"]


async def test_of_two_replicas_one_keeps_the_summary(world, slack, team):
    notifier, keeper = team()
    _, second = team()
    await fed(world, notifier, 6)
    sheet, revision = await keeper._claimed("C0CROSSFADE")

    await second.look()
    assert not slack.parents
    assert second.living.crowded, "it knows of the crowd all the same"
    await keeper.state.put("notifier.summary.C0CROSSFADE", sheet.write(), revision)
    with pytest.raises(Conflict):
        await keeper.state.put("notifier.summary.C0CROSSFADE", sheet.write(), revision)


def crowd(count):
    hostile = "<!channel> & " * 40
    return [
        Outbox(
            known=Known(
                uid=f"u{n}",
                namespace="a-namespace-of-quite-some-length",
                name=f"{'long-name-' * 20}{n}",
                stage="Running",
                versions=("old", "new"),
                of=15,
                message=hostile,
                reason="Paused" if n % 2 else "",
            ),
            signs=Signs(stuck={"stale-data": hostile} if n % 3 == 0 else {}),
        )
        for n in range(count)
    ]


def test_the_largest_crowd_stays_within_slacks_limits():
    runs = crowd(2000)
    ended = [Known(uid="e", stage="Completed", outcome="promoted")] * 500
    made = summary(runs, ended, Links("http://page.test"), datetime(2026, 1, 1, tzinfo=UTC))
    text = newly_stuck(runs)

    assert not sys.modules["slack_server"].invalid({"blocks": made, "text": ""})
    assert len(text) <= 3000
    assert "<!channel>" not in str(made) + text
    assert "500 promoted" in str(made)
    assert "more" in made[2]["text"]["text"].splitlines()[-1]


async def test_an_installation_with_a_bot_has_summaries_at_the_pace_of_its_messages(world):
    settings = NotifierSettings(slack_token="xoxb-1", slack_channel="C0", slack_crowd=7)
    notifier = build(settings, state=world.state, publisher=world.publisher, commander=None)
    (keeper,) = notifier.summaries
    courier = next(c for c in notifier.couriers if c.channel.name == "slack")

    assert keeper.above == 7
    assert keeper.pace is courier.pace
    assert keeper.keep in notifier.loops()
    without = build(
        NotifierSettings(), state=world.state, publisher=world.publisher, commander=None
    )
    assert not without.summaries
