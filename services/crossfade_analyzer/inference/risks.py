"""The chance that an objective is violated, given what was seen so far (§2.2 "Risk").

Shares: Beta(½, ½/p0) prior, whose mean is the limit; above a thousand expected failures the
posterior is normal to three digits. Everything else: normal.
"""

from __future__ import annotations

import math

from .distributions import betainc, ndtr

MANY_EVENTS = 1000.0


def share_above(n: float, x: float, p0: float) -> float:
    """P(share of failures > p0) after x failures in n requests."""
    a, b = 0.5 + x, 0.5 / p0 + n - x
    if n * p0 >= MANY_EVENTS:
        mean = a / (a + b)
        return ndtr((mean - p0) / math.sqrt(mean * (1.0 - mean) / (a + b + 1.0)))
    return 1.0 - betainc(a, b, p0)


def score_below(s: float, v: float, phi: float) -> float:
    """P(claim false) by the normal approximation; 0 while nothing was seen."""
    return ndtr(-s / math.sqrt(v * phi)) if v > 0.0 else 0.0
