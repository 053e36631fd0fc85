"""Readings that nobody asks a back-end for: second moments put together from other readings.

A second moment that is not measured has a bound: x² ≤ B·x for 0 ≤ x ≤ B (`upperBound`), and
x² ≤ L·x for the requests that were within L (`histogram`). A larger second moment only makes a
proof harder, so a bound is honest where an estimate would be a guess.
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
class BoundOnSquares:
    """A bound on Σx² from the sum, `most` (the largest value possible) and requests within `limit`.

    `as_mean`: the sum is read as a mean per request. `within` and `limit` go together.
    """

    key: str
    total: str
    requests: str
    most: float
    as_mean: bool = False
    within: str | None = None
    limit: float = 0.0

    def value(self, own: Mapping[str, float | None]) -> float | None:
        """The bound for one version, None while a part is missing."""
        total, n = own.get(self.total), own.get(self.requests)
        if total is None or n is None:
            return None
        total = total * n if self.as_mean else total
        if self.within is None:
            return self.most * total
        inside = own.get(self.within)
        if inside is None:
            return None
        beyond = min(total, self.most * max(n - inside, 0.0))
        return self.limit * total + max(self.most - self.limit, 0.0) * beyond


Derived = SquaresOf | BoundOnSquares


def readings_of(sample: MetricSample, derived: Sequence[Derived]) -> Readings:
    """Readings by version and key, with what follows from them."""
    found: Readings = {}
    for reading in sample.readings:
        found.setdefault(reading.version, {})[reading.metric] = reading.value
    for own in found.values():
        for each in derived:
            own[each.key] = each.value(own)
    return found
