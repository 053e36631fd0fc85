"""Readings that nobody asks a back-end for: second moments put together from other readings.

A second moment that is not measured has a bound where the largest value possible is known. A
larger one only makes a proof harder, so a bound is honest where an estimate would be a guess.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crossfade.events import MetricSample

Readings = dict[str, dict[str, float | None]]


@dataclass(frozen=True, slots=True)
class SquaresOf:
    """The sum of squares Σx² from a reading of it as a mean of squares per request."""

    key: str
    squares: str
    requests: str

    def value(self, own: Mapping[str, float | None]) -> float | None:
        """Σx² of one version, None while a part is missing."""
        mean, n = own.get(self.squares), own.get(self.requests)
        return None if mean is None or n is None else mean * n


@dataclass(frozen=True, slots=True)
class SomeRequests:
    """A number of requests, absent where it is 0: a value of nobody's requests weighs nothing."""

    key: str
    requests: str

    def value(self, own: Mapping[str, float | None]) -> float | None:
        """The number for one version, None where there were none."""
        return own.get(self.requests) or None


@dataclass(frozen=True, slots=True)
class BoundOnSquares:
    """What Σx² is taken for where it is not read: of all that is possible, the worst at the limit.

    `most` is the largest value possible, `limit` the mean's upper limit, None where there is none.
    A mean of exactly L has a variance of at most L(B − L) (Bhatia & Davis 2000). The engine scales
    a variance to its limit by (L/μ)², so Σx² = B·S·μ/L gives it that variance, and B·S beyond L.
    `within` counts requests within the limit and may tighten this.
    """

    key: str
    total: str
    requests: str
    most: float
    as_mean: bool = False
    within: str | None = None
    limit: float | None = None

    def value(self, own: Mapping[str, float | None]) -> float | None:
        """The bound for one version, None while a part is missing."""
        total, n = own.get(self.total), own.get(self.requests)
        if total is None or n is None:
            return None
        total = total * n if self.as_mean else total
        bound = self.most * total
        if self.limit is not None and n > 0.0:
            bound *= min(total / (n * self.limit), 1.0)
        if self.within is None or self.limit is None:
            return bound
        inside = own.get(self.within)
        return (
            None if inside is None else min(bound, self._tight(self.limit, total, n - inside))
        )

    def _tight(self, limit: float, total: float, slow: float) -> float:
        """x² ≤ L·x for requests within the limit, x² ≤ B·x for the slow ones."""
        beyond = min(total, self.most * max(slow, 0.0))
        return limit * total + max(self.most - limit, 0.0) * beyond


Derived = SquaresOf | SomeRequests | BoundOnSquares


def readings_of(sample: MetricSample, derived: Sequence[Derived]) -> Readings:
    """Readings by version and key, with what follows from them."""
    found: Readings = {}
    for reading in sample.readings:
        found.setdefault(reading.version, {})[reading.metric] = reading.value
    for own in found.values():
        for each in derived:
            own[each.key] = each.value(own)
    return found
