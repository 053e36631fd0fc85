"""`inference.scoring` on arrays."""

from __future__ import annotations

import numpy as np

from crossfade_analyzer.inference import increments
from crossfade_analyzer.inference.claim_specs import Claim
from crossfade_analyzer.inference.scoring import LEAST_EVENTS

from . import information
from .evidence import Bools, Floats


def increment_of(
    claim: Claim, batch: Floats, totals: Floats
) -> tuple[tuple[Floats, Floats, Floats], Floats]:
    """`scoring.increment_of`: ((ΔS, ΔV, ΔW), D)."""
    if claim.paired:
        ds, dv, dw = _paired(claim, batch, totals)
        return (claim.sign * ds - claim.margin_of_proof * dw, dv, dw), dv
    n, x = batch[0], batch[1]
    if claim.kind == "mean":
        v0 = information.boundary_variance(claim, totals)
        ds, dv, dw = increments.mean_below_limit(n, x, claim.limit, v0)
        spread = n * information.moments(claim, totals)[2]
        return _where(n > 0.0, -claim.sign * ds, dv, dw, spread)
    fitted = totals[1] / totals[0]
    if claim.proportion:
        ds, dv, dw = increments.share_below_limit(n, x, claim.p0)
        spread = np.where(n * fitted >= LEAST_EVENTS, n * fitted * (1.0 - fitted), 0.0)
        return _where(n > 0.0, ds, dv, dw, spread)
    ds, dv, dw = increments.rate_below_limit(n, x, claim.limit)
    spread = np.where(n * fitted >= LEAST_EVENTS, n * fitted, 0.0)
    return _where(n > 0.0, -claim.sign * ds, dv, dw, spread)


def _paired(claim: Claim, batch: Floats, totals: Floats) -> tuple[Floats, ...]:
    """(ΔS, ΔV, ΔW) of candidate minus baseline, zeros where a side is empty."""
    half = len(batch) // 2
    n_c, x_c, n_b, x_b = batch[0], batch[1], batch[half], batch[half + 1]
    filled = (n_c > 0.0) & (n_b > 0.0)
    if claim.kind == "bernoulli":
        filled &= n_c + n_b > 1.0
        found = increments.shares_differ(n_c, x_c, n_b, x_b)
    elif claim.kind == "poisson":
        found = increments.rates_differ(n_c, x_c, n_b, x_b)
    else:
        width = len(totals) // 2
        v_c = information.moments(claim, totals[:width])[2]
        v_b = information.moments(claim, totals[width:])[2]
        found = increments.means_differ(n_c, x_c, v_c, n_b, x_b, v_b)
    return tuple(np.where(filled, part, 0.0) for part in found)


def _where(
    filled: Bools, ds: Floats, dv: Floats, dw: Floats, spread: Floats
) -> tuple[tuple[Floats, Floats, Floats], Floats]:
    s, v, w, d = (np.where(filled, x, 0.0) for x in (ds, dv, dw, spread))
    return (s, v, w), d
