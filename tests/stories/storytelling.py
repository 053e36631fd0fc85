"""How stories are told: given a world and services, when an experiment starts, then …"""

from __future__ import annotations

import asyncio
import itertools
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson

from crossfade.telling import learn
from crossfade_lab.examples import MODELS, SINGLE
from crossfade_lab.installation import Installation
from crossfade_lab.load import Mode
from crossfade_lab.world import World

ENDS_WITHIN_SECONDS = 75


@dataclass
class Story:
    """An installation, and what its log has said so far."""

    installed: Installation
    example: object
    interval: int
    known: object = None
    logged: list = field(default_factory=list)

    async def when_it_starts(
        self, *, via="request", iterations=None, corrected=False, finish=None
    ):
        """Start the example's experiment; `finish` replaces its tasks."""
        await self.installed.world.scraped()
        document = self.example.experiment(
            self.installed.world.promote.url,
            corrected=corrected,
            interval_seconds=self.interval,
            iterations=iterations,
        )
        if finish is not None:
            document["spec"]["strategy"]["actions"]["finish"] = finish
        await self.installed.start(document, self.example.metrics(corrected=corrected), via)

    async def when_it_ends(self, on_event=None):
        """Read the log to the run's end; `on_event(event)` is awaited at each."""
        async with asyncio.timeout(ENDS_WITHIN_SECONDS):
            async for logged in self.installed.events():
                self.logged.append(logged)
                self.known = learn(self.known, logged.event, logged.at)
                if on_event is not None:
                    await on_event(logged.event)
                if self.known.over:
                    break
        await self.installed.world.settled()

    def events(self, kind):
        return [each.event for each in self.logged if each.event.kind == kind]

    def then_it_ends_with(self, outcome, recommended):
        assert (self.known.outcome, self.known.recommended) == (outcome, recommended)

    async def then_every_answer_comes_from(self, version):
        asked = await self.installed.world.ask()
        assert asked.share_of_recent(MODELS[version]) == 1.0, asked.by_model
        assert len(asked.recent) == 200

    async def then_nothing_was_lost(self):
        counts = self.installed.world.load.counts
        assert list(counts.losses) == []
        assert counts.sent > 100

    async def then_kubectl_shows(self, *words):
        listing = await self.installed.kubectl("get", "experiment")
        assert listing.splitlines()[1].split() == list(words)

    def then_no_candidate_rose_by_more_than(self, cap):
        """In each step, from one split in force to the next."""
        splits = [change.observed for change in self.events("weight-change")]
        rises = [
            after[version] - before[version]
            for before, after in itertools.pairwise(splits)
            for version in list(after)[1:]
        ]
        assert max(rises) <= cap

    def then_weights_always_summed_to_100(self):
        """In every version of every object that the cluster ever stored, not in events."""
        kind, namespace, name = self.example.carrier.split("/")
        history = self.installed.world.cluster.history(kind, namespace, name)
        assert len(history) > 2
        assert {sum(_weights(version)) for version in history} == {100}

    async def then_each_iteration_was_assessed_alike(self):
        """Over the raw stream: one assessment content per (uid, iteration)."""
        contents = {}
        for message in await self._raw("crossfade.event.assessment.>"):
            body = orjson.loads(message.data)
            contents.setdefault((body["uid"], body["iteration"]), set()).add(message.data)
        assert contents
        assert {len(found) for found in contents.values()} == {1}
        uids = {uid for uid, _ in contents}
        assert len(uids) == 1
        assert sorted(at for _, at in contents) == list(range(1, self.known.of + 1))

    async def _raw(self, subject):
        js = self.installed.connection.js
        subscription = await js.subscribe(subject, ordered_consumer=True)
        found = []
        while not found or found[-1].metadata.num_pending:
            found.append(await subscription.next_msg(timeout=5))
        await subscription.unsubscribe()
        return found


@asynccontextmanager
async def given(
    example=SINGLE,
    *,
    interval=1,
    candidate=Mode.BETTER,
    prometheus="embedded",
    cluster="embedded",
    **options,
):
    """A world with this example in it, and Crossfade's services at work."""
    world = World(
        example,
        interval_seconds=interval,
        mode=candidate,
        corrected=candidate in (Mode.SLOW, Mode.FAILING),
        prometheus=prometheus,
        cluster=cluster,
    )
    async with Installation(world, **options) as installed:
        yield Story(installed, example, interval)


def _weights(document):
    if document["kind"] == "SeldonDeployment":
        predictors = document["spec"]["predictors"]
        alone = len(predictors) == 1
        return [p.get("traffic", 100 if alone else 0) for p in predictors]
    routes = document["spec"]["http"][0]["route"]
    return [r.get("weight", 100 if len(routes) == 1 else 0) for r in routes]
