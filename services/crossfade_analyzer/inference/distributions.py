"""The few distribution functions of one experiment's path, by the standard library alone.

Importing scipy costs a quarter of a second and 40 MB; a single run needs four functions.
Sources: normal quantile, Wichura AS 241 (`statistics.NormalDist`); incomplete beta, continued
fraction by Lentz's method, Numerical Recipes §6.4; Student's t by the incomplete beta.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

_NORMAL = NormalDist()
_TINY = 1e-300


def ndtr(x: float) -> float:
    """Standard normal distribution function."""
    return 0.5 * math.erfc(-x * 0.7071067811865476)


def ndtri(p: float) -> float:
    """Standard normal quantile; 0 < p < 1."""
    return _NORMAL.inv_cdf(p)


def betaln(a: float, b: float) -> float:
    """Logarithm of the beta function."""
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def betainc(a: float, b: float, x: float) -> float:
    """Regularised incomplete beta I_x(a, b)."""
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    front = math.exp(a * math.log(x) + b * math.log1p(-x) - betaln(a, b))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _fraction(a, b, x) / a
    return 1.0 - front * _fraction(b, a, 1.0 - x) / b


def _fraction(a: float, b: float, x: float) -> float:
    """Continued fraction of the incomplete beta; √max(a, b) steps are enough."""
    c, d = 1.0, 1.0 / ((1.0 - (a + b) * x / (a + 1.0)) or _TINY)
    h, m = d, 0.0
    while m < 20_000.0:
        m += 1.0
        at = a + 2.0 * m
        even = m * (b - m) * x / ((at - 1.0) * at)
        d, c = 1.0 / ((1.0 + even * d) or _TINY), (1.0 + even / c) or _TINY
        h *= d * c
        odd = -(a + m) * (a + b + m) * x / (at * (at + 1.0))
        d, c = 1.0 / ((1.0 + odd * d) or _TINY), (1.0 + odd / c) or _TINY
        step = d * c
        h *= step
        if -1e-15 < step - 1.0 < 1e-15:
            break
    return h


def stdtr(df: float, t: float) -> float:
    """Student's t distribution function with `df` degrees of freedom."""
    tail = 0.5 * betainc(0.5 * df, 0.5, df / (df + t * t))
    return tail if t < 0.0 else 1.0 - tail


@lru_cache(maxsize=4096)  # few degrees of freedom, few levels, again and again
def stdtrit(df: float, p: float) -> float:
    """Student's t quantile; 0 < p < 1.

    Newton's method in the upper half from the normal quantile, which lies below: the
    distribution function is concave there, so the steps climb and never overshoot.
    """
    if p < 0.5:
        return -stdtrit(df, 1.0 - p)
    t = ndtri(p)
    front = -betaln(0.5 * df, 0.5) - 0.5 * math.log(df)
    for _ in range(200):
        density = math.exp(front - 0.5 * (df + 1.0) * math.log1p(t * t / df))
        move = (p - stdtr(df, t)) / density
        t += move
        if abs(move) <= 1e-13 * max(t, 1.0):
            break
    return t


def logsumexp(terms: tuple[float, ...]) -> float:
    """Log of a sum of exponentials."""
    top = max(terms)
    return top + math.log(math.fsum([math.exp(term - top) for term in terms]))


def logaddexp(x: float, y: float) -> float:
    """Log of a sum of two exponentials."""
    top, rest = (x, y) if x > y else (y, x)
    return top + math.log1p(math.exp(rest - top))
