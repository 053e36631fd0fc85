"""Gauges whose number of requests is unknown: a t-mixture over intervals (§2.10 bis).

Lai 1976; Wang & Ramdas 2023: valid at every look without knowing the variance. Readings that
follow one another too closely (lag-1 residual autocorrelation) have their evidence damped.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from .claims import LAST_THIRD
from .distributions import stdtr

LEAST_INTERVALS = 5


class GaugeState(NamedTuple):
    """Intervals, weighted sums (x = √weight, z = x·d), plain sums of d, and the last third's."""

    k: float = 0.0
    xx: float = 0.0
    xz: float = 0.0
    zz: float = 0.0
    d: float = 0.0
    dd: float = 0.0
    lagged: float = 0.0
    first: float = 0.0
    last: float = 0.0
    scale: float = 1.0
    d3: float = 0.0
    k3: float = 0.0


def step(state: GaugeState, d: float, weight: float, recent: bool) -> GaugeState:
    """Add one interval's difference d (positive supports the claim), weight 1 or requests.

    An interval of no weight is nobody's: it changes nothing, not even the count of intervals.
    """
    if weight <= 0.0:
        return state
    k, xx, xz, zz, total, dd, lagged, first, last, scale, d3, k3 = state
    if k == 0.0:
        first, scale = d, weight
    lagged += d * last if k else 0.0
    d3, k3 = (d3 + d, k3 + 1.0) if recent else (d3, k3)
    sums = (xx + weight, xz + weight * d, zz + weight * d * d, total + d, dd + d * d)
    return GaugeState(k + 1.0, *sums, lagged, first, d, scale, d3, k3)


def autocorrelation(state: GaugeState) -> float:
    """Lag-1 autocorrelation of the residuals, corrected for its small-sample bias."""
    k, mean = state.k, state.d / max(state.k, 1.0)
    spread = state.dd - k * mean * mean
    if k < 3.0 or spread <= 1e-12 * abs(state.dd):
        return 0.0
    ends = 2.0 * state.d - state.first - state.last
    raw = (state.lagged - mean * ends + (k - 1.0) * mean * mean) / spread
    return raw + (1.0 + 3.0 * raw) / k if raw > 1.0 / math.sqrt(k) else 0.0


def log_evidence(state: GaugeState, iterations: int) -> float:
    """Log e-value for "the mean difference is positive", damped by the autocorrelation."""
    k, phi0 = state.k, iterations / 8.0 * state.scale
    if k < 2.0 or state.zz <= 0.0 or phi0 <= 0.0:
        return 0.0
    whole = phi0 + state.xx
    r = max(state.zz - state.xz * state.xz / whole, 1e-16 * state.zz)
    t = (state.xz / whole) / math.sqrt(r / (k * whole))
    log_e = -0.5 * math.log(1.0 + state.xx / phi0) - 0.5 * k * math.log(r / state.zz)
    log_e += math.log(max(2.0 * stdtr(k, t), 1e-300))
    lag = min(autocorrelation(state), 0.99)
    return log_e * (1.0 - lag) / (1.0 + lag) if lag > 0.0 else log_e


def t_value(state: GaugeState) -> float:
    """Student's t of the mean difference; 0 below two intervals."""
    if state.k < 2.0 or state.xx <= 0.0:
        return 0.0
    spread = (state.zz - state.xz * state.xz / state.xx) / (state.k - 1.0)
    if spread <= 0.0:
        return math.copysign(1e6, state.xz) if state.xz else 0.0
    return state.xz / math.sqrt(state.xx * spread)


def not_contradicted(state: GaugeState) -> bool:
    """Whether the last third of the intervals does not speak against the claim."""
    if state.k3 <= 0.0 or state.k < 2.0:
        return True
    mean = state.d / state.k
    spread = max((state.dd - state.k * mean * mean) / (state.k - 1.0), 1e-300)
    return state.d3 / math.sqrt(state.k3 * spread) > LAST_THIRD
