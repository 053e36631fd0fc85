"""How long things took, as a histogram that only ever grows, however many there were."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from itertools import accumulate

BUCKETS = (60.0, 300.0, 900.0, 3600.0, 4 * 3600.0, 24 * 3600.0, 3 * 86400.0, 7 * 86400.0)
"""Upper bounds in seconds: a minute to a week."""


@dataclass(slots=True)
class Tally:
    """Durations in seconds, counted by bucket."""

    seconds: float = 0.0
    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))

    def add(self, seconds: float) -> None:
        """Count one more."""
        self.seconds += seconds
        self.counts[bisect_left(BUCKETS, seconds)] += 1

    def buckets(self) -> list[tuple[str, float]]:
        """Each bound with how many were within it, as Prometheus wants them."""
        bounds = (*map(str, BUCKETS), "+Inf")
        return [(le, float(n)) for le, n in zip(bounds, accumulate(self.counts), strict=True)]
