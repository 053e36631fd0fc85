"""Broker: all readings of one instant, identical queries once, a budget for each back-end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field, replace
from weakref import WeakValueDictionary

from crossfade.events import Reading
from crossfade.resources.builtin import PROVIDER
from crossfade_collector.sources import ages, expressions, scrapes
from crossfade_collector.sources.builtin import BuiltinSource
from crossfade_collector.sources.http import HttpBackends
from crossfade_collector.sources.mock import MockSource
from crossfade_collector.sources.port import (
    MetricSource,
    NoValue,
    Question,
    Request,
    shortened,
)
from crossfade_collector.sources.requests import Requests

__all__ = ["Broker"]


@dataclass(slots=True)
class Broker:
    """Asks every question of a tick at once. What fails is a reading with its reason.

    `concurrency` bounds the queries that one back-end gets at a time, over all experiments;
    `round_seconds` bounds a whole tick, waiting for that budget included.
    """

    requests: Requests
    backends: HttpBackends
    concurrency: int = 16
    round_seconds: float = 20.0
    mocks: MetricSource = field(default_factory=MockSource)
    builtin: BuiltinSource | None = None
    """Where the metrics of provider `iter8` come from."""
    budgets: WeakValueDictionary[str, asyncio.Semaphore] = field(
        default_factory=WeakValueDictionary, repr=False
    )

    async def read(self, questions: Sequence[Question]) -> tuple[Reading, ...]:
        """One reading for each question, in order, within `round_seconds`."""
        asked: dict[Request, asyncio.Task[str]] = {}
        tasks = [asyncio.ensure_future(self._reading(q, asked)) for q in questions]
        try:
            if tasks:
                await asyncio.wait(tasks, timeout=self.round_seconds)
            return tuple(
                task.result() if task.done() else _late(question, self.round_seconds)
                for question, task in zip(questions, tasks, strict=True)
            )
        finally:
            await _ended([*tasks, *asked.values()])

    async def beside(
        self, questions: Sequence[Question], readings: Sequence[Reading]
    ) -> tuple[Reading, ...]:
        """The built-in metrics of versions that were measured and are not in versionInfo.

        As upstream reports them. They decide nothing: where no version of the document has a
        value, nothing was measured, whatever else was.
        """
        asked = {q.metric.key: q for q in questions if _is_builtin(q)}
        if self.builtin is None or not asked or all(r.value is None for r in readings):
            return ()
        try:
            measured = await self.builtin.versions(questions[0].uid)
        except NoValue:
            return ()
        known = {question.version for question in questions}
        others = [
            replace(question, version=version)
            for question in asked.values()
            for version in measured
            if version not in known
        ]
        return tuple(r for r in await self.read(others) if r.value is not None)

    async def close(self) -> None:
        """Close the connections to all back-ends, and to where secrets are."""
        await self.backends.close()
        await self.requests.close()

    async def _reading(
        self, question: Question, asked: dict[Request, asyncio.Task[str]]
    ) -> Reading:
        try:
            value = await self._value(question, asked)
        except NoValue as reason:
            return _absent(question, reason)
        return Reading(version=question.version, metric=question.metric.key, value=value)

    async def _value(
        self, question: Question, asked: dict[Request, asyncio.Task[str]]
    ) -> float:
        spec = question.metric.spec
        # An empty list disables querying too: its presence says that the metric is made up.
        if spec.mock is not None:
            return await self.mocks.read(question)
        if _is_builtin(question):
            if self.builtin is None:
                raise NoValue("empty-result", "no metrics/collect task has gathered this one")
            return await self.builtin.read(question)
        return await self._fetched(question, asked)

    async def _fetched(
        self, question: Question, asked: dict[Request, asyncio.Task[str]]
    ) -> float:
        """The number of a back-end, if it is fresh."""
        spec = question.metric.spec
        expression = expressions.check(spec.jq_expression)
        request = await self.requests.about(question)
        probe = ages.probe(request, spec)
        # Both at once: the second one only says whether the first one's number is fresh.
        answer, dated = (self._once(one, asked) for one in (request, probe or request))
        text = await asyncio.shield(answer)
        try:
            value = await expressions.number_in(text, expression)
            if spec.max_age is not None:
                told = await asyncio.shield(dated)
                await ages.check(told, spec, question.at, probed=probe is not None)
        except NoValue as reason:
            masked = NoValue(reason.absence, request.masked(reason.detail))
            raise await self._too_few(request, reason, asked) or masked from reason
        return value

    async def _too_few(
        self, request: Request, reason: NoValue, asked: dict[Request, asyncio.Task[str]]
    ) -> NoValue | None:
        """The better reason, where a window held too few scrapes; asked only of what failed."""
        probe = scrapes.probe(request, reason)
        if probe is None:
            return None
        try:
            return scrapes.told(await asyncio.shield(self._once(probe, asked)))
        except NoValue:
            return None

    def _once(
        self, request: Request, asked: dict[Request, asyncio.Task[str]]
    ) -> asyncio.Task[str]:
        if request not in asked:
            asked[request] = asyncio.ensure_future(self._ask(request))
        return asked[request]

    async def _ask(self, request: Request) -> str:
        host = str(request.url.origin())
        # Held here while it is waited for; forgotten with its last query.
        budget = self.budgets.get(host) or asyncio.Semaphore(self.concurrency)
        self.budgets[host] = budget
        async with budget:
            return await self.backends.answer(request)


def _is_builtin(question: Question) -> bool:
    spec = question.metric.spec
    return spec.provider == PROVIDER and spec.mock is None


def _absent(question: Question, reason: NoValue) -> Reading:
    return Reading(
        version=question.version,
        metric=question.metric.key,
        absent=reason.absence,
        detail=shortened(reason.detail),
    )


def _late(question: Question, seconds: float) -> Reading:
    return _absent(question, NoValue("timeout", f"no answer within the tick's {seconds:g} s"))


async def _ended(tasks: Sequence[Awaitable[object]]) -> None:
    """Cancel what still runs and read what failed, so that no task outlives its tick."""
    for task in tasks:
        if isinstance(task, asyncio.Task):
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
