"""Quantiles out of cumulative buckets (the label `le`), as Prometheus estimates them."""

from __future__ import annotations

import math
from bisect import bisect_left

from crossfade_lab.metrics.promql.values import Element, Labels, unnamed

__all__ = ["histogram_quantile"]

Bucket = tuple[float, float]
"""Upper bound, and how many observations are at or below it."""


def histogram_quantile(q: float, elements: list[Element]) -> list[Element]:
    """The q-quantile of each histogram; elements without a readable `le` are left out."""
    found: dict[frozenset[tuple[str, str]], tuple[Labels, list[Bucket]]] = {}
    for element in elements:
        bound = _bound(element.labels.get("le", ""))
        if bound is None:
            continue
        labels = {n: v for n, v in unnamed(element.labels).items() if n != "le"}
        key = frozenset(labels.items())
        found.setdefault(key, (labels, []))[1].append((bound, element.value))
    return [Element(labels, _of(q, buckets)) for labels, buckets in found.values()]


def _of(q: float, buckets: list[Bucket]) -> float:
    """Linear within the bucket that holds the rank; the last finite bound beyond it."""
    bounds, counts = _cumulative(buckets)
    if math.isnan(q):
        return math.nan
    if not 0 <= q <= 1:
        return math.copysign(math.inf, q)
    if bounds[-1] != math.inf or len(bounds) < 2 or counts[-1] == 0:
        return math.nan
    rank = q * counts[-1]
    at = _first_holding(rank, counts)
    if at == len(bounds) - 1:
        return bounds[-2]
    if at == 0 and bounds[0] <= 0:
        return bounds[0]
    low, below = (bounds[at - 1], counts[at - 1]) if at else (0.0, 0.0)
    inside = counts[at] - below
    share = (rank - below) / inside if inside else math.nan
    return low + (bounds[at] - low) * share


def _cumulative(buckets: list[Bucket]) -> tuple[list[float], list[float]]:
    """Bounds in order, equal ones added up, counts made to grow: scrapes are not atomic."""
    merged: dict[float, float] = {}
    for bound, count in sorted(buckets, key=lambda b: b[0]):
        merged[bound] = merged.get(bound, 0.0) + count
    counts: list[float] = []
    for count in merged.values():
        counts.append(counts[-1] if counts and count < counts[-1] else count)
    return list(merged), counts


def _first_holding(rank: float, counts: list[float]) -> int:
    if math.isnan(rank):
        return len(counts) - 1
    return bisect_left(counts, rank, hi=len(counts) - 1)


def _bound(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
