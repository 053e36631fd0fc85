"""What would have been, asked over the bus: right answers, bounds, and nobody else disturbed."""

import asyncio
import threading

import orjson
import pytest
from assured_builders import RATE, a_provable
from test_replay import GOOD, a_run

from crossfade.errors import Conflict, Malformed, NotFound, Unreachable
from crossfade.events import subjects
from crossfade.resources import Document
from crossfade.runtime.runs import Runs
from crossfade.settings import AnalyzerSettings
from crossfade.testing import MemoryLog, MemoryStore
from crossfade_analyzer import answering
from crossfade_analyzer.answering import WhatIf
from crossfade_analyzer.policies.choice import policies

ABOUT = {"namespace": "default", "name": "exp"}


@pytest.fixture(scope="module")
def a_recorded():
    counted = {"requestCount": "requests", "decision": {"policy": "iter8"}}
    return a_run(a_provable(reward=RATE, **counted), **GOOD)


@pytest.fixture
async def whatif(a_recorded):
    return await kept(*a_recorded)


async def kept(document, samples, assessments):
    log, store = MemoryLog(), MemoryStore()
    for event in (e for pair in zip(samples, assessments, strict=True) for e in pair):
        await log.say(event.about("default", "exp"))
    body = orjson.dumps(document.to_json())
    await store.put(subjects.document_key(samples[0].uid, 1), body, 0)
    return WhatIf(log, Runs(store), lambda: policies(AnalyzerSettings()))


def body(**change):
    return orjson.dumps(ABOUT | {"change": change})


async def test_the_same_rules_give_the_same_course(whatif):
    answer = await whatif.answer(body())

    assert answer["accepted"]
    assert answer["ran"]["moments"] == answer["asked"]["moments"]
    assert (answer["ran"]["verdict"], answer["ran"]["winner"]) == ("promote", "c")
    assert answer["ran"]["stoppedAt"] == answer["ran"]["looks"] == 15
    orjson.dumps(answer)


async def test_a_run_whose_document_names_no_policy_is_replayed_under_the_one_that_judged_it():
    document, samples, said = a_run(a_provable(reward=RATE, decision={}), **GOOD)
    undecided = document.to_json()
    del undecided["experiment"]["spec"]["decision"]
    whatif = await kept(Document.from_json(undecided), samples, said)

    answer = await whatif.answer(body())
    assert answer["asked"]["name"] == "assured"
    assert answer["ran"]["moments"] == answer["asked"]["moments"]
    assert (await whatif.answer(body(alpha=0.1)))["asked"]["name"] == "assured, α 0.1"


async def test_another_policy_is_set_beside_what_happened(whatif):
    answer = await whatif.answer(body(policy="assured", alpha=0.1, earlyStop=True))

    assert answer["asked"]["name"] == "assured, α 0.1, may stop early"
    assert answer["asked"]["stoppedAt"] < answer["ran"]["stoppedAt"]
    assert 0 < answer["asked"]["served"] < answer["ran"]["served"]


async def test_a_larger_effect_is_not_proved_by_the_same_readings(whatif):
    small = await whatif.answer(body(policy="assured"))
    large = await whatif.answer(body(policy="assured", minEffect="0.2"))

    assert small["asked"]["winner"] == "c"
    assert large["asked"]["winner"] is None
    assert large["asked"]["name"] == "assured, effect ≥ 0.2"


async def test_a_lower_limit_is_changed_where_an_objective_has_no_other():
    objective = {"metric": "conversion-rate", "lowerLimit": "0.01"}
    document = a_provable((objective,), reward=RATE, decision={"policy": "iter8"})
    whatif = await kept(*a_run(document, **GOOD))

    answer = await whatif.answer(body(limits={"conversion-rate": 0.9}))

    assert answer["asked"]["name"] == "iter8, conversion-rate ≥ 0.9"
    assert answer["asked"]["winner"] is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"policy": "kayenta"}, "change.policy"),
        ({"alpha": 0.7}, "change.alpha"),
        ({"alpha": "much"}, "change.alpha"),
        ({"limits": {str(i): 1 for i in range(21)}}, "change.limits"),
        ({"limits": {"error-rate": True}}, "change.limits"),
        ({"minEffect": []}, "change.minEffect"),
        ({"colour": "red"}, "change.colour"),
        ({"limits": {"latency": "5"}}, "limit"),
        ({"limits": {"error-rate": "five"}}, "upperLimit"),
    ],
)
async def test_what_cannot_be_is_refused_by_field(whatif, change, field):
    with pytest.raises(Malformed) as refused:
        await whatif.answer(body(**change))

    assert field in refused.value.errors[0].field, refused.value.errors


@pytest.mark.parametrize(
    "sent", [b"{", b"[]", b'{"namespace": 3, "name": "exp"}', b" " * 20000]
)
async def test_what_is_no_question_is_refused(whatif, sent):
    with pytest.raises(Malformed):
        await whatif.answer(sent)


async def test_a_run_without_samples_is_not_found(whatif):
    with pytest.raises(NotFound):
        await whatif.answer(orjson.dumps({"namespace": "default", "name": "nobody"}))
    with pytest.raises(NotFound, match="another"):
        await whatif.answer(orjson.dumps(ABOUT | {"uid": "another"}))


class Waiting:
    """A policy that does not judge before it is let go: from the loop, while a thread waits."""

    def __init__(self, policy):
        self.policy, self.go, self.begun = policy, threading.Event(), threading.Event()

    def judge(self, document, memory, sample):
        self.begun.set()
        assert self.go.wait(10)
        return self.policy.judge(document, memory, sample)


async def test_one_is_computed_at_a_time_and_the_loop_turns_meanwhile(whatif):
    held = Waiting(policies(AnalyzerSettings())["assured"])
    whatif.policies = lambda: {"assured": held}
    first = asyncio.ensure_future(whatif.answer(body(policy="assured")))
    while not held.begun.is_set():
        await asyncio.sleep(0)
    with pytest.raises(Conflict, match="another replay"):
        await whatif.answer(body())
    held.go.set()

    assert (await first)["accepted"]
    assert (await whatif.answer(body(policy="assured")))["accepted"]


async def test_too_much_is_refused_and_too_long_is_given_up(whatif, monkeypatch):
    monkeypatch.setattr(answering, "MOST_SAMPLES", 10)
    with pytest.raises(Malformed, match="15 samples, at most 10"):
        await whatif.answer(body())
    monkeypatch.setattr(answering, "MOST_EVENTS", 12)
    with pytest.raises(Malformed, match="more than 12 events"):
        await whatif.answer(body())
    monkeypatch.undo()
    monkeypatch.setattr(answering, "COMPUTE_SECONDS", 0.0)
    with pytest.raises(Unreachable, match="not computed"):
        await whatif.answer(body())


async def test_a_long_run_fits_into_one_message(a_recorded, monkeypatch):
    document, samples, assessments = a_recorded
    monkeypatch.setattr(answering, "MOST_MOMENTS", 4)
    whatif = await kept(document, samples, assessments)

    answer = await whatif.answer(body())

    iterations = [m["iteration"] for m in answer["ran"]["moments"]]
    assert (iterations[0], iterations[-1]) == (1, 15)
    assert len(iterations) <= 5
    assert answer["ran"]["looks"] == 15


def test_a_document_keeps_what_is_not_changed(a_recorded):
    document = a_recorded[0]
    same = answering.changed({}).applied(document)

    assert isinstance(same, Document)
    assert same.objectives == document.objectives
    assert same.rewards == document.rewards
