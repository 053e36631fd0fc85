"""Interruptions as the run's own record sees them, and what is never said."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace

import pytest
from tests.actuator.test_actions import Notes, a_context, a_task, bash

from crossfade.domain.lifecycle import begin
from crossfade.domain.runs import Phase, Plan, TaskRecord
from crossfade.errors import Conflict
from crossfade.resources import Experiment
from crossfade.runtime.clock import utc_now
from crossfade.testing import MemoryStore, Recorder
from crossfade.testing.documents import a_document
from crossfade_actuator.acting import Acting
from crossfade_actuator.actions.masking import masked
from crossfade_actuator.actions.processes import Processes
from crossfade_actuator.actions.runner import Runner
from crossfade_actuator.leases import Leases
from crossfade_actuator.ledger import Ledger

PLAN = Plan("b", ("b", "c"), 15, 15, 10.0)


def a_document_with(*tasks):
    document = a_document()
    strategy = document.experiment.spec.strategy.model_copy(
        update={"actions": {"finish": tasks}}
    )
    spec = document.experiment.spec.model_copy(update={"strategy": strategy})
    experiment = document.experiment.model_copy(update={"spec": spec})
    return document.model_copy(update={"experiment": Experiment.model_validate(experiment)})


class Run:
    """One run that wants its finish action, and whoever acts for it."""

    def __init__(self, *tasks):
        self.recorder = Recorder()
        self.store = MemoryStore()
        self.ledger = Ledger(self.store, self.recorder)
        self.document = a_document_with(*tasks)

    async def begun(self, **tasks):
        state = begin("u", "ns", "exp", "t", PLAN, 1.0)
        state = replace(state, action="finish", recommended="b")
        records = {f"finish/{number[1:]}": record for number, record in tasks.items()}
        await self.ledger.enrol(replace(state, tasks=records), self.document)
        return self

    async def acted(self):
        leases = Leases(self.store, "a", utc_now)
        acting = Acting(self.ledger, leases, Runner(Processes(), 20.0))
        return await acting.run(await self.ledger.load("u"), self.document, "finish")

    @property
    def outcomes(self):
        return [e for e in self.recorder.said if e.kind == "action-outcome"]


def once(script):
    task = bash(script)
    return task.model_copy(update={"with_": task.inputs | {"onInterrupted": "fail"}})


async def test_an_interrupted_task_runs_once_more_and_knows_it(tmp_path):
    run = await Run(bash(f"echo $CROSSFADE_ATTEMPT >{tmp_path}/x")).begun(_0=TaskRecord(1))
    assert await run.acted() == (True, "")
    assert (tmp_path / "x").read_text() == "2\n"
    assert [(o.attempt, o.ok) for o in run.outcomes] == [(2, True)]


async def test_a_task_interrupted_twice_is_not_begun_again(tmp_path):
    run = await Run(bash(f"touch {tmp_path}/x")).begun(_0=TaskRecord(2))
    assert await run.acted() == (False, "task 0: was interrupted 2 times")
    assert not (tmp_path / "x").exists()
    assert [(o.attempt, o.ok) for o in run.outcomes] == [(3, False)]


async def test_a_task_that_says_so_fails_when_interrupted(tmp_path):
    run = await Run(once(f"touch {tmp_path}/x"), bash("true")).begun(_0=TaskRecord(1))
    said = "task 0: was interrupted, and says onInterrupted: fail"
    assert await run.acted() == (False, said)
    assert not (tmp_path / "x").exists()
    assert len(run.outcomes) == 1


async def test_a_task_that_says_so_runs_where_nothing_interrupted_it():
    run = await Run(once("true")).begun()
    assert await run.acted() == (True, "")


async def test_a_run_script_may_say_so_too():
    task = a_task(run="true", **{"with": {"onInterrupted": "fail"}})
    run = await Run(task).begun(_0=TaskRecord(1))
    assert "onInterrupted: fail" in (await run.acted())[1]


async def test_a_task_that_failed_stays_failed_whoever_comes_next(tmp_path):
    script = f"echo x >>{tmp_path}/x; exit 1"
    run = await Run(bash(script)).begun()
    assert (await run.acted())[0] is False
    # Its actuator dies before the run has failed for it; the next one looks again.
    assert await run.acted() == (False, "task 0 failed; its outcome says why")
    assert (tmp_path / "x").read_text() == "x\n"
    assert len(run.outcomes) == 1


async def test_an_actuator_that_goes_away_in_the_midst_leaves_an_intent(tmp_path):
    run = await Run(
        bash(f"echo x >>{tmp_path}/x; test $CROSSFADE_ATTEMPT = 2 || sleep 60")
    ).begun()
    acting = asyncio.create_task(run.acted())
    async with asyncio.timeout(10):
        while not (tmp_path / "x").exists():
            await asyncio.sleep(0.01)
    acting.cancel()
    await asyncio.gather(acting, return_exceptions=True)
    assert (await run.ledger.load("u")).tasks == {"finish/0": TaskRecord(1)}
    assert await run.acted() == (True, "")
    assert (tmp_path / "x").read_text() == "x\nx\n"


async def test_a_task_that_ends_after_its_run_is_no_event_any_more(tmp_path, caplog):
    run = await Run(bash(f"touch {tmp_path}/x; sleep 0.3"), bash(f"touch {tmp_path}/y")).begun()
    acting = asyncio.create_task(run.acted())
    async with asyncio.timeout(10):
        while not (tmp_path / "x").exists():
            await asyncio.sleep(0.01)
    await run.ledger.change("u", lambda now: replace(now, phase=Phase.COMPLETED, action=""))
    (stopped,) = await asyncio.gather(acting, return_exceptions=True)

    assert isinstance(stopped, Conflict)
    assert run.outcomes == []
    assert not (tmp_path / "y").exists()
    assert "a task ended after its run" in caplog.text


JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVPmB92K27uhbUJU1p1r"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("curl -H 'authorization: Basic eDp5'", "curl -H 'authorization: Basic ***'"),
        ("bearer abcdefghijk is stale", "bearer *** is stale"),
        ("https://ada:hush@host/x?a=b", "https://ada:***@host/x?a=b"),
        ("https://host/x?token=hush&a=b", "https://host/x?token=***&a=b"),
        ("PASSWORD=hush next", "PASSWORD=*** next"),
        ('{"token": "hush", "a": 1}', '{"token": "***", "a": 1}'),
        ("xoxb-1234567890-abcdef", "***"),
        ("ghp_abcdefghijklmnopqrstuvwxyz", "***"),
        ("AKIAIOSFODNN7EXAMPLE", "***"),
        (f"jwt {JWT}", "jwt ***"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----", "***"),
        ("-----BEGIN PRIVATE KEY-----\nMIIcut off", "***"),
        ("deployment.apps/iris configured", "deployment.apps/iris configured"),
        ("secret ns/mine does not exist", "secret ns/mine does not exist"),
        ("token 7 of 9", "token 7 of 9"),
        ("http://host:8080/x", "http://host:8080/x"),
    ],
)
def test_what_looks_like_a_credential_is_masked(said, shown):
    assert masked(said, ()) == shown


@pytest.mark.parametrize(
    "form",
    [
        'a b"c/é',
        'a b\\"c/\\u00e9',
        "a+b%22c%2F%C3%A9",
        "a%20b%22c%2F%C3%A9",
        base64.b64encode('a b"c/é'.encode()).decode(),
    ],
)
def test_a_secret_is_masked_in_every_form(form):
    assert masked(f"<{form}>", ['a b"c/é', "x"]) == "<***>"


def test_lines_of_a_longer_secret_are_masked_too():
    assert masked("1: line one\n2: line two", ["line one\nline two\n"]) == "1: ***\n2: ***"


async def test_the_output_of_a_task_is_masked_before_it_is_recorded():
    notes = Notes()
    script = 'echo "password=hush"; echo "PASSWORD=hush" >&2; exit 1'
    result = await Runner(Processes()).run("finish", [bash(script)], a_context(), notes)
    assert notes.outcomes[0].output == "password=***\nPASSWORD=***"
    assert result.message == "task 0: exit 1: PASSWORD=***"
