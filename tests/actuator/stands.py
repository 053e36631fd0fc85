"""An actuator and a sheet of paper instead of a cluster, for what it stores, says and writes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import orjson

from crossfade.errors import Conflict
from crossfade.events import Assessment, MetricSample, Reading
from crossfade.runtime.runs import Runs
from crossfade.runtime.service import Command
from crossfade.settings import ActuatorSettings
from crossfade.testing import MemoryStore, Recorder
from crossfade.testing.documents import a_document
from crossfade_actuator.admission import Admission
from crossfade_actuator.converging import Converger
from crossfade_actuator.ledger import Ledger
from crossfade_actuator.locking import TargetLock
from crossfade_actuator.revising import Revising
from crossfade_actuator.service import Actuator
from crossfade_actuator.shifting import Shifting
from crossfade_actuator.showing import Showing

AT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Seen:
    split: dict
    objects: tuple = ()


@dataclass
class Paper:
    """Weights on a sheet of paper, which others may write on, and which may be away."""

    split: dict = field(default_factory=lambda: {"b": 100, "c": 0})
    history: list = field(default_factory=list)
    trouble: list = field(default_factory=list)
    in_place: bool = True

    async def read(self, document):
        return Seen(dict(self.split))

    async def rehearse(self, document):
        return

    async def write(self, document, observed, wanted):
        if self.trouble:
            raise self.trouble.pop(0)
        self.split = dict(wanted)
        self.history.append(dict(wanted))
        return Seen(dict(self.split))

    def comparable(self, before, after):
        return self.in_place


class FoughtOver(Conflict):
    """Somebody else wrote."""

    fought_over = True

    def __init__(self, text):
        super().__init__(text)
        self.split = {"b": 70, "c": 30}


@dataclass
class Doing:
    """Actions that end as told."""

    ok: bool = True
    ran: list = field(default_factory=list)
    effect: object = None

    async def run(self, state, document, action):
        self.ran.append(action)
        if self.effect is not None:
            self.effect()
        return self.ok, "" if self.ok else "exit 1"

    async def abandon(self, state, document):
        return


@dataclass
class Queued:
    commands: list = field(default_factory=list)

    async def command(self, verb, body, id):
        if all(id != known.id for known in self.commands):
            self.commands.append(Command(verb, id, body))


@dataclass
class Stand:
    """An actuator and what is around it."""

    paper: Paper = field(default_factory=Paper)
    doing: Doing = field(default_factory=Doing)
    queued: Queued = field(default_factory=Queued)
    recorder: Recorder = field(default_factory=Recorder)
    store: MemoryStore = field(default_factory=MemoryStore)
    catalog: object = None
    now: datetime = AT

    def __post_init__(self):
        self.actuator = self.a_replica()

    def a_replica(self) -> Actuator:
        ledger = Ledger(self.store, self.recorder)
        runs = Runs(self.store)
        clock = lambda: self.now  # noqa: E731
        admission = Admission(ledger, runs, ActuatorSettings(), clock, self.catalog)
        converger = Converger(
            ledger,
            TargetLock(self.store),
            runs,
            clock,
            self.doing,
            Shifting(clock, self.paper),
            Revising(admission).readmit,
            Showing(ledger, clock),
        )
        return Actuator(ledger, admission, converger, self.queued, clock)

    async def settled(self) -> None:
        while self.actuator.converger.kicked:
            await asyncio.gather(*self.actuator.converger.kicked.values())
            await asyncio.sleep(0)

    async def obeyed(self) -> str:
        command = self.queued.commands[-1]
        await self.actuator.obey(command)
        await self.settled()
        return orjson.loads(command.body)["experiment"]["metadata"]["uid"]

    async def running(self, **document) -> str:
        reply = await self.actuator.ask_start(a_start(**document))
        assert reply["accepted"], reply
        uid = await self.obeyed()
        await self.actuator.note_trial(a_trial(uid))
        await self.settled()
        return uid

    async def assess(self, uid, iteration, split, **more):
        said = {"recommended": "b", "verdict": "continue"} | more
        self.now = AT + timedelta(seconds=10 * iteration)
        await self.actuator.follow(
            Assessment(uid=uid, iteration=iteration, split=split, **said)
        )
        await self.settled()

    async def state(self, uid):
        return await self.actuator.ledger.load(uid)

    def said(self, kind):
        return [event for event in self.recorder.said if event.kind == kind]


def a_start(name="exp", target="t", objects=True, **more) -> bytes:
    document = a_document(**more).to_json()
    document["experiment"]["metadata"]["name"] = name
    spec = document["experiment"]["spec"]
    spec["target"] = target
    info = spec["versionInfo"]
    for version in (info["baseline"], *info.get("candidates", ())) if objects else ():
        version.setdefault("weightObjRef", an_object(version["name"]))
    return orjson.dumps(document)


def an_object(version):
    """Where a version's weight stands, on the sheet of paper."""
    path = f".spec.weights.{version}"
    return {"apiVersion": "v1", "kind": "Sheet", "name": "paper", "fieldPath": path}


def a_trial(uid, absent=None, detail=None) -> MetricSample:
    value = 1.0 if absent is None else None
    reading = Reading(
        version="c", metric="default/lat", value=value, absent=absent, detail=detail
    )
    return MetricSample(uid=uid, iteration=0, at=AT, elapsed_seconds=10, readings=(reading,))
