"""What is displayed: anytime-valid intervals and e-values (§2.12); no decision reads them.

Shares: exact beta-binomial mixture (a = b = ½), Howard et al. 2021, inverted by Newton's method.
Differences and means: the normal mixture, an asymptotic confidence sequence (Waudby-Smith et al.
2024).
"""

from __future__ import annotations

import math
from functools import lru_cache

from .distributions import betainc, betaln, ndtr

Interval = tuple[float, float]
WHOLE_LINE: Interval = (-math.inf, math.inf)
_HALF = betaln(0.5, 0.5)


def share(n: float, x: float, alpha: float) -> Interval:
    """Interval of a share after x events in n requests, valid at all looks together."""
    if n <= 0.0:
        return (0.0, 1.0)
    level = betaln(0.5 + x, 0.5 + n - x) - _HALF - math.log(1.0 / alpha)
    low = 0.0 if x <= 0.0 else _edge(n, x, level)
    high = 1.0 if x >= n else 1.0 - _edge(n, n - x, level)
    return (low, high)


def _edge(n: float, x: float, level: float) -> float:
    """The smaller root p of x·log p + (n − x)·log(1 − p) = level; x > 0.

    Newton's method in the logit, where the curve is concave: from anywhere below its top the
    steps come to lie below the root, then climb and never overshoot.
    """
    logit = _start(n, x, level)
    for _ in range(100):
        odds = math.exp(logit)  # below the top, which is log n at most: no overflow
        move = (level - x * logit + n * math.log1p(odds)) / (x - n * odds / (1.0 + odds))
        logit += move
        if abs(move) <= 1e-8 * max(abs(logit), 1.0):  # what is left of it is its square
            break
    odds = math.exp(logit)
    return odds / (1.0 + odds)


def _start(n: float, x: float, level: float) -> float:
    """Where the parabola through the curve's top meets the level.

    Within a request of either end the top is no guide: there the asymptote x·logit is taken.
    """
    share = x / n
    if not 1.0 <= x <= n - 1.0:
        return level / x
    top = math.log(share / (1.0 - share))
    height = x * top + n * math.log1p(-share)
    return top - math.sqrt(2.0 * max(height - level, 0.5) / (x * (1.0 - share)))


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


@lru_cache(maxsize=256)
def _prior_mass(p0: float) -> float:
    return betainc(0.5, 0.5, p0)


def share_log_evidence(n: float, x: float, p0: float) -> float:
    """Log e-value for "failures below p0": Beta(½, ½) restricted to (0, p0), exact."""
    if n <= 0.0:
        return 0.0
    a, b = 0.5 + x, 0.5 + n - x
    inside = max(betainc(a, b, p0), 1e-300) / _prior_mass(p0)
    null = x * math.log(p0) + (n - x) * math.log1p(-p0)
    return betaln(a, b) - _HALF + math.log(inside) - null
