"""The state of many runs of one plan: the fields of `Evidence`, one array for each number.

Arrays are indexed [experiment, version] for an absolute claim (the baseline first), [experiment,
candidate] for a paired one; what has several numbers (snapshots, totals, detectors) has them on
a leading axis. No array is changed in place: a step makes new ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crossfade_analyzer.inference import detectors
from crossfade_analyzer.inference.plan import Plan

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

SUMS = ("u", "rho", "s", "v", "w", "k", "a", "b", "c", "s3", "v3", "s2", "v2")


@dataclass(frozen=True)
class States:
    """`ClaimState`, thirteen arrays [experiment, candidate]."""

    u: Floats
    rho: Floats
    s: Floats
    v: Floats
    w: Floats
    k: Floats
    a: Floats
    b: Floats
    c: Floats
    s3: Floats
    v3: Floats
    s2: Floats
    v2: Floats


@dataclass(frozen=True)
class Lines:
    """`Line` of one claim for every experiment and version."""

    seen: Floats
    at: Ints
    stale: Ints
    batches: Ints
    totals: Floats
    states: States
    detector: Floats
    rest: Floats
    phi: Floats


@dataclass(frozen=True)
class ManyEvidence:
    """`Evidence` of every experiment; `stop`: 0 none, 1 rejected, 2 futile, 3 impossible."""

    iteration: int
    split: Ints
    traffic_seen: Floats
    traffic_at: Ints
    forecast: Floats
    lines: tuple[Lines, ...]
    ratios: Floats
    targets: Floats
    stop: Ints
    stop_claim: Ints
    stop_worse: Bools

    @classmethod
    def fresh(cls, plan: Plan, experiments: int) -> ManyEvidence:
        """Evidence before the first look; `forecast` is NaN while unknown."""
        versions, count = len(plan.versions), len(plan.candidates)
        wide, narrow = (experiments, versions), (experiments, count)
        start = plan.requests_per_interval
        return cls(
            iteration=0,
            split=np.full(wide, -1),
            traffic_seen=np.zeros(wide),
            traffic_at=np.zeros(wide, dtype=np.int64),
            forecast=np.full(experiments, np.nan if start is None else start),
            lines=tuple(_fresh_lines(plan, j, experiments) for j in range(len(plan.claims))),
            ratios=np.zeros((4 * versions, experiments)),
            targets=np.full(narrow, 40.0 if count == 1 else 50.0 / count),
            stop=np.zeros(narrow, dtype=np.int64),
            stop_claim=np.zeros(narrow, dtype=np.int64),
            stop_worse=np.zeros(narrow, dtype=np.bool_),
        )


def _fresh_lines(plan: Plan, j: int, experiments: int) -> Lines:
    claim, count = plan.claims[j], len(plan.candidates)
    narrow = (experiments, count)
    shape = narrow if claim.paired else (experiments, count + 1)
    width = (len(claim.keys) + (claim.exposure == "time")) * (2 if claim.paired else 1)
    extra = 1 if claim.kind == "mean" and not claim.sum_of_squares else 0
    zeros = {name: np.zeros(narrow) for name in SUMS}
    start = detectors.fresh(len(claim.alternatives)) if claim.proportion else ()
    whole = np.zeros(shape, dtype=np.int64)
    return Lines(
        seen=np.zeros((width, *shape)),
        at=whole,
        stale=whole,
        batches=whole,
        totals=np.zeros((width + extra * (2 if claim.paired else 1), *shape)),
        states=States(**{**zeros, "rho": np.ones(narrow)}),
        detector=np.broadcast_to(np.array(start)[:, None, None], (len(start), *shape)),
        rest=np.zeros(narrow),
        phi=np.ones(narrow),
    )
