"""The claim's step, its forecasts and its alarm on arrays; the scalar modules hold the sources."""

from __future__ import annotations

import numpy as np
from scipy.special import betainc, ndtr

from crossfade_analyzer.inference.claims import LAST_THIRD, SECOND_HALF
from crossfade_analyzer.inference.dispersion import Z_GATE
from crossfade_analyzer.inference.risks import MANY_EVENTS

from .evidence import Bools, Floats, States


def step(
    states: States,
    increment: tuple[Floats, Floats, Floats],
    spread: Floats,
    rest: Floats,
    deciding: bool,
    recent: int,
    valid: Bools,
) -> States:
    """`claims.step` where `valid`; elsewhere nothing happens."""
    zero = np.zeros_like(states.u)
    ds, dv, dw = (np.where(valid, x, 0.0) for x in increment)
    spread = np.where(valid, spread, 0.0)
    informed = dv > 0.0
    f = np.where(informed, 1.0 if deciding else dv / (dv + rest), 0.0)
    gain = np.where(informed, np.sqrt(states.rho * f) * ds / np.sqrt(dv), 0.0)
    fits = spread > 0.0
    k = fits.astype(np.float64)
    a, b, c = (np.where(fits, x / spread, 0.0) for x in (ds * ds, ds * dw, dw * dw))
    ds_in, dv_in = np.where(informed, ds, 0.0), np.where(informed, dv, 0.0)
    s3, v3 = (ds_in, dv_in) if recent >= 2 else (zero, zero)
    s2, v2 = (ds_in, dv_in) if recent >= 1 else (zero, zero)
    return States(
        states.u + gain,
        states.rho * (1.0 - f),
        states.s + ds,
        states.v + np.maximum(dv, 0.0),
        states.w + dw,
        states.k + k,
        states.a + a,
        states.b + b,
        states.c + c,
        states.s3 + s3,
        states.v3 + v3,
        states.s2 + s2,
        states.v2 + v2,
    )


def z_value(states: States, phi: Floats, correction: float) -> Floats:
    """`claims.z_value`."""
    z = states.u / np.sqrt(phi) - correction / np.sqrt(states.v)
    return np.where(states.v > 0.0, z, 0.0)


def chance_left(states: States, phi: Floats, critical: float) -> Floats:
    """`claims.chance_left`."""
    gap = critical - states.u / np.sqrt(phi)
    spent = np.where(gap <= 0.0, 1.0, 0.0)
    return np.where(states.rho <= 0.0, spent, ndtr(-gap / np.sqrt(states.rho)))


def not_contradicted(states: States, phi: Floats) -> Bools:
    """`claims.not_contradicted`."""
    third = states.s3 / np.sqrt(states.v3 * phi) <= LAST_THIRD
    half = states.s2 / np.sqrt(states.v2 * phi) <= SECOND_HALF
    return ~(((states.v3 > 0.0) & third) | ((states.v2 > 0.0) & half))


def dispersion(states: States, pooled: bool) -> tuple[Floats, Floats]:
    """`dispersion.dispersion`: (φ, df); pooled over the candidates of each experiment."""
    known = (states.k >= 2.0) & (states.c > 0.0)
    total = np.where(known, np.maximum(states.a - states.b * states.b / states.c, 0.0), 0.0)
    df = np.where(known, states.k - 1.0, 0.0)
    if pooled:
        total = np.broadcast_to(total.sum(axis=1, keepdims=True), total.shape)
        df = np.broadcast_to(df.sum(axis=1, keepdims=True), df.shape)
    phi, spread = total / df, 2.0 / (9.0 * df)
    gate = (1.0 - spread + Z_GATE * np.sqrt(spread)) ** 3
    wild = (df >= 2.0) & (phi > gate) & (phi > 1.0)
    return np.where(wild, phi, 1.0), df


def pp(states: States, v: Floats, rest: Floats, phi: Floats, z: float) -> Floats:
    """`predictive.predictive` with drift S/V."""
    root = np.sqrt(phi)
    gap = states.u / root + np.sqrt(states.rho * rest) * (states.s / v) / root - z
    scale = np.sqrt(states.rho * (1.0 + rest / v))
    spent = np.where(gap >= 0.0, 1.0, 0.0)
    return np.where(v <= 0.0, 1.0, np.where(scale <= 0.0, spent, ndtr(gap / scale)))


def impossible(
    states: States, v: Floats, rest: Floats, p0: float, correction: float, z: float
) -> Bools:
    """`predictive.impossible`."""
    best = states.u + np.sqrt(states.rho * rest) / (1.0 - p0) - correction / np.sqrt(v + rest)
    return (v + rest > 0.0) & (best < z)


def share_above(n: Floats, x: Floats, p0: float) -> Floats:
    """`risks.share_above`."""
    a, b = 0.5 + x, 0.5 / p0 + n - x
    mean = a / (a + b)
    found = np.asarray(ndtr((mean - p0) / np.sqrt(mean * (1.0 - mean) / (a + b + 1.0))))
    few = n * p0 < MANY_EVENTS
    found[few] = 1.0 - betainc(a[few], b[few], p0)
    return found


def score_below(s: Floats, v: Floats, phi: Floats) -> Floats:
    """`risks.score_below`."""
    return np.where(v > 0.0, ndtr(-s / np.sqrt(v * phi)), 0.0)


def alarm(
    detector: Floats,
    n: Floats,
    x: Floats,
    p0: float,
    alternatives: tuple[float, ...],
    looks: int,
    first: Bools,
    phi: Floats,
    valid: Bools,
) -> Floats:
    """`detectors.step` where `valid`; detector [alternative, experiment, version]."""
    start = np.log(0.5 / max(looks - 1, 1) / max(len(alternatives), 1))
    p = np.array(alternatives)[:, None, None]
    ratio = (x * np.log(p / p0) + (n - x) * np.log((1.0 - p) / (1.0 - p0))) / phi
    grown = np.where(first, detector, np.logaddexp(detector, start)) + ratio
    return np.where(valid, grown, detector)


def logsumexp(terms: Floats) -> Floats:
    """Log of a sum of exponentials along the leading axis."""
    top = terms.max(axis=0)
    found: Floats = top + np.log(np.exp(terms - top).sum(axis=0))
    return found
