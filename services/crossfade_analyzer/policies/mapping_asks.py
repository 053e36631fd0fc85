"""One criterion of a document as the mapping asks about it: its Metric, its limit, its counts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from crossfade.resources import Direction, Document, Metric, Objective, Reward, qualified
from crossfade.resources.builtin import PROVIDER
from crossfade.resources.fields import number
from crossfade.telling.numbers import unit

Side = Literal["upper", "lower", "none"]

_OF_QUERY = re.compile(r"histogram_quantile\(\s*(0?\.\d+)")
_OF_NAME = re.compile(
    r"(?<!\d)(\d{2}(?:\.\d+)?)(?:st|nd|rd|th)?[-_ ]?percentile|(?<![a-z])p(\d{2,3})"
)
_OF_BUILTIN = {"error-rate": "bernoulli", "error-count": "bernoulli", "mean-latency": "mean"}


@dataclass(frozen=True)
class Ask:
    """One limit of one objective, or the reward, about every candidate.

    `side` says which limit; `tag` is the name under which the claim is told.
    """

    document: Document
    ref: str
    tag: str
    criterion: Objective | Reward
    side: Side = "none"

    @cached_property
    def metric(self) -> Metric:
        """The Metric asked about."""
        return self.document.metric(self.ref)

    @cached_property
    def key(self) -> str:
        """Its reading: `namespace/name`."""
        return self.document.key(self.ref)

    @cached_property
    def objective(self) -> Objective | None:
        """The objective, where it is one."""
        return self.criterion if isinstance(self.criterion, Objective) else None

    @cached_property
    def reward(self) -> bool:
        """Whether it is the reward."""
        return self.objective is None

    @cached_property
    def relative(self) -> bool:
        """Whether candidates are compared with the baseline."""
        return self.objective is None or self.objective.relative_to == "baseline"

    @cached_property
    def monitored(self) -> bool:
        """Whether it only must not be violated."""
        return self.objective is not None and self.objective.burden == "monitor"

    @cached_property
    def limit(self) -> float | None:
        """The limit in force, what is tolerated beyond it included; None against the baseline."""
        if self.objective is None or self.relative or self.side == "none":
            return None
        margin = number(self.objective.margin) or 0.0
        upper, lower = self.objective.upper, self.objective.lower
        if self.side == "upper":
            return None if upper is None else upper + margin
        return None if lower is None else lower - margin

    @cached_property
    def distribution(self) -> str | None:
        """What the author says the number is; what Iter8's own metrics are known to be."""
        if self.metric.spec.distribution or self.metric.spec.provider != PROVIDER:
            return self.metric.spec.distribution
        name = self.metric.name
        return "quantile" if name.endswith("percentile") else _OF_BUILTIN.get(name)

    @cached_property
    def counter(self) -> bool:
        """Whether a reading is a count or a sum since the start."""
        return self.metric.kind_of_value == "Counter"

    @cached_property
    def by_time(self) -> bool:
        """Whether events are counted against time: the reading is a count, whatever its type."""
        return self.distribution == "poisson" and self.metric.spec.exposure == "time"

    @cached_property
    def interval(self) -> bool:
        """Whether a reading covers the last interval alone."""
        return self.metric.spec.window == "interval"

    @cached_property
    def requests(self) -> str | None:
        """The reading that counts requests: denominator, sampleSize; a count's: requestCount."""
        named = self.refer("denominator") or self.refer("sample_size")
        if named or not (self.counter or self.refer("numerator")):
            return named
        count = self.document.criteria.request_count
        found = self.document.key(count) if count else None
        return None if found == self.key else found

    def refer(self, field: str) -> str | None:
        """The reading that a field of the Metric names."""
        ref: str | None = getattr(self.metric.spec, field)
        return qualified(ref, self.metric.namespace) if ref else None

    @cached_property
    def quantile(self) -> float | None:
        """Which quantile: from the query (`histogram_quantile(0.95, …`), else from the name."""
        for param in self.metric.spec.params or ():
            if found := _OF_QUERY.search(param.value):
                return float(found[1])
        if found := _OF_NAME.search(self.metric.name):
            digits = found[1] or found[2]
            share = float(digits) / (100.0 if len(digits.partition(".")[0]) < 3 else 1000.0)
            return share if 0.0 < share < 1.0 else None
        return None

    @property
    def unit(self) -> str:
        """The Metric's unit as it is written behind a number: `ms`."""
        return unit(self.metric.spec.units).strip()

    def common(self) -> dict[str, Any]:
        """What every claim takes from its criterion, whatever its kind."""
        fields: dict[str, Any] = {
            "name": self.tag,
            "role": "reward" if self.reward else "objective",
            "window": "interval" if self.interval else "cumulative",
            "unit": "" if self.distribution == "bernoulli" else self.unit,
        }
        if isinstance(self.criterion, Reward):
            high = self.criterion.preferred_direction is Direction.HIGH
            effect = number(self.criterion.min_effect) or 0.0
            return fields | {"direction": "high" if high else "low", "min_effect": effect}
        fields |= {"burden": self.criterion.burden or "prove"}
        if not self.by_time:
            fields["min_samples"] = float(self.criterion.min_samples or 0)
        if self.relative:
            margin = number(self.criterion.margin) or 0.0
            side = "lower" if self.side == "lower" else "upper"
            return fields | {"relative_to_baseline": True, "margin": margin, side: 0.0}
        return fields | {self.side: self.limit}
