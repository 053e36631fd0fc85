"""What is displayed: anytime-valid intervals and e-values (§2.12); no decision reads them.

Shares: exact beta-binomial mixture (a = b = ½), Howard et al. 2021, by bisection. Differences
and means: the normal mixture, an asymptotic confidence sequence (Waudby-Smith et al. 2024).
"""

from __future__ import annotations

import math

from .distributions import betainc, betaln, ndtr

Interval = tuple[float, float]
WHOLE_LINE: Interval = (-math.inf, math.inf)
_HALF = betaln(0.5, 0.5)


def share(n: float, x: float, alpha: float) -> Interval:
    """Interval of a share after x events in n requests, valid at all looks together."""
    if n <= 0.0:
        return (0.0, 1.0)
    line = math.log(1.0 / alpha) - betaln(0.5 + x, 0.5 + n - x) + _HALF

    def outside(p: float) -> bool:
        return -(x * math.log(p) + (n - x) * math.log1p(-p)) >= line

    middle = (x + 0.5) / (n + 1.0)
    low = 0.0 if x <= 0.0 else _edge(outside, 0.0, middle)
    high = 1.0 if x >= n else _edge(outside, 1.0, middle)
    return (low, high)


def _edge(outside: object, far: float, near: float) -> float:
    """The point between an excluded far end and an included near one; 45 halvings."""
    assert callable(outside)
    for _ in range(45):
        middle = 0.5 * (far + near)
        far, near = (middle, near) if outside(middle) else (far, middle)
    return 0.5 * (far + near)


def difference(s: float, v: float, w: float, prior: float, alpha: float) -> Interval:
    """Interval of S/W; v is the unpooled variance of S, prior the mixture's precision."""
    if w <= 0.0 or v <= 0.0 or prior <= 0.0:
        return WHOLE_LINE
    whole = v + prior
    half = math.sqrt(whole * (math.log(whole / prior) + 2.0 * math.log(1.0 / alpha)))
    return ((s - half) / w, (s + half) / w)


def log_evidence(s: float, v: float, prior: float) -> float:
    """Log e-value for S drifting up: the one-sided normal mixture."""
    if v <= 0.0 or prior <= 0.0:
        return 0.0
    whole = v + prior
    tail = 2.0 * ndtr(s / math.sqrt(whole))
    return 0.5 * math.log(prior / whole) + s * s / (2.0 * whole) + math.log(max(tail, 1e-300))


def share_log_evidence(n: float, x: float, p0: float) -> float:
    """Log e-value for "failures below p0": Beta(½, ½) restricted to (0, p0), exact."""
    if n <= 0.0:
        return 0.0
    a, b = 0.5 + x, 0.5 + n - x
    inside = max(betainc(a, b, p0), 1e-300) / betainc(0.5, 0.5, p0)
    null = x * math.log(p0) + (n - x) * math.log1p(-p0)
    return betaln(a, b) - _HALF + math.log(inside) - null
