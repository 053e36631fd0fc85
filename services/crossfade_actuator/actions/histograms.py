"""Latency histograms as v2alpha2 keeps them, in seconds, and how two of a version become one.

Source: v2alpha2 §1.3, §5.4.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

# A millisecond apart at first, then about a tenth of themselves.
_STEPS = (
    *range(1, 13),
    *(14, 16, 18, 20, 25, 30, 35, 40, 45, 50, 60, 70, 80, 90, 100),
    *(120, 140, 160, 180, 200, 250, 300, 350, 400, 450, 500, 600, 700, 800, 900, 1000),
    *(1250, 1500, 1750, 2000, 2500, 3000, 4000, 5000, 7500, 10_000, 20_000, 30_000, 60_000),
)
EDGES = tuple(step / 1000 for step in _STEPS)
MOST_BUCKETS = 512
"""Buckets of a version beyond which equal ones are counted together: a state has to stay small."""


@dataclass(slots=True)
class Recording:
    """Counts the answers of one version as they come."""

    counts: Counter[int] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    longest: float = 0.0
    total: float = 0.0

    def note(self, seconds: float, code: int) -> None:
        """One answer; -1 is the code of a request that got none."""
        self.counts[bisect_left(EDGES, seconds)] += 1
        self.codes[str(code)] += 1
        self.longest = max(self.longest, seconds)
        self.total += seconds

    def to_json(self) -> dict[str, Any]:
        """`DurationHistogram` and `RetCodes`."""
        buckets = [
            {"Start": _start(i), "End": self._end(i), "Count": count}
            for i, count in sorted(self.counts.items())
        ]
        histogram = {
            "Count": self.counts.total(),
            "Max": self.longest,
            "Sum": self.total,
            "Data": buckets,
        }
        return {"DurationHistogram": histogram, "RetCodes": dict(sorted(self.codes.items()))}

    def _end(self, bucket: int) -> float:
        return EDGES[bucket] if bucket < len(EDGES) else self.longest


def _start(bucket: int) -> float:
    return EDGES[bucket - 1] if bucket else 0.0


def merged(known: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Both, by version: counts, sums and codes added, the larger maximum, buckets listed."""
    return dict(known) | {
        version: _together(known[version], new) if version in known else dict(new)
        for version, new in more.items()
    }


def _together(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    a, b = old["DurationHistogram"], new["DurationHistogram"]
    histogram = {
        "Count": a["Count"] + b["Count"],
        "Max": max(a["Max"], b["Max"]),
        "Sum": a["Sum"] + b["Sum"],
        "Data": _bounded([*a["Data"], *b["Data"]]),
    }
    codes = Counter(old["RetCodes"]) + Counter(new["RetCodes"])
    return {"DurationHistogram": histogram, "RetCodes": dict(sorted(codes.items()))}


def _bounded(buckets: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    listed = [dict(bucket) for bucket in buckets]
    if len(listed) <= MOST_BUCKETS:
        return listed
    counted: Counter[tuple[float, float]] = Counter()
    for bucket in listed:
        counted[bucket["Start"], bucket["End"]] += bucket["Count"]
    return [{"Start": s, "End": e, "Count": n} for (s, e), n in sorted(counted.items())]
