"""Metric kinds into (ΔS, ΔV, ΔW): the table of decision-engine §2.2.

S drifts up while the claim is true, V is its variance at the null boundary, S/W the estimate.
The functions are plain arithmetic, so one number and an array of experiments go through the
same line. Strata: Cochran 1954, Mantel & Haenszel 1959; a pair is compared inside one interval
because our own ramp changes the split while traffic drifts (Simpson's paradox).

n, x: requests and events of a batch; `_c` candidate, `_b` baseline.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Number = TypeVar("Number", float, "NDArray[np.float64]")

KAPPA = 2.0
"""Pseudo-requests at the ceiling: "no timeout seen yet" proves nothing about a mean."""
OPEN_BUCKET = 1.5
"""A request beyond the last edge is taken to cost this many times the edge."""


def share_below_limit(n: Number, x: Number, p0: float) -> tuple[Number, Number, Number]:
    """Failures are at most a share p0 of requests."""
    return n * p0 - x, n * (p0 * (1.0 - p0)), n


def rate_below_limit(n: Number, x: Number, limit: float) -> tuple[Number, Number, Number]:
    """Events are at most `limit` per unit of exposure."""
    return n * limit - x, n * limit, n


def mean_below_limit(n: Number, total: Number, limit: float, v0: Number) -> tuple[Number, ...]:
    """A mean is at most `limit`; v0 is the variance of one request at the boundary."""
    return n * limit - total, n * v0, n


def shares_differ(n_c: Number, x_c: Number, n_b: Number, x_b: Number) -> tuple[Number, ...]:
    """Candidate's share above the baseline's: hypergeometric, both margins given; N > 1."""
    n, m = n_c + n_b, x_c + x_b
    w = n_c * n_b / n
    return x_c - n_c * m / n, w * m * (n - m) / (n * (n - 1.0)), w


def rates_differ(n_c: Number, x_c: Number, n_b: Number, x_b: Number) -> tuple[Number, ...]:
    """Candidate's rate above the baseline's: binomial given the sum of events."""
    n, m = n_c + n_b, x_c + x_b
    w = n_c * n_b / n
    return x_c - n_c * m / n, w * m / n, w


def means_differ(
    n_c: Number, total_c: Number, v_c: Number, n_b: Number, total_b: Number, v_b: Number
) -> tuple[Number, ...]:
    """Candidate's mean above the baseline's; v: each version's variance of one request."""
    w = n_c * n_b / (n_c + n_b)
    return w * (total_c / n_c - total_b / n_b), w * w * (v_c / n_c + v_b / n_b), w


def variance_of_squares(n: Number, total: Number, squares: Number) -> Number:
    """Variance of one request from sums; may be slightly negative by rounding."""
    return squares / n - (total / n) * (total / n)


def variance_of_buckets(
    n: Number, total: Number, counts: Sequence[Number], edges: Sequence[float]
) -> Number:
    """Variance of one request from a histogram: Σ c ((middle − mean)² + width²/12) / n."""
    mean = total / n
    spread = counts[0] * 0.0
    low = 0.0
    for count, high in zip(counts, edges, strict=False):
        off = (low + high) / 2.0 - mean
        spread = spread + count * (off * off + (high - low) * (high - low) / 12.0)
        low = high
    off = OPEN_BUCKET * edges[-1] - mean
    return (spread + counts[-1] * (off * off)) / n


def boundary_variance(n: Number, mean: Number, v1: Number, ceiling: float) -> Number:
    """v0: the variance v1 with two pseudo-requests at the ceiling."""
    off = ceiling - mean
    return (n * v1 + KAPPA * (off * off)) / (n + KAPPA)
