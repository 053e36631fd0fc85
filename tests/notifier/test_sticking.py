"""Stuck: what the events of a run add up to, announced once, and its end told."""

import orjson
import pytest

from crossfade.events import (
    Assessment,
    Incident,
    MetricSample,
    Reading,
    StageChange,
    WeightChange,
)
from crossfade.telling import Known
from crossfade.testing.runs import START, UID, IrisRun, iris_document
from crossfade_notifier.channels.log import LogChannel
from crossfade_notifier.outbox import Outbox

RUN = IrisRun()


def told(*events, upto=3):
    """The sentences that follow from events after the first looks of a run."""
    outbox = Outbox(known=Known(uid=UID))
    for at, event in RUN.events(upto=upto):
        outbox = outbox.after(event, at)
    begun = outbox.next
    for event in events:
        outbox = outbox.after(event.about(RUN.namespace, RUN.name), START)
        outbox = Outbox.read(outbox.write())  # what is seen survives restarts
    return [(t.topic, t.text) for t in outbox.told if t.n >= begun]


def an_incident(what, iteration, state="opened", text="it happened", **detail):
    return Incident(
        uid=UID, iteration=iteration, what_happened=what, state=state, text=text, detail=detail
    )


def a_sample(iteration, absent="", split=None, asked=3):
    how = {"absent": absent} if absent else {"value": 0.001}
    reading = Reading(version="iris-v2", metric="iter8-seldon/error-rate", **how)
    return MetricSample(
        uid=UID,
        iteration=iteration,
        of=15,
        at=START,
        elapsed_seconds=10 * iteration,
        split=split or RUN.split(asked),
        readings=(reading,),
    )


def a_look(iteration, verdict="continue", asked=3):
    return Assessment(
        uid=UID, iteration=iteration, split=RUN.split(asked), recommended="", verdict=verdict
    )


def topics(sentences):
    return [topic for topic, _ in sentences if topic != "progress"]


def test_missing_assessments_are_stuck_until_they_come_again():
    sentences = told(
        an_incident("stale-data", 3, text="no assessment for 65 s"),
        an_incident("stale-data", 4, text="no assessment for 75 s"),
        an_incident("stale-data", 4, "closed", "assessments come again"),
    )

    assert sentences == [
        ("stuck", "stuck: no assessment for 65 s"),
        ("unstuck", "no longer stuck; it was: no assessment for 65 s"),
    ]


def test_a_fight_over_weights_is_trouble_first_and_stuck_after_three_times():
    fights = [
        an_incident("weights-fought-over", 3 + n, text="somebody wrote 50 : 50", times=n)
        for n in (1, 2, 3, 4)
    ]
    settled = WeightChange(
        uid=UID, iteration=8, asked=RUN.split(4), observed=RUN.split(4), cause="assessment"
    )

    assert topics(told(*fights)) == ["trouble", "stuck"]
    sentences = told(*fights, a_look(8, asked=4), settled)
    assert topics(sentences) == ["trouble", "stuck", "weights", "unstuck"]
    assert sentences[1][1].endswith(
        "somebody wrote 50 : 50; after 3 times in a row nothing is moved"
    )


@pytest.mark.parametrize(
    ("absent", "samples", "stuck"),
    [
        ("timeout", 2, False),
        ("timeout", 3, True),
        ("unauthorized", 9, True),
        ("empty-result", 9, False),  # no traffic yet is nobody's fault
    ],
)
def test_a_back_end_that_fails_three_samples_in_a_row_is_stuck(absent, samples, stuck):
    sentences = told(*(a_sample(4 + i, absent) for i in range(samples)))

    assert topics(sentences) == (["stuck"] if stuck else [])
    if stuck:
        said = f"stuck: error rate of iris-v2 cannot be read ({absent}), 3 looks in a row"
        assert sentences == [("stuck", said)]


def test_one_good_sample_begins_the_row_anew_and_ends_what_was_stuck():
    bad, good = a_sample, [a_sample(20)]
    row = [bad(4, "timeout"), bad(5, "timeout"), a_sample(6), bad(7, "timeout")]

    assert topics(told(*row)) == []
    three = [bad(i, "timeout") for i in (7, 8, 9)]
    assert topics(told(*three, *good)) == ["stuck", "unstuck"]


def test_five_looks_without_data_are_stuck_but_not_twice_for_one_cause():
    looks = [x for i in range(4, 12) for x in (a_sample(i, "timeout"), a_look(i, "no-data"))]
    empty = [x for i in range(4, 10) for x in (a_sample(i), a_look(i, "no-data"))]

    assert topics(told(*looks)).count("stuck") == 1
    assert ("stuck", "stuck: nothing to judge by, 5 looks in a row") in told(*empty)


def test_a_split_that_is_not_followed_is_stuck_until_it_is():
    there, asked = RUN.split(2), RUN.split(3)
    astray = [x for i in (4, 5, 6) for x in (a_sample(i, split=there), a_look(i))]

    sentences = told(*astray, a_sample(7, split=asked))

    assert topics(sentences) == ["stuck", "unstuck"]
    assert "asked for iris-v1 65 : iris-v2 35, but iris-v1 75 : iris-v2 25 is in force" in str(
        sentences
    )


def test_a_run_whose_split_nobody_moves_is_not_stuck_for_not_moving():
    document = orjson.dumps(iris_document()).replace(b"Progressive", b"FixedSplit")
    fixed = StageChange(
        uid=UID,
        stage="Running",
        reason="SpecChanged",
        revision=2,
        document=orjson.loads(document),
    )
    astray = [x for i in (4, 5, 6) for x in (a_sample(i, split=RUN.split(2)), a_look(i))]

    assert "stuck" not in topics(told(fixed, *astray))


def test_a_run_that_is_held_is_not_stuck_for_not_moving():
    paused = StageChange(uid=UID, stage="Running", reason="Paused", message="Paused by Ada")
    astray = [a_sample(i, split=RUN.split(2)) for i in range(4, 9)]

    assert topics(told(paused, *astray)) == ["order"]


def test_the_end_of_a_run_ends_what_it_was_stuck_in_without_a_word():
    ending = [event for _, event in RUN.ending()]
    sentences = told(an_incident("stale-data", 3), *ending)

    assert topics(sentences) == ["stuck", "winner"]


async def test_stuck_is_shown_to_the_whole_channel_once_and_its_end_in_the_thread(
    world, slack, living
):
    notifier = world.notifier(living(), LogChannel())
    async with world.running(notifier):
        await world.feed(notifier, RUN.events(upto=3))
        await world.until(lambda: slack.replies)
        for iteration in (4, 5, 6, 7):
            await world.feed(notifier, [(None, a_sample(iteration, "timeout"))])
        await world.until(
            lambda: ":rotating_light: quickstart" in str(slack.parents[0]["blocks"])
        )
        await world.feed(notifier, [(None, a_sample(8))])
        await world.until(lambda: any("no longer stuck" in m["text"] for m in slack.replies))

    broadcast = [m["text"] for m in slack.replies if m.get("reply_broadcast")]
    assert broadcast == [
        ":rotating_light: stuck: error rate of iris-v2 cannot be read (timeout), 3 looks in a row"
    ]
    assert "rotating_light" not in str(slack.parents[0]["blocks"])
