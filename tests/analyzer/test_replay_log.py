"""Replay and explain over the event log of a real broker."""

from __future__ import annotations

import asyncio

import pytest
from assured_builders import World, a_provable

from crossfade.errors import NotFound
from crossfade.events import StageChange
from crossfade.runtime.bootstrap import bootstrap
from crossfade.runtime.connecting import connection
from crossfade.runtime.publishing import NatsPublisher
from crossfade.settings import AnalyzerSettings, BusSettings
from crossfade_analyzer.explain import rate_of
from crossfade_analyzer.policies.choice import policies
from crossfade_analyzer.replaying import as_it_ran, replay
from crossfade_analyzer.service import assess
from crossfade_cli.recordings import read_log, recorded


@pytest.fixture
async def settings(broker):
    made = BusSettings(url=broker.url)
    await bootstrap(made)
    return made


async def published(settings, *runs):
    """Publish runs of one experiment as the services would; `runs` are (uid, truth)."""
    opened = connection(settings, "test")
    await opened.open()
    publisher, chosen = NatsPublisher(opened, "test"), policies(AnalyzerSettings())
    try:
        for uid, truth in runs:
            document = a_provable(decision={"policy": "iter8"})
            world, memory = World(document, requests=1000, **truth), {}
            began = StageChange(
                uid=uid, stage="Running", reason="StageAdvanced", document=document.to_json()
            )
            await publisher.say(began.about("default", "exp"))
            for iteration in range(1, 6):
                world.grow()
                sample = world.sample(iteration).model_copy(update={"uid": uid})
                said, memory = assess(chosen, document, memory, sample)
                await publisher.say(sample.about("default", "exp"))
                await publisher.say(said.about("default", "exp"))
                world.split = said.split
    finally:
        await opened.close()


async def test_the_last_run_of_the_log_is_replayed_as_it_ran_and_otherwise(settings):
    await published(settings, ("one", {}), ("two", {"c": {"errors": 0.2}}))
    async with asyncio.timeout(20):
        events = await read_log(settings, "default", "exp")
    last = recorded(events)
    assert (last.uid, len(last.samples), len(last.assessments)) == ("two", 5, 5)
    ran = as_it_ran(last.resolved(), last.samples, last.assessments)
    again = replay(last.resolved(), last.samples, policies(AnalyzerSettings()))
    assert again.moments == ran.moments
    assert recorded(events, uid="one").document is not None
    assert rate_of(last.resolved(), last.samples) == pytest.approx(100, rel=0.1)


async def test_an_experiment_that_never_ran_is_not_found(settings):
    async with asyncio.timeout(20):
        events = await read_log(settings, "default", "nobody")
    with pytest.raises(NotFound, match="no run"):
        recorded(events)
