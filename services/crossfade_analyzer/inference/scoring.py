"""One batch of a claim into its score: which of the increments, with which sign (§2.2)."""

from __future__ import annotations

from . import increments, information
from .batches import Counts
from .claim_specs import Claim

LEAST_EVENTS = 0.5
"""A batch in which fewer failures were to be expected says nothing about dispersion."""


def increment_of(
    claim: Claim, batch: Counts, totals: Counts
) -> tuple[tuple[float, float, float], float]:
    """((ΔS, ΔV, ΔW), D) of a batch in a claim's favour; zeros where it carries nothing."""
    if claim.paired:
        ds, dv, dw = _paired(claim, batch, totals)
        ds = claim.sign * ds - claim.margin_of_proof * dw
        return (ds, dv, dw), dv
    n, x = batch[0], batch[1]
    if n <= 0.0:
        return (0.0, 0.0, 0.0), 0.0
    if claim.proportion:
        fitted = totals[1] / totals[0]
        spread = n * fitted * (1.0 - fitted) if n * fitted >= LEAST_EVENTS else 0.0
        return increments.share_below_limit(n, x, claim.p0), spread
    if claim.kind == "poisson":
        ds, dv, dw = increments.rate_below_limit(n, x, claim.limit)
        spread = n * totals[1] / totals[0]
        return (-claim.sign * ds, dv, dw), spread if spread >= LEAST_EVENTS else 0.0
    v0 = information.boundary_variance(claim, totals)
    ds, dv, dw = increments.mean_below_limit(n, x, claim.limit, v0)
    return (-claim.sign * ds, dv, dw), n * information.moments(claim, totals)[2]


def _paired(claim: Claim, batch: Counts, totals: Counts) -> tuple[float, ...]:
    """(ΔS, ΔV, ΔW) of candidate minus baseline, before direction and margin."""
    half = len(batch) // 2
    n_c, x_c, n_b, x_b = batch[0], batch[1], batch[half], batch[half + 1]
    if n_c <= 0.0 or n_b <= 0.0 or (claim.kind == "bernoulli" and n_c + n_b <= 1.0):
        return 0.0, 0.0, 0.0
    if claim.kind == "bernoulli":
        return increments.shares_differ(n_c, x_c, n_b, x_b)
    if claim.kind == "poisson":
        return increments.rates_differ(n_c, x_c, n_b, x_b)
    v_c = information.moments(claim, totals[:half])[2]
    v_b = information.moments(claim, totals[half:])[2]
    return increments.means_differ(n_c, x_c, v_c, n_b, x_b, v_b)
