"""The collector's handlers, called as the chassis calls them."""

import datetime

import orjson
import pytest
from tests.collector.builders import START, a_document, a_metric

from crossfade.errors import Malformed
from crossfade.events import StageChange, WeightChange, subjects
from crossfade.runtime.service import Tick

MOCK = a_metric("mock", type="Counter", mock=[{"name": "v1", "level": "2"}])


def a_change(stage="Running", reason="StageAdvanced", uid="u", revision=1):
    return StageChange(uid=uid, revision=revision, stage=stage, reason=reason).about(
        "ns", "exp"
    )


def a_tick(seconds, uid="u"):
    at = START + datetime.timedelta(seconds=seconds)
    return Tick("ns", "exp", at, orjson.dumps({"uid": uid, "revision": 1}))


async def take(collector, handled):
    """Carries out a reaction's writes, as the chassis does after the events."""
    for write in handled.writes:
        await collector.state.put(write.key, write.value, write.revision)
    return handled


@pytest.fixture
async def collector(a_run):
    return await a_run(a_document(MOCK))


@pytest.fixture
async def running(collector):
    await take(collector, await collector.follow(a_change()))
    return collector


async def tick(collector, hands, seconds, **kind):
    hands.at(seconds)
    return await take(collector, await collector.collect(a_tick(seconds, **kind)))


async def test_a_trial_reads_every_metric_once_as_if_one_interval_had_passed(collector):
    reaction = await collector.follow(a_change("Initializing", "TrialReading"))

    (sample,) = reaction.events
    assert (sample.iteration, sample.of, sample.elapsed_seconds) == (0, 15, 10)
    assert sample.id == "u/0/metric-sample"
    assert (sample.namespace, sample.name) == ("ns", "exp")
    assert [(r.version, r.metric, r.value, r.absent) for r in sample.readings] == [
        ("v1", "ns/mock", 20.0, None),
        ("v2", "ns/mock", None, "empty-result"),
    ]
    assert not reaction.writes
    assert not reaction.schedules


async def test_a_late_trial_of_a_running_run_reads_nothing(running):
    assert not (await running.follow(a_change("Initializing", "TrialReading"))).events


async def test_the_start_sets_a_clock_that_strikes_at_the_interval(collector):
    reaction = await collector.follow(a_change())

    (schedule,) = reaction.schedules
    assert (schedule.namespace, schedule.name, schedule.interval_seconds) == ("ns", "exp", 10)
    assert orjson.loads(schedule.body) == {"uid": "u", "revision": 1}


async def test_a_whole_run_reads_10_20_150_although_ticks_come_beside_the_second(
    running, hands
):
    samples, schedules = [], []
    for iteration in range(1, 16):
        jitter = (-0.4, 0.003, 0.2)[iteration % 3]
        reaction = await tick(running, hands, 10 * iteration + jitter)
        samples += reaction.events
        schedules += reaction.schedules

    assert [s.elapsed_seconds for s in samples] == list(range(10, 151, 10))
    assert [s.iteration for s in samples] == list(range(1, 16))
    assert [s.readings[0].value for s in samples] == [2.0 * e for e in range(10, 151, 10)]
    assert [s.interval_seconds for s in schedules] == [None]
    assert not (await tick(running, hands, 160)).events


async def test_a_redelivered_tick_changes_nothing(running, hands):
    first = await tick(running, hands, 10)
    again = await tick(running, hands, 10)

    assert len(first.events) == 1
    assert not again.events
    assert not again.writes


async def test_a_tick_repeated_before_its_state_was_kept_says_the_same_sample(running, hands):
    hands.at(10)
    first = await running.collect(a_tick(10))
    again = await running.collect(a_tick(10))

    assert first.events == again.events


async def test_an_early_tick_is_ignored_and_the_next_one_counts(running, hands):
    await tick(running, hands, 10)

    assert not (await tick(running, hands, 14.9)).events
    assert len((await tick(running, hands, 20)).events) == 1


async def test_a_tick_of_another_uid_is_dropped(running, hands):
    assert not (await tick(running, hands, 10, uid="other")).events


async def test_a_tick_without_a_uid_is_malformed(running):
    with pytest.raises(Malformed, match="uid"):
        await running.collect(Tick("ns", "exp", START, b"{}"))


async def test_a_tick_that_waited_long_is_answered_with_the_present(running, hands):
    hands.at(37.8)
    (sample,) = (await running.collect(a_tick(10))).events

    assert sample.at == hands.now
    assert sample.elapsed_seconds == 37


