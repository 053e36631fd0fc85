"""What a source is asked, and the one way in which it fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from crossfade.errors import CrossfadeError
from crossfade.events.samples import Absence
from crossfade.resources import Metric

LONGEST_DETAIL = 300
"""Characters of a detail text; enough to act on, small enough for a sample of many readings."""


class NoValue(CrossfadeError):
    """There is no number, for one reason of the closed list.

    `detail` is for people; it is cut only after secrets are masked, lest half of one remain.
    """

    def __init__(self, absence: Absence, detail: str) -> None:
        super().__init__(f"{absence}: {detail}")
        self.absence: Absence = absence
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Question:
    """One metric of one version at one instant. `values` fill the templates."""

    uid: str
    iteration: int
    version: str
    metric: Metric
    values: Mapping[str, str]
    at: datetime
    elapsed_seconds: int


class MetricSource(Protocol):
    """Answers a question with a finite number."""

    async def read(self, question: Question) -> float:
        """The number. Raises NoValue with the reason where there is none."""
        ...


def shortened(text: str, limit: int = LONGEST_DETAIL) -> str:
    """The text on one line, cut to `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
