"""A whole run without any back-end: load, built-in metrics, a verdict, a notification."""

from __future__ import annotations

import asyncio

import pytest
from tests.actuator.test_tasks_collect import models  # noqa: F401
from tests.actuator.test_tasks_telling import office  # noqa: F401

from crossfade.runtime.bootstrap import bootstrap
from crossfade.runtime.commanding import NatsCommander
from crossfade.runtime.connecting import connection
from crossfade.runtime.journal import Journal
from crossfade.settings import ActuatorSettings, BusSettings, Settings
from crossfade_cli.run import a_bus

SERVICES = ("collector", "analyzer", "actuator")
TAIL = "iter8-system/latency-95th-percentile"
CODES = "iter8-system/error-rate"


def an_experiment(fast, slow, office):  # noqa: F811
    versions = [{"name": "v1", "url": fast.url}, {"name": "v2", "url": slow.url}]
    load = {"versions": versions, "numQueries": 30, "qps": 100}
    told = {"URL": office.url + "/told", "ignoreFailure": False}
    return {
        "apiVersion": "iter8.tools/v2alpha2",
        "kind": "Experiment",
        "metadata": {"name": "built-in", "namespace": "ns"},
        "spec": {
            "target": "app",
            "strategy": {
                "testingPattern": "Canary",
                "deploymentPattern": "FixedSplit",
                "actions": {
                    "start": [{"task": "metrics/collect", "with": load}],
                    "finish": [
                        {"if": "not CandidateWon()", "run": "echo kept @< .Name >@"},
                        {"task": "notification/http", "with": told},
                    ],
                },
            },
            "criteria": {
                "requestCount": "iter8-system/request-count",
                "objectives": [
                    {"metric": TAIL, "upperLimit": 60},
                    {"metric": CODES, "upperLimit": "0.01"},
                ],
            },
            "duration": {"intervalSeconds": 1, "iterationsPerLoop": 2},
            "versionInfo": {"baseline": {"name": "v1"}, "candidates": [{"name": "v2"}]},
        },
    }


@pytest.fixture
async def opened(broker):
    settings = Settings(
        bus=BusSettings(url=broker.url), actuator=ActuatorSettings(actions="process")
    )
    await bootstrap(settings.bus)
    buses = [a_bus(name, settings) for name in SERVICES]
    await asyncio.gather(*(bus.start() for bus in buses))
    ours = connection(settings.bus, "test")
    await ours.open()
    yield ours
    await ours.close()
    for bus in reversed(buses):
        await bus.stop()


async def test_a_slow_candidate_loses_by_metrics_of_our_own(opened, models, office):  # noqa: F811
    fast, slow = models
    slow.pause = 0.1
    body = {"experiment": an_experiment(fast, slow, office), "metrics": []}
    answer = await NatsCommander(opened).request("start-experiment", body)
    assert answer["accepted"], answer
    events = []
    async with asyncio.timeout(30):
        async for logged in Journal(opened).follow():
            events.append(logged.event)
            if getattr(logged.event, "stage", "") == "Completed":
                break
    last = [e for e in events if e.kind == "assessment"][-1]
    data = last.analysis["versionAssessments"]["data"]
    assert data == {"v1": [True, True], "v2": [False, True]}
    values = last.analysis["aggregatedMetrics"]["data"]
    assert values["iter8-system/request-count"]["data"]["v2"]["value"] == "30"
    outcomes = [e for e in events if e.kind == "action-outcome"]
    assert [(o.action, o.task, o.ok) for o in outcomes] == [
        ("start", 0, True),
        ("finish", 0, True),
        ("finish", 1, True),
    ]
    assert outcomes[1].output == "kept built-in"
    (post,) = office.posts
    told = post.json
    assert told["summary"]["versionRecommendedForPromotion"] == "v1"
    gathered = told["experiment"]["status"]["analysis"]["aggregatedBuiltinHists"]["data"]
    assert gathered["v2"]["RetCodes"] == {"200": 30}
    assert [len(model.asked) for model in models] == [30, 30]