async def test_a_sample_carries_the_split_in_force_when_it_was_read(running, hands):
    change = WeightChange(uid="u", iteration=0, cause="found", observed={"v1": 95, "v2": 5})
    await take(running, await running.note(change))
    (first,) = (await tick(running, hands, 10)).events
    await take(
        running, await running.note(WeightChange(uid="u", observed={"v1": 85, "v2": 15}))
    )
    (second,) = (await tick(running, hands, 20)).events

    assert (first.split, second.split) == ({"v1": 95, "v2": 5}, {"v1": 85, "v2": 15})


async def test_the_same_split_again_writes_nothing(running):
    change = WeightChange(uid="u", observed={"v1": 100, "v2": 0})
    await take(running, await running.note(change))

    assert not (await running.note(change)).writes


@pytest.mark.parametrize("stage", ["Finishing", "Completed"])
async def test_the_end_stops_the_clock_and_a_late_tick_reads_nothing(running, hands, stage):
    reaction = await take(running, await running.follow(a_change(stage)))

    assert [s.interval_seconds for s in reaction.schedules] == [None]
    assert not (await tick(running, hands, 10)).events


async def test_a_running_that_comes_after_the_end_starts_nothing(running):
    await take(running, await running.follow(a_change("Completed")))

    assert not (await running.follow(a_change())).schedules


async def test_a_pause_stops_the_clock_and_a_resume_goes_on_where_it_stood(running, hands):
    await tick(running, hands, 10)
    paused = await take(running, await running.follow(a_change("Running", "Paused")))
    assert not (await tick(running, hands, 20)).events
    resumed = await take(running, await running.follow(a_change("Running", "Resumed")))
    (sample,) = (await tick(running, hands, 60)).events

    assert [s.interval_seconds for s in (*paused.schedules, *resumed.schedules)] == [None, 10]
    assert (sample.iteration, sample.elapsed_seconds) == (2, 60)


async def edited(collector, **document):
    """The reaction to a second revision of the document."""
    body = orjson.dumps(a_document(MOCK, **document).to_json())
    await collector.runs.store.put(subjects.document_key("u", 2), body, 0)
    return await take(
        collector, await collector.follow(a_change(reason="SpecChanged", revision=2))
    )


@pytest.mark.parametrize("reason", ["Paused", "ApprovalNeeded"])
async def test_an_edit_while_a_run_rests_wakes_nobody_and_counts_when_it_goes_on(
    running, hands, reason
):
    await tick(running, hands, 10)
    rests = await take(running, await running.follow(a_change("Running", reason)))
    changed = await edited(running, interval=20)
    assert not (await tick(running, hands, 20)).events
    resumed = await running.follow(a_change("Running", "Resumed", revision=2))

    assert [s.interval_seconds for s in rests.schedules] == [None]
    assert not changed.schedules
    assert [s.interval_seconds for s in resumed.schedules] == [20]


async def test_a_start_gate_stops_no_clock(collector):
    gate = await collector.follow(a_change("Initializing", "ApprovalNeeded"))

    assert not gate.writes
    assert not gate.schedules


async def test_with_fewer_iterations_than_there_are_already_one_more_is_the_last(
    running, hands
):
    for iteration in range(1, 6):
        await tick(running, hands, 10 * iteration)
    changed = await edited(running, iterations=3)
    last = await tick(running, hands, 60)
    after = await tick(running, hands, 70)
    repeated = await running.follow(a_change(reason="SpecChanged", revision=2))

    assert [s.interval_seconds for s in changed.schedules] == [10]
    assert [(s.iteration, s.of, s.revision) for s in last.events] == [(6, 3, 2)]
    assert [s.interval_seconds for s in last.schedules] == [None]
    assert not after.events
    assert not repeated.schedules


async def test_a_repeated_start_keeps_the_start_time_and_sets_the_clock_again(running, hands):
    await tick(running, hands, 10)
    hands.at(12)
    again = await take(running, await running.follow(a_change()))
    (sample,) = (await tick(running, hands, 20)).events

    assert len(again.schedules) == 1
    assert (sample.iteration, sample.elapsed_seconds) == (2, 20)


async def test_the_state_never_holds_a_value(running, hands):
    await tick(running, hands, 10)
    (entry,) = running.state.entries.values()

    assert sorted(orjson.loads(entry.value)) == [
        "iteration", "lastTickAt", "phase", "revision", "sampled", "split", "startedAt", "uid",
    ]  # fmt: skip


async def test_a_clock_that_ticks_on_after_the_end_is_stopped(running, hands):
    await take(running, await running.follow(a_change("Completed")))

    assert [s.interval_seconds for s in (await tick(running, hands, 10)).schedules] == [None]


async def test_the_end_of_an_old_run_leaves_the_clock_of_its_successor_alone(running):
    await running.runs.store.put(subjects.name_key("ns", "exp"), b"successor", 0)
    reaction = await running.follow(a_change("Completed"))

    assert len(reaction.writes) == 1
    assert not reaction.schedules
