"""The chassis over a real broker: order, crashes, poison, absence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from crossfade.errors import Permanent, Retryable
from crossfade.events import Assessment, MetricSample, StageChange, WeightChange, subjects
from crossfade.runtime.bus import Bus
from crossfade.runtime.connecting import connection
from crossfade.runtime.journal import Journal
from crossfade.runtime.publishing import NatsPublisher
from crossfade.runtime.service import (
    Command,
    DeadLetter,
    Reaction,
    Request,
    Schedule,
    Tick,
    Write,
    on,
)
from crossfade.runtime.stores import NatsStore


def a_sample(iteration: int, uid: str = "u1") -> MetricSample:
    return MetricSample(
        uid=uid,
        iteration=iteration,
        of=15,
        at=datetime(2026, 1, 1, tzinfo=UTC),
        elapsed_seconds=1,
    ).about("ns", "exp")


def an_assessment(sample: MetricSample) -> Assessment:
    return Assessment(
        uid=sample.uid, iteration=sample.iteration, recommended="a", verdict="continue"
    ).about(sample.namespace, sample.name)


@dataclass
class Echo:
    """Answers each sample with an assessment, as told."""

    name: str = "analyzer"
    seen: list[int] = field(default_factory=list)
    trouble: Callable[[MetricSample, int], Awaitable[None]] | None = None
    ticks: list[Tick] = field(default_factory=list)
    writes: bool = False

    def subscriptions(self):
        return [on(MetricSample, self.judge), on(Tick, self.tick)]

    def requests(self):
        return [Request("start-experiment", self.answer)]

    def loops(self):
        return []

    async def close(self) -> None:
        return

    async def judge(self, sample: MetricSample) -> Reaction:
        self.seen.append(sample.iteration)
        if self.trouble:
            await self.trouble(sample, self.seen.count(sample.iteration))
        return Reaction([an_assessment(sample)])

    async def tick(self, tick: Tick) -> Reaction:
        self.ticks.append(tick)
        return Reaction(writes=[Write(f"collector.t{len(self.ticks)}", tick.body, 0)])

    async def answer(self, body: bytes):
        return {"accepted": True, "uid": body.decode()}


@asynccontextmanager
async def serving(echo: Echo, settings) -> AsyncIterator[Bus]:
    bus = Bus(echo, connection(settings, echo.name))
    await bus.start()
    try:
        yield bus
    finally:
        await bus.stop()


@asynccontextmanager
async def a_client(settings):
    opened = connection(settings, "test")
    await opened.open()
    try:
        yield opened
    finally:
        await opened.close()


async def until(done: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not done():
            await asyncio.sleep(0.02)


async def all_events(client, **filters):
    return [logged.event async for logged in Journal(client).follow(live=False, **filters)]


async def test_what_follows_from_an_event_is_in_the_log_in_order(bus_settings):
    echo = Echo()
    async with serving(echo, bus_settings), a_client(bus_settings) as client:
        for iteration in range(1, 21):
            await NatsPublisher(client, "test").say(a_sample(iteration))
        await until(lambda: len(echo.seen) == 20)
        await asyncio.sleep(0.2)
        found = await all_events(client, kinds=["assessment"])
        assert [e.iteration for e in found] == list(range(1, 21))
        assert {(e.namespace, e.name) for e in found} == {("ns", "exp")}


async def test_an_event_said_twice_is_one_event(bus_settings):
    async with a_client(bus_settings) as client:
        publisher = NatsPublisher(client, "test")
        await publisher.say(a_sample(1))
        await publisher.say(a_sample(1))
        assert len(await all_events(client)) == 1


async def test_one_runs_trouble_holds_up_no_other_run(bus_settings):
    async def hang(sample: MetricSample, attempt: int) -> None:
        if sample.uid == "bad":
            await asyncio.sleep(30)

    echo = Echo(trouble=hang)
    async with a_client(bus_settings) as client:
        publisher = NatsPublisher(client, "test")
        await publisher.say(a_sample(1, "bad"))
        await publisher.say(a_sample(2, "bad"))
        bus = Bus(echo, connection(bus_settings, "analyzer"))
        await bus.start()
        for iteration in range(10, 40):
            await publisher.say(a_sample(iteration, "good"))
        await until(lambda: len([i for i in echo.seen if i >= 10]) == 30)
        assert echo.seen.count(2) == 0, "the same run goes one at a time"
        for task in asyncio.all_tasks():
            if "receive" in repr(task.get_coro()) or "consume" in repr(task.get_coro()):
                task.cancel()
        await bus.stop()


async def test_a_retryable_error_is_retried_and_never_dead_letters(bus_settings):
    async def twice(sample: MetricSample, attempt: int) -> None:
        if attempt < 3:
            raise Retryable("not yet")

    echo = Echo(trouble=twice)
    async with serving(echo, bus_settings), a_client(bus_settings) as client:
        await NatsPublisher(client, "test").say(a_sample(1))
        await until(lambda: echo.seen.count(1) == 3)
        await asyncio.sleep(0.2)
        assert len(await all_events(client, kinds=["assessment"])) == 1
        assert (await client.js.stream_info(subjects.DEADLETTERS)).state.messages == 0


async def test_a_permanent_error_sets_the_message_aside_with_its_reason(bus_settings):
    async def never(sample: MetricSample, attempt: int) -> None:
        raise Permanent("split adds up to 99, right is 100")

    echo = Echo(trouble=never)
    async with serving(echo, bus_settings), a_client(bus_settings) as client:
        await NatsPublisher(client, "test").say(a_sample(1))
        await until(lambda: bool(echo.seen))
        await asyncio.sleep(0.5)
        dead = await client.js.get_last_msg(
            subjects.DEADLETTERS, "crossfade.deadletter.analyzer"
        )
        assert "adds up to 99" in dead.headers["crossfade-reason"]
        assert dead.headers["crossfade-id"] == "u1/1/metric-sample"
        assert echo.seen == [1]


async def test_a_body_that_is_no_event_is_set_aside_and_the_next_one_is_served(bus_settings):
    echo = Echo()
    async with serving(echo, bus_settings), a_client(bus_settings) as client:
        await client.js.publish(
            "crossfade.event.metric-sample.ns.exp",
            b"\xff not json",
            headers={"ce-type": "crossfade.metric-sample.v1", "ce-id": "x/1/metric-sample"},
        )
        await NatsPublisher(client, "test").say(a_sample(1))
        await until(lambda: echo.seen == [1])
        await asyncio.sleep(0.3)
        assert (await client.js.stream_info(subjects.DEADLETTERS)).state.messages >= 1


async def test_messages_with_one_number_in_two_streams_are_both_set_aside(bus_settings):
    class Refusing(Echo):
        def subscriptions(self):
            return [
                on(Command, self.refuse),
                on(Assessment, self.refuse),
                on(DeadLetter, self.hear),
            ]

        async def refuse(self, _) -> None:
            raise Permanent("no")

        async def hear(self, letter: DeadLetter) -> None:
            aside.add(letter.subject)

    aside: set[str] = set()
    async with a_client(bus_settings) as client:
        publisher = NatsPublisher(client, "test")
        await publisher.say(an_assessment(a_sample(1)))
        await publisher.command("abort", b"{}", "x")
        async with serving(Refusing("actuator"), bus_settings):
            await until(lambda: len({s for s in aside if s}) == 2)
    assert aside >= {"crossfade.event.assessment.ns.exp", "crossfade.command.abort"}


async def test_a_version_that_this_release_does_not_know_is_passed_over(bus_settings):
    echo = Echo()
    async with serving(echo, bus_settings), a_client(bus_settings) as client:
        await client.js.publish(
            "crossfade.event.metric-sample.ns.exp",
            b"{}",
            headers={"ce-type": "crossfade.metric-sample.v9", "ce-id": "x/1/metric-sample"},
        )
        await NatsPublisher(client, "test").say(a_sample(1))
        await until(lambda: echo.seen == [1])
        assert (await client.js.stream_info(subjects.DEADLETTERS)).state.messages == 0


async def test_a_handler_in_flight_finishes_and_acknowledges_when_the_service_stops(
    bus_settings,
):
    async def slowly(sample: MetricSample, attempt: int) -> None:
        await asyncio.sleep(1)

    echo = Echo(trouble=slowly)
    async with a_client(bus_settings) as client:
        async with serving(echo, bus_settings):
            await NatsPublisher(client, "test").say(a_sample(1))
            await until(lambda: echo.seen == [1])
        info = await client.js.consumer_info(subjects.EVENTS, "analyzer")
        assert info.num_ack_pending == 0
        assert len(await all_events(client, kinds=["assessment"])) == 1


async def test_a_long_handler_keeps_its_message(bus_settings):
    async def slowly(sample: MetricSample, attempt: int) -> None:
        await asyncio.sleep(4)  # twice ack_wait

    echo = Echo(trouble=slowly)
    async with serving(echo, bus_settings), a_client(bus_settings) as client:
        await NatsPublisher(client, "test").say(a_sample(1))
        await asyncio.sleep(4.5)
        assert echo.seen == [1]


async def test_the_server_may_die_and_come_back(bus_settings, broker):
    echo = Echo()
    async with serving(echo, bus_settings) as bus, a_client(bus_settings) as client:
        publisher = NatsPublisher(client, "test")
        await publisher.say(a_sample(1))
        await until(lambda: echo.seen == [1])
        await broker.stop(kill=True)
        await until(lambda: bus.trouble() is not None)
        pending = asyncio.ensure_future(publisher.say(a_sample(2)))
        await broker.start()
        await pending
        await until(lambda: 2 in echo.seen)
        await until(lambda: bus.trouble() is None)
        assert [e.iteration for e in await all_events(client, kinds=["metric-sample"])] == [
            1,
            2,
        ]


async def test_a_service_on_an_empty_broker_waits_and_creates_nothing(broker, caplog):
    from crossfade.runtime.bootstrap import bootstrap
    from crossfade.settings import BusSettings

    settings = BusSettings(url=broker.url)
    echo = Echo()
    bus = Bus(echo, connection(settings, "analyzer"))
    starting = asyncio.ensure_future(bus.start())
    async with a_client(settings) as client:
        await asyncio.sleep(2.5)
        assert not starting.done()
        assert await client.js.streams_info() == []
        waiting = [
            r for r in caplog.records if "waiting for `crossfade bootstrap`" in r.message
        ]
        assert len(waiting) == 1
        await bootstrap(settings)
        await starting
        await NatsPublisher(client, "test").say(a_sample(1))
        await until(lambda: echo.seen == [1])
    await bus.stop()


async def test_bootstrap_twice_changes_nothing(bus_settings):
    from crossfade.runtime.bootstrap import bootstrap

    assert await bootstrap(bus_settings) == await bootstrap(bus_settings)


async def test_a_schedule_ticks_until_it_is_cancelled(bus_settings):
    echo = Echo(name="collector")
    async with serving(echo, bus_settings), a_client(bus_settings) as client:
        publisher = NatsPublisher(client, "test")
        await publisher.schedule(Schedule("team.a", "exp", 1, b'{"uid":"u1"}'))
        await until(lambda: len(echo.ticks) >= 2)
        await publisher.schedule(Schedule("team.a", "exp", None))
        await asyncio.sleep(0.3)
        count = len(echo.ticks)
        await asyncio.sleep(1.5)
        assert len(echo.ticks) == count
        assert (echo.ticks[0].namespace, echo.ticks[0].name) == ("team.a", "exp")
        assert echo.ticks[0].body == b'{"uid":"u1"}'
        entry = await NatsStore(client, subjects.STATE).get("collector.t1")
        assert entry is not None


async def test_a_door_answers_and_names_mistakes_by_field(bus_settings):
    async with serving(Echo(), bus_settings), a_client(bus_settings) as client:
        reply = await client.client.request(
            "crossfade.request.start-experiment", b"abc", timeout=2
        )
        assert reply.data == b'{"accepted":true,"uid":"abc"}'


async def test_the_log_can_be_followed_by_experiment_and_kind(bus_settings):
    async with a_client(bus_settings) as client:
        publisher = NatsPublisher(client, "test")
        await publisher.say(a_sample(1))
        await publisher.say(a_sample(1, "u2").about("ns", "other"))
        stage = StageChange(uid="u1", stage="Running", reason="StageAdvanced").about(
            "ns", "exp"
        )
        await publisher.say(stage)
        await publisher.say(WeightChange(uid="u1", observed={"a": 100}).about("ns", "exp"))
        mine = await all_events(client, namespace="ns", name="exp")
        assert [e.kind for e in mine] == ["metric-sample", "stage-change", "weight-change"]
        two = await all_events(client, kinds=["stage-change", "weight-change"])
        assert [e.kind for e in two] == ["stage-change", "weight-change"]
        assert await all_events(client, namespace="nobody") == []


async def test_a_store_compares_and_sets(bus_settings):
    from crossfade.errors import Conflict

    async with a_client(bus_settings) as client:
        store = NatsStore(client, subjects.STATE)
        assert await store.get("analyzer.u1") is None
        first = await store.put("analyzer.u1", b"1", 0)
        with pytest.raises(Conflict):
            await store.put("analyzer.u1", b"2", 0)
        second = await store.put("analyzer.u1", b"2", first)
        with pytest.raises(Conflict):
            await store.put("analyzer.u1", b"3", first)
        assert (await store.get("analyzer.u1")).revision == second
        assert await store.keys("analyzer.*") == ["analyzer.u1"]
        assert await store.keys("nobody.*") == []
        await store.delete("analyzer.u1")
        assert await store.get("analyzer.u1") is None
        await store.put("analyzer.u1", b"4", 0)


async def test_the_broker_soon_forgets_that_somebody_listed_keys(bus_settings):
    async with a_client(bus_settings) as client:
        await NatsStore(client, subjects.STATE).keys()
        left = await client.js.consumers_info(f"KV_{subjects.STATE}")
        assert {consumer.config.inactive_threshold for consumer in left} == {15}
