"""Analyzer: turns samples into evidence, and evidence into a verdict and a split.

Consumes  metric-sample   in the stream's order, one run at a time
Emits     assessment      one for each sample

It asks no back-end (the collector does) and moves nothing (the actuator does). A sample says
which split was in force when it was read, so nothing else needs to be heard or remembered for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from crossfade.events import Assessment, MetricSample, StageChange, subjects
from crossfade.resources import Document
from crossfade.runtime.runs import Runs
from crossfade.runtime.service import (
    NOTHING,
    Reaction,
    Request,
    Store,
    Subscription,
    Write,
    on,
    wait_for_earlier,
)
from crossfade_analyzer.policies.port import Judgement, Policy, written


@dataclass(frozen=True, slots=True)
class Analyzer:
    """Folds a run's samples into its evidence; all it remembers stands in `state`."""

    runs: Runs
    state: Store
    policies: Mapping[str, Policy]
    doors: Sequence[Request] = ()
    name: str = "analyzer"

    def subscriptions(self) -> Sequence[Subscription]:
        """What this service listens to."""
        return [on(MetricSample, self.judge), on(StageChange, self.forget)]

    def requests(self) -> Sequence[Request]:
        """What it is asked: a run under other rules (`answering`)."""
        return self.doors

    def loops(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """It does nothing by itself."""
        return ()

    async def close(self) -> None:
        """It holds nothing."""

    async def judge(self, sample: MetricSample) -> Reaction:
        """Judge one sample; a repeated or older one follows from nothing new."""
        if sample.iteration == 0:
            return NOTHING  # the trial reading tells whether, not what
        key = subjects.own_key(self.name, sample.uid)
        entry = await self.state.get(key)
        seen: dict[str, Any] = orjson.loads(entry.value) if entry else {"iteration": 0}
        if sample.iteration <= seen["iteration"]:
            return NOTHING
        wait_for_earlier(sample.iteration, seen["iteration"])
        document = await self.runs.document(sample.uid, sample.revision)
        assessment, memory = assess(self.policies, document, seen.get("memory", {}), sample)
        after = written({"iteration": sample.iteration, "memory": memory})
        return Reaction([assessment], [Write(key, after, entry.revision if entry else 0)])

    async def forget(self, change: StageChange) -> Reaction:
        """Let go of the evidence of a run that is over; its assessments stay in the log."""
        if change.stage == "Completed":
            await self.state.delete(subjects.own_key(self.name, change.uid))
        return NOTHING


def assess(
    policies: Mapping[str, Policy],
    document: Document,
    memory: Mapping[str, Any],
    sample: MetricSample,
) -> tuple[Assessment, Mapping[str, Any]]:
    """The assessment of a sample and the memory after it; the command `assess` calls this too."""
    judgement = policies[document.policy].judge(document, memory, sample)
    return _said(sample, judgement), judgement.memory


def _said(sample: MetricSample, judgement: Judgement) -> Assessment:
    return Assessment(
        namespace=sample.namespace,
        name=sample.name,
        uid=sample.uid,
        revision=sample.revision,
        iteration=sample.iteration,
        split=judgement.split,
        winner=judgement.winner,
        recommended=judgement.recommended,
        verdict=judgement.verdict,
        policy=judgement.policy,
        final=judgement.final,
        reasons=judgement.reasons,
        analysis=judgement.analysis,
        evidence=judgement.evidence,
    )
