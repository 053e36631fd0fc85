"""`inference.information` on arrays."""

from __future__ import annotations

import numpy as np

from crossfade_analyzer.inference import increments
from crossfade_analyzer.inference.claim_specs import Claim
from crossfade_analyzer.inference.plan import Plan

from .evidence import Floats


def moments(claim: Claim, totals: Floats) -> tuple[Floats, Floats, Floats]:
    """(requests, mean, variance of one request); zeros where nothing was seen."""
    n, total = totals[0], totals[1]
    if claim.sum_of_squares:
        variance = increments.variance_of_squares(n, total, totals[2])
    else:
        variance = increments.variance_of_buckets(n, total, list(totals[2:]), claim.edges)
    seen = n > 0.0
    mean = np.where(seen, total / n, 0.0)
    return np.where(seen, n, 0.0), mean, np.where(seen, np.maximum(variance, 0.0), 0.0)


def boundary_variance(claim: Claim, totals: Floats) -> Floats:
    """v0 of a mean under a limit."""
    n, mean, variance = moments(claim, totals)
    scale = np.where(mean > 0.0, np.maximum(claim.limit / mean, 1.0), 1.0)
    return increments.boundary_variance(n, mean, variance * scale * scale, claim.ceiling)


def per_unit(claim: Claim, totals: Floats) -> Floats:
    """Null variance of one unit of planned weight W."""
    if claim.proportion:
        return np.full(totals.shape[1:], claim.p0 * (1.0 - claim.p0))
    if not claim.paired:
        if claim.kind == "poisson":
            return np.full(totals.shape[1:], claim.limit)
        return boundary_variance(claim, totals)
    half = len(totals) // 2
    candidate, baseline = totals[:half], totals[half:]
    n = candidate[0] + baseline[0]
    if claim.kind == "mean":
        n_c, _, v_c = moments(claim, candidate)
        n_b, _, v_b = moments(claim, baseline)
        return np.where(n > 0.0, (v_c * n_b + v_b * n_c) / n, 0.0)
    share = (candidate[1] + baseline[1]) / n
    unit = share * (1.0 - share) if claim.kind == "bernoulli" else share
    return np.where(n > 0.0, unit, 0.0)


def rest(
    claim: Claim,
    plan: Plan,
    totals: Floats,
    forecast: Floats,
    exposure: tuple[Floats, Floats],
    looks: int,
) -> Floats:
    """R of every candidate."""
    if looks <= 0:
        return np.zeros(totals.shape[1:])
    if claim.exposure == "time":
        amount = np.full(
            totals.shape[1:], looks * plan.interval * (0.5 if claim.paired else 1.0)
        )
    else:
        amount = forecast * exposure[1 if claim.paired else 0]
    return amount * per_unit(claim, totals)
