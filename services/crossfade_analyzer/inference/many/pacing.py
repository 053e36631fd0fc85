"""`inference.pacing` on arrays [experiment, candidate]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from crossfade_analyzer.inference.pacing import (
    EPSILON,
    FIRST_REQUESTS,
    FLOOR_REQUESTS,
    LEADER_CAP,
    LEADING,
    LEADING_STRATA,
    LEAST_SHARE,
    PP_SCALE,
    RESCUE,
    RISKY,
    TARGET,
    TARGET_SHARED,
)
from crossfade_analyzer.inference.plan import Plan

from .evidence import Bools, Floats, Ints


@dataclass(frozen=True)
class Paces:
    """`Pace` of every candidate."""

    weight: Floats
    active: Bools
    unseen: Bools
    blind: Bools
    pp: Floats
    risk: Floats
    d: Floats
    se: Floats
    strata: Floats


def steps(plan: Plan, forecast: Floats) -> tuple[Floats, Floats]:
    """(first weight, floor weight) of every experiment, as a column."""
    count, inc = len(plan.candidates), float(plan.max_candidate_weight_increment)
    first = min(inc, 10.0) / max(count / 2.0, 1.0)
    floor = min(inc, 5.0, 50.0 / count)
    return _sized(plan, FIRST_REQUESTS, first, forecast), _sized(
        plan, FLOOR_REQUESTS, floor, forecast
    )


def _sized(plan: Plan, requests: float, most: float, forecast: Floats) -> Floats:
    known = forecast > 0.0
    wanted = np.where(known, np.ceil(100.0 * requests / np.where(known, forecast, 1.0)), most)
    sized = np.minimum(np.maximum(wanted, 1.0), most)
    return np.minimum(sized, plan.max_candidate_weight)[:, None]


def beats(d: Floats, se: Floats, best_d: Floats, best_se: Floats) -> Floats:
    """P(better than the other), 0.5 while neither is known."""
    spread = np.hypot(se, best_se)
    known = (spread > 0.0) & np.isfinite(spread)
    return np.where(known, ndtr((d - best_d) / np.where(known, spread, 1.0)), 0.5)


def shares(paces: Paces) -> Floats:
    """Each candidate's part of the shared target."""
    d = np.where(paces.active, paces.d, -np.inf)
    top = d.max(axis=1, keepdims=True)
    ties = np.where(d == top, np.minimum(paces.se, 1e300), np.inf)
    best = np.argmin(ties, axis=1)[:, None]
    best_d = np.take_along_axis(paces.d, best, axis=1)
    best_se = np.take_along_axis(paces.se, best, axis=1)
    chance = beats(paces.d, paces.se, best_d, best_se) * (1.0 - paces.risk)
    raw = np.where(paces.active, np.maximum(chance, LEAST_SHARE), 0.0)
    total = raw.sum(axis=1, keepdims=True)
    return raw / np.where(total > 0.0, total, 1.0)


def targets(paces: Paces, rescue: Bools) -> Floats:
    """The weight each candidate is heading for."""
    if paces.weight.shape[1] == 1:
        whole = np.where(rescue, RESCUE, TARGET)[:, None]
        return np.where(paces.active, whole, 0.0)
    return np.where(rescue, RESCUE, TARGET_SHARED)[:, None] * shares(paces)


def leads(paces: Paces) -> Bools:
    """Whether a proof is all but certain and no rival is likely to be better."""
    ready = paces.active & (paces.pp >= LEADING) & (paces.strata >= LEADING_STRATA)
    for i in range(paces.weight.shape[1]):
        rival = beats(paces.d[:, i : i + 1], paces.se[:, i : i + 1], paces.d, paces.se)
        harmless = (rival < 0.05) | ~paces.active[:, i : i + 1]
        harmless[:, i] = True
        ready = ready & harmless
    return ready


def next_weights(
    plan: Plan, paces: Paces, aims: Floats, forecast: Floats, rescue: Bools
) -> tuple[Ints, Bools]:
    """(the next whole weights of the candidates, who leads)."""
    leading = leads(paces)
    first, floor = steps(plan, forecast)
    w, cap = paces.weight, float(plan.max_candidate_weight)
    up = np.minimum(w + plan.max_candidate_weight_increment, cap)
    g = np.where(paces.risk > RISKY, 0.0, np.minimum(1.0, paces.pp / PP_SCALE))
    aim = np.maximum(floor, aims * g)
    paced = np.where(
        (aim < w) | paces.blind, np.minimum(np.minimum(aim, w), cap), np.minimum(aim, up)
    )
    led = np.minimum(up, np.maximum(LEADER_CAP, aims))
    wanted = np.where(leading & ~paces.blind, led, paced)
    opened = np.minimum(np.maximum(np.minimum(w, aims), first), up)
    wanted = np.where(paces.unseen, opened, wanted)
    wanted = np.where(paces.active, wanted, 0.0)
    most, total = np.where(rescue, RESCUE, LEADER_CAP), wanted.sum(axis=1)
    scale = np.where(total > most, most / np.where(total > most, total, 1.0), 1.0)
    return np.floor(wanted * scale[:, None] + EPSILON).astype(np.int64), leading
