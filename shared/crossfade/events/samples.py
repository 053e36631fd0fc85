"""Metric samples: what every metric of every version read at one instant."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property
from typing import ClassVar, Literal, Self, get_args

from pydantic import Field, model_validator

from crossfade.events.event import Body, Event

Absence = Literal[
    "empty-result",
    "not-a-number",
    "infinite",
    "not-numeric",
    "http-status",
    "not-json",
    "timeout",
    "unreachable",
    "unauthorized",
    "jq-error",
    "too-few-scrapes",
    "stale",
]
ABSENCES: tuple[str, ...] = get_args(Absence)


class Reading(Body):
    """One number, or the one reason why there is none; never both, never neither."""

    version: str
    metric: str
    """The metric's key, `namespace/name`."""
    value: float | None = Field(default=None, allow_inf_nan=False)
    absent: Absence | None = None
    detail: str | None = None

    @model_validator(mode="after")
    def _a_value_or_a_reason(self) -> Self:
        if (self.value is None) == (self.absent is None):
            raise ValueError("a reading has either a value or a reason for its absence")
        return self


class MetricSample(Event):
    """All readings of one iteration, taken at one instant, and the split in force at it.

    Iteration 0 is the trial reading before the start.
    """

    kind: ClassVar[str] = "metric-sample"

    revision: int = 1
    of: int = 0
    at: datetime
    elapsed_seconds: int = Field(ge=0)
    split: dict[str, int] = Field(default_factory=dict)
    readings: tuple[Reading, ...] = ()

    def value(self, version: str, metric: str) -> float | None:
        """The number read for a version, or None where there was none."""
        return self.values_read.get((version, metric))

    @cached_property
    def values_read(self) -> dict[tuple[str, str], float | None]:
        """Every value by (version, metric); of two readings of the same, the first."""
        return {(r.version, r.metric): r.value for r in reversed(self.readings)}


HOPELESS: frozenset[str] = frozenset({"unreachable", "unauthorized", "not-json", "jq-error"})


def fatal(reading: Reading) -> bool:
    """Whether an absence in the trial reading is one that no waiting will mend.

    Nobody there, no right to ask, a page in place of an answer, or a question that cannot be
    understood (HTTP 400, which is how Prometheus answers bad PromQL). 404 and 405 are a wrong
    address, unless they come in JSON, as from an index without entries yet. An empty or
    not-a-number answer may well fill up later. `detail` begins `HTTP <status>: <body>`.
    """
    if reading.absent != "http-status":
        return reading.absent in HOPELESS
    status, _, body = (reading.detail or "").removeprefix("HTTP ").partition(": ")
    return status == "400" or (status in ("404", "405") and not body.startswith(("{", "[")))
