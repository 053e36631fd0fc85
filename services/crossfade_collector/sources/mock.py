"""Made-up metrics: `spec.mock` of a Metric, for trying an experiment without a back-end."""

from __future__ import annotations

import random

from crossfade.resources import Metric
from crossfade_collector.sources.port import NoValue, Question


class MockSource:
    """A Counter grows by its level each second; a Gauge settles at its level.

    A Gauge is `2 · level · Beta(elapsed, elapsed)`: mean `level`, standard deviation
    `level / sqrt(2 · elapsed + 1)`. The dice are seeded by what is asked, so that asking again
    gives the same answer.
    """

    async def read(self, question: Question) -> float:
        """The made-up number. Raises NoValue where the version has no level."""
        level = _level(question.metric, question.version)
        elapsed = question.elapsed_seconds
        if question.metric.kind_of_value == "Counter":
            return level * elapsed
        # Strings seed the same way in every process; hash() does not.
        seed = (question.uid, question.metric.key, question.version, question.iteration)
        dice = random.Random("/".join(map(str, seed)))  # noqa: S311
        return 2.0 * level * dice.betavariate(elapsed, elapsed)


def _level(metric: Metric, version: str) -> float:
    for mock in metric.spec.mock or ():
        if mock.name == version:
            return mock.value
    raise NoValue("empty-result", f"spec.mock has no level for version {version}")
