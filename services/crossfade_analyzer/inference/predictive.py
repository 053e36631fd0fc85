"""Predictive probability of a proof at the planned end, and proofs that are impossible (§2.4).

One formula serves futility, exposure and "leading": non-binding for the level, since all
of it happens before the only test. Flat prior on the drift, as in Spiegelhalter et al. 1986.
"""

from __future__ import annotations

import math

from .distributions import ndtr


def predictive(
    u: float, rho: float, drift: float, v: float, rest: float, phi: float, z: float
) -> float:
    """PP; `drift` is S/V, `rest` the planned information R, z the level's normal quantile."""
    if v <= 0.0:
        return 1.0
    root = math.sqrt(phi)
    gap = u / root + math.sqrt(rho * rest) * drift / root - z
    scale = math.sqrt(rho * (1.0 + rest / v))
    if scale <= 0.0:
        return 1.0 if gap >= 0.0 else 0.0
    return ndtr(gap / scale)


def impossible(
    u: float, rho: float, v: float, rest: float, p0: float, correction: float, z: float
) -> bool:
    """Whether even a flawless rest could not prove that failures are at most p0."""
    if v + rest <= 0.0:
        return False
    return u + math.sqrt(rho * rest) / (1.0 - p0) - correction / math.sqrt(v + rest) < z
