"""A claim's state, its step, and its verdict: decision-engine §2.3.

U is a sum of interval z-values whose squared weights add up to exactly 1 by the deciding look,
whatever the data do to traffic, split or horizon before it (Müller & Schäfer 2001, 2004, without
interim rejections). ρ is the share of the squared weight not yet spent.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from .distributions import ndtr

QUARTER_EVENT = 0.25
"""h: continuity correction, in events, for shares under a limit."""
LAST_THIRD, SECOND_HALF = -0.5, 0.0
"""The z-values that the last third and the second half of a run must exceed by themselves.

The specification has the first alone; the second keeps an effect that reverses at half-time
(+30 %, then −10 %) well under a tenth (explanation/decisions).
"""


class ClaimState(NamedTuple):
    """Thirteen numbers: score, budget, sums, sums for the dispersion, sums of recent looks."""

    u: float = 0.0
    rho: float = 1.0
    s: float = 0.0
    v: float = 0.0
    w: float = 0.0
    k: float = 0.0
    a: float = 0.0
    b: float = 0.0
    c: float = 0.0
    s3: float = 0.0
    v3: float = 0.0
    s2: float = 0.0
    v2: float = 0.0


def step(
    state: ClaimState,
    increment: tuple[float, float, float],
    spread: float,
    rest: float,
    deciding: bool,
    recent: int,
) -> ClaimState:
    """Add one batch.

    `spread` is D, the fitted variance of ΔS (0: leave the batch out of the dispersion); `rest` is
    R, the information planned after it, fixed without looking at this batch's ΔS; `recent` is 1 in
    the second half of the run, 2 in its last third.
    """
    ds, dv, dw = increment
    u, rho, s, v, w, k, a, b, c, s3, v3, s2, v2 = state
    if dv > 0.0:
        f = 1.0 if deciding else dv / (dv + rest)
        u += math.sqrt(rho * f) * ds / math.sqrt(dv)
        rho *= 1.0 - f
        if recent >= 2:
            s3, v3 = s3 + ds, v3 + dv
        if recent >= 1:
            s2, v2 = s2 + ds, v2 + dv
    if spread > 0.0:
        k, a, b, c = k + 1.0, a + ds * ds / spread, b + ds * dw / spread, c + dw * dw / spread
    return ClaimState(u, rho, s + ds, v + max(dv, 0.0), w + dw, k, a, b, c, s3, v3, s2, v2)


def z_value(state: ClaimState, phi: float, correction: float) -> float:
    """U/√φ − h/√V, what is compared with the critical value at the deciding look."""
    if state.v <= 0.0:
        return 0.0
    return state.u / math.sqrt(phi) - correction / math.sqrt(state.v)


def chance_left(state: ClaimState, phi: float, critical: float) -> float:
    """Chance under the null that the rest of the budget still carries U over the line."""
    gap = critical - state.u / math.sqrt(phi)
    if state.rho <= 0.0:
        return 1.0 if gap <= 0.0 else 0.0
    return ndtr(-gap / math.sqrt(state.rho))


def not_contradicted(state: ClaimState, phi: float) -> bool:
    """Whether neither the last third nor the second half, by itself, speaks against the claim."""
    return _exceeds(state.s3, state.v3 * phi, LAST_THIRD) and _exceeds(
        state.s2, state.v2 * phi, SECOND_HALF
    )


def _exceeds(s: float, v: float, least: float) -> bool:
    return v <= 0.0 or s / math.sqrt(v) > least
