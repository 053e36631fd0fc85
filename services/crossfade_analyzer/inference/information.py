"""How much a claim will still learn: planned information R for the looks to come (§2.2).

R depends on traffic, weights and pooled data, never on this look's ΔS; the level rests on that.
"""

from __future__ import annotations

from collections.abc import Sequence

from . import increments
from .batches import Counts
from .claim_specs import Claim
from .plan import Plan

EXPLICIT_LOOKS = 60


def exposures(
    weights: Sequence[float], targets: Sequence[float], increment: float, looks: int
) -> tuple[list[float], list[float]]:
    """Planned exposure of each candidate over the looks to come, in whole splits.

    The first list is Σ w_c/100, the second Σ w_c·w_b/(w_c+w_b)/100, with every weight climbing by
    `increment` to its target.
    """
    alone, paired = [0.0] * len(weights), [0.0] * len(weights)
    now, left = list(weights), looks
    while left > 0:
        after = [min(w + increment, t) for w, t in zip(now, targets, strict=True)]
        times = left if after == now or looks - left >= EXPLICIT_LOOKS else 1
        rest = max(100.0 - sum(after), 0.0)
        for i, w in enumerate(after):
            alone[i] += times * w / 100.0
            paired[i] += times * w * rest / (w + rest) / 100.0 if w + rest > 0.0 else 0.0
        now, left = after, left - times
    return alone, paired


def moments(claim: Claim, totals: Counts) -> tuple[float, float, float]:
    """(requests, mean, variance of one request) of a mean's totals of one version."""
    n, total = totals[0], totals[1]
    if n <= 0.0:
        return 0.0, 0.0, 0.0
    if claim.sum_of_squares:
        variance = increments.variance_of_squares(n, total, totals[2])
    else:
        variance = increments.variance_of_buckets(n, total, totals[2:], claim.edges)
    return n, total / n, max(variance, 0.0)


def boundary_variance(claim: Claim, totals: Counts) -> float:
    """v0 of a mean under a limit: spread scaled to the boundary, ceiling pseudo-requests added."""
    n, mean, variance = moments(claim, totals)
    scale = max(claim.limit / mean, 1.0) if mean > 0.0 else 1.0
    v1 = variance * scale * scale
    return increments.boundary_variance(n, mean, v1, claim.ceiling)


def per_unit(claim: Claim, totals: Counts) -> float:
    """Null variance of one unit of planned weight W."""
    if claim.proportion:
        return claim.p0 * (1.0 - claim.p0)
    if not claim.paired:
        return claim.limit if claim.kind == "poisson" else boundary_variance(claim, totals)
    half = len(totals) // 2
    candidate, baseline = totals[:half], totals[half:]
    n = candidate[0] + baseline[0]
    if n <= 0.0:
        return 0.0
    if claim.kind == "mean":
        n_c, _, v_c = moments(claim, candidate)
        n_b, _, v_b = moments(claim, baseline)
        return (v_c * n_b + v_b * n_c) / n
    share = (candidate[1] + baseline[1]) / n
    return share * (1.0 - share) if claim.kind == "bernoulli" else share


def rest(
    claim: Claim,
    plan: Plan,
    totals: Counts,
    forecast: float,
    exposure: tuple[float, float],
    looks: int,
) -> float:
    """R of one claim of one candidate; `exposure` is (alone, paired) of `exposures`."""
    if not totals or looks <= 0:
        return 0.0
    if claim.exposure == "time":
        amount = looks * plan.interval * (0.5 if claim.paired else 1.0)
    else:
        amount = forecast * exposure[1 if claim.paired else 0]
    return amount * per_unit(claim, totals)
