"""The monkey: what goes wrong in a chaos, chosen by seeded dice; all that it did is kept."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from chaos_runs import NAMESPACE, Cast, a_rule, weights

from crossfade.errors import CrossfadeError
from crossfade.events import subjects
from crossfade.runtime.commanding import NatsCommander
from crossfade.runtime.connecting import TRANSIENT, Connection
from crossfade_lab.broker import Broker
from crossfade_lab.cluster import ApiServer
from crossfade_lab.cluster.statuses import Status
from crossfade_lab.crew import Crew

PAUSE_SECONDS = (0.3, 1.5)
EXPERIMENTS = "iter8.tools/v2alpha2/experiments"
FAULTS = ((409, "Conflict"), (429, "TooManyRequests"), (500, "InternalError"), (504, "Timeout"))
OPENING = ("kill two", "refused writes", "broker -9", "kill one")
"""What comes first, so that no night is a quiet one, however short."""
ORDERS = ("pause", "resume", "promote", "abort", "pause", "resume", "resume")


@dataclass
class Monkey:
    """Does harm until told to stop, then puts back what it broke."""

    dice: random.Random
    broker: Broker
    cluster: ApiServer
    crews: list[Crew]
    opened: Connection
    cast: list[Cast]
    kills: list[tuple[float, str]] = field(default_factory=list)
    """When what was killed: a service's name, or `broker`."""
    edited: dict[str, float] = field(default_factory=dict)
    """When somebody last edited a rule by hand."""
    made: dict[str, tuple[int, Cast]] = field(default_factory=dict)
    """By uid: which of its kind this Experiment is, and the part it plays."""
    unanswered: set[int] = field(default_factory=set)
    """Starts that nobody answered, by number: one of them may have begun a run all the same."""
    garbage: int = 0
    did: Counter[str] = field(default_factory=Counter)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    async def rage(self, until: float) -> None:
        """Do harm until this moment of the monotonic clock."""
        moves = self._moves()
        kinds, opening = list(moves), iter(OPENING)
        while time.monotonic() < until:
            await asyncio.sleep(self.dice.uniform(*PAUSE_SECONDS))
            (drawn,) = self.dice.choices(kinds, [moves[k][0] for k in kinds])
            kind = next(opening, drawn)
            self.did[kind] += 1
            await moves[kind][1]()
        self.cluster.faults.refusals.clear()
        self.cluster.faults.late_seconds = 0.0

    def _moves(self) -> Mapping[str, tuple[float, Callable[[], Awaitable[None]]]]:
        return {
            "kill one": (6, self.kill),
            "kill two": (3, self.kill_two),
            "broker -9": (1.5, self.break_broker),
            "refused writes": (3, self.refuse),
            "late answers": (1.5, self.delay),
            "watches broken": (1.5, self.break_watches),
            "API server down": (1, self.break_cluster),
            "weights by hand": (2, self.edit),
            "order": (6, self.order),
            "stale order": (2, self.order_stale),
            "garbage": (0.5, self.send_garbage),
            "deletion": (1, self.delete),
        }

    async def kill(self) -> None:
        """`kill -9` of one service."""
        crew = self.dice.choice(self.crews)
        await self._kill(crew, self.dice.choice(list(crew.members)))

    async def kill_two(self) -> None:
        """`kill -9` of two services at once, perhaps both replicas of one."""
        all_of_them = [(crew, name) for crew in self.crews for name in crew.members]
        await asyncio.gather(*(self._kill(*one) for one in self.dice.sample(all_of_them, 2)))

    async def _kill(self, crew: Crew, name: str) -> None:
        if crew.members[name].pid is None:
            return
        self.kills.append((time.time(), name))
        await crew.kill(name, again_after_seconds=self.dice.uniform(0.1, 3.0))

    async def break_broker(self) -> None:
        """The broker dies unprepared and comes back on what it had stored."""
        self.kills.append((time.time(), "broker"))
        await self.broker.stop(kill=True)
        await asyncio.sleep(self.dice.choice((0.1, 1.0, 4.0, 8.0)))
        await self.broker.start()
        self.kills.append((time.time(), "broker"))

    async def refuse(self) -> None:
        """The API server refuses the next writes."""
        for _ in range(self.dice.randint(1, 8)):
            code, reason = self.dice.choice(FAULTS)
            self.cluster.faults.refusals.append(Status(code, reason, "a bad day", {}))

    async def delay(self) -> None:
        """Writes land and their answers come late, some beyond the clients' patience."""
        self.cluster.faults.late_seconds = self.dice.choice((0.5, 2.0, 12.0))
        await asyncio.sleep(self.dice.uniform(0.5, 2.0))
        self.cluster.faults.late_seconds = 0.0

    async def break_watches(self) -> None:
        """Every watch ends; half of the time what it has missed is forgotten."""
        if self.dice.random() < 0.5:
            self.cluster.forget()
        self.cluster.hang_up()

    async def break_cluster(self) -> None:
        """The API server is away for a while."""
        await self.cluster.stop()
        await asyncio.sleep(self.dice.uniform(0.2, 3.0))
        await self.cluster.start()

    async def edit(self) -> None:
        """Somebody sets the weights of a rule by hand."""
        rule = self.dice.choice(self.cast).rule
        document = a_rule(rule)
        first = self.dice.choice((0, 50, 70, 100))
        for route, (_, weight) in zip(
            document["spec"]["http"][0]["route"], weights(first), strict=True
        ):
            route["weight"] = weight
        self.edited[rule] = time.time()
        await self.cluster.apply(document, manager="somebody")

    async def order(self) -> None:
        """Somebody asks something of a run at the door."""
        await self.ask(self.dice.choice(ORDERS), name=self._somebody().name)

    def _somebody(self) -> Cast:
        """Whose run goes on, as far as its status says; anybody where nobody's does."""
        going = [one for one in self.cast if self._stage(one) in ("Running", "Finishing")]
        return self.dice.choice(going or self.cast)

    def _stage(self, one: Cast) -> str:
        try:
            found = self.cluster.get(EXPERIMENTS, NAMESPACE, one.name)
        except Status:
            return "gone"
        return str(found.get("status", {}).get("stage", ""))

    def statuses(self) -> dict[str, str]:
        """The stage that each Experiment shows which is there."""
        shown = {one.name: self._stage(one) for one in self.cast}
        return {name: stage for name, stage in shown.items() if stage != "gone"}

    async def order_stale(self) -> None:
        """Somebody presses a button of long ago."""
        await self.ask(self.dice.choice(ORDERS[:4]), name=self._somebody().name, epoch=1)

    async def ask(self, verb: str, **body: Any) -> bool:
        """Whether it was taken; nobody there, or a refusal, is an answer too."""
        asked = {"namespace": NAMESPACE, "version": "v2", "requestedBy": "monkey"} | body
        try:
            answer = await NatsCommander(self.opened).request(verb, asked)
        except (CrossfadeError, *TRANSIENT):
            return False
        taken = bool(answer.get("accepted"))
        self.did[f"{verb} taken"] += taken
        return taken

    async def send_garbage(self) -> None:
        """A command that nobody can read."""
        try:
            await self.opened.js.publish(
                subjects.command_subject("abort"),
                orjson.dumps({"garbage": next(self._numbers)}),
            )
        except TRANSIENT:
            return
        self.garbage += 1

    async def delete(self) -> None:
        """Somebody deletes an Experiment; half of the time it is made again at once."""
        one = self._somebody()
        try:
            await self.cluster.delete(EXPERIMENTS, NAMESPACE, one.name)
        except Status:
            return
        if self.dice.random() < 0.5:
            await self.create(one)

    async def create(self, one: Cast) -> None:
        """An Experiment, as kubectl would; one made again notes into files of its own."""
        number = len(self.made)
        (made,) = await self.cluster.apply(one.noting(number))
        self.made[made["metadata"]["uid"]] = (number, one)

    async def start(self, one: Cast) -> None:
        """An Experiment, at the door; again until somebody answers, as people do."""
        number = len(self.made)
        self.made[f"?{number}"] = (number, one)
        while True:
            try:
                body = {"experiment": one.noting(number)}
                answer = await NatsCommander(self.opened).request("start-experiment", body)
            except (CrossfadeError, *TRANSIENT):
                self.unanswered.add(number)
                await asyncio.sleep(0.5)
                continue
            if answer.get("accepted"):
                del self.made[f"?{number}"]
                self.made[str(answer["uid"])] = (number, one)
                return
            self.did[f"start refused: {answer['errors']}"] += 1
            await asyncio.sleep(0.5)

    def harmed(self, names: tuple[str, ...], begin: float, end: float) -> bool:
        """Whether one of these was killed between two moments, or soon before."""
        return any(begin - 1 <= at <= end + 1 and what in names for at, what in self.kills)
