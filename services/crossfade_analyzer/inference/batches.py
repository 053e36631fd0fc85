"""Cumulative readings into disjoint batches: resets, holes, NaN, jitter (decision-engine §2.1).

A group of counters is read together or not at all. A hole leaves the snapshot where it is, so
that the next batch covers both intervals. Nothing here looks at what the counts say.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from .claim_specs import Claim

Counts = tuple[float, ...]

LEAST = 1e-24
"""What is nearer to zero and is not zero is no reading: its square's square is not a number."""


def plausible(value: float, bounds: tuple[float, float]) -> bool:
    """Whether a reading can be one: finite, within its bounds, not vanishingly small."""
    return bounds[0] <= value <= bounds[1] and (abs(value) >= LEAST or value == 0.0)


def group(claim: Claim, readings: Mapping[str, float | None], elapsed: float) -> Counts | None:
    """The readings of one version for a claim, in its order; None if any is missing or absurd."""
    found = []
    for key, bounds in zip(claim.keys, claim.bounds, strict=True):
        value = readings.get(key)
        if value is None or not plausible(value, bounds):
            return None
        found.append(float(value))
    if claim.exposure == "time":
        return (elapsed, *found)
    if claim.as_ratio and claim.denominator:
        found[1] *= found[0]
    return tuple(found)


def difference(
    seen: Counts, now: Counts, by_time: bool = False, firm: int | None = None
) -> Counts | None:
    """What came since the snapshot; all of `now` after a reset; None when it must wait.

    A total below half its old value is a restarted counter. A smaller fall of one of the first
    `firm` members is the jitter of an extrapolated `increase`: it joins the next batch. The total
    of a count per unit of time is the count itself, since time does not restart.
    """
    total = 1 if by_time else 0
    if now[total] < 0.5 * seen[total]:
        return (now[0] - seen[0], *now[1:]) if by_time else now
    delta = tuple([b - a for a, b in zip(seen, now, strict=True)])
    return delta if min(delta[:firm]) >= 0.0 else None


def canonical(claim: Claim, batch: Counts) -> Counts:
    """A batch of one version as the formulas want it.

    Shares: (n, failures); a quantile: (n, beyond the proof edge, beyond the alarm edge); means:
    (n, sum, sum of squares) or (n, sum, requests per bucket…, requests beyond the last edge).
    """
    if claim.kind == "quantile":
        n = batch[0]
        low, high = min(batch[1], n), min(batch[2], n)
        return (n, high, low) if claim.complemented else (n, n - low, n - high)
    if claim.kind == "bernoulli":
        n, x = batch[0], min(batch[1], batch[0])
        return (n, n - x) if claim.complemented else (n, x)
    if claim.kind == "mean" and not claim.sum_of_squares:
        return (*batch[:2], *per_bucket(batch[0], batch[2:]))
    return batch


def per_bucket(n: float, cumulative: Counts) -> Counts:
    """Requests in each bucket from counts at or below each edge, the open bucket last."""
    edges = (0.0, *cumulative, max(n, cumulative[-1]))
    return tuple(max(b - a, 0.0) for a, b in pairwise(edges))
