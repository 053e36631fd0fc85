"""How much traffic each candidate gets next (§2.7); validity never depends on it.

First a step sized in requests, then a ramp to 40 % (96 % of the information of 50 % at 80 % of
the exposure), scaled by the chance of a proof, never up on stale data. A leader is held at 80 %:
a control group stays, so that a reversal remains visible. Several candidates share 50 % by a
closed-form chance of being best, in the spirit of top-two sampling (Russo 2016).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from .distributions import ndtr
from .plan import Plan

TARGET, TARGET_SHARED, RESCUE = 40.0, 50.0, 95.0
LEADER_CAP = 80.0
PP_SCALE = 0.10
RISKY = 0.4
LEADING = 0.99
LEADING_STRATA = 3
FIRST_REQUESTS, FLOOR_REQUESTS = 200.0, 50.0
LEAST_SHARE = 0.08
EPSILON = 1e-9  # whole weights that were computed as 24.999999999


class Pace(NamedTuple):
    """What pacing needs to know of one candidate: d ± se is its reward over the baseline's."""

    weight: float
    active: bool
    unseen: bool
    blind: bool
    pp: float
    risk: float
    d: float
    se: float
    strata: float


def clip(x: float, low: float, high: float) -> float:
    """The nearest of [low, high] to x; `high` wins when they cross."""
    return min(max(x, low), high)


def first_weight(plan: Plan, forecast: float | None) -> float:
    """The first step: about 200 requests an interval, at most 10 points (shared if several)."""
    count, increment = len(plan.candidates), float(plan.max_candidate_weight_increment)
    most = min(increment, 10.0) / max(count / 2.0, 1.0)
    wanted = math.ceil(100.0 * FIRST_REQUESTS / forecast) if forecast else most
    return min(clip(wanted, 1.0, most), plan.max_candidate_weight)


def floor_weight(plan: Plan, forecast: float | None) -> float:
    """The least that a candidate in the race gets: about 50 requests, at most 5 points."""
    most = min(plan.max_candidate_weight_increment, 5.0, 50.0 / len(plan.candidates))
    wanted = math.ceil(100.0 * FLOOR_REQUESTS / forecast) if forecast else most
    return min(clip(wanted, 1.0, most), plan.max_candidate_weight)


def shares(paces: Sequence[Pace]) -> list[float]:
    """Each candidate's part of the shared target: its chance of beating the best, times safety."""
    racing = [p for p in paces if p.active]
    if not racing:
        return [0.0] * len(paces)
    best = max(racing, key=lambda p: (p.d, -p.se))
    raw = [
        max(_beats(p, best) * (1.0 - p.risk), LEAST_SHARE) if p.active else 0.0 for p in paces
    ]
    total = math.fsum(raw)
    return [x / total for x in raw]


def _beats(one: Pace, other: Pace) -> float:
    """P(one is better than the other), 0.5 while neither is known."""
    spread = math.hypot(one.se, other.se)
    return ndtr((one.d - other.d) / spread) if 0.0 < spread < math.inf else 0.5


def targets(plan: Plan, paces: Sequence[Pace], rescue: bool) -> list[float]:
    """The weight each candidate is heading for."""
    if len(paces) == 1:
        whole = RESCUE if rescue else TARGET
        return [whole if paces[0].active else 0.0]
    whole = RESCUE if rescue else TARGET_SHARED
    return [whole * share for share in shares(paces)]


def leads(i: int, paces: Sequence[Pace]) -> bool:
    """Whether a proof is all but certain and no rival is likely to be better."""
    me = paces[i]
    if not me.active or me.pp < LEADING or me.strata < LEADING_STRATA:
        return False
    rivals = (p for j, p in enumerate(paces) if j != i and p.active)
    return all(_beats(rival, me) < 0.05 for rival in rivals)


def next_weights(
    plan: Plan,
    paces: Sequence[Pace],
    aims: Sequence[float],
    forecast: float | None,
    rescue: bool,
) -> list[int]:
    """The next whole weights of the candidates; the baseline gets the rest."""
    floor, first = floor_weight(plan, forecast), first_weight(plan, forecast)
    wanted = [
        _next(plan, pace, aim, floor, first, leads(i, paces))
        for i, (pace, aim) in enumerate(zip(paces, aims, strict=True))
    ]
    most, total = RESCUE if rescue else LEADER_CAP, math.fsum(wanted)
    scale = most / total if total > most else 1.0
    return [math.floor(w * scale + EPSILON) for w in wanted]


def _next(
    plan: Plan, pace: Pace, aim: float, floor: float, first: float, leading: bool
) -> float:
    """One candidate's next weight before rounding."""
    w, cap = pace.weight, float(plan.max_candidate_weight)
    if not pace.active:
        return 0.0
    up = min(w + plan.max_candidate_weight_increment, cap)
    if pace.unseen:
        return min(max(min(w, aim), first), up)
    if leading and not pace.blind:
        return min(up, max(LEADER_CAP, aim))
    g = 0.0 if pace.risk > RISKY else min(1.0, pace.pp / PP_SCALE)
    aim = max(floor, aim * g)
    if aim < w or pace.blind:
        return min(aim, w, cap)
    return min(aim, up)


def opening(plan: Plan) -> dict[str, int]:
    """The split to begin with, before anything was read."""
    first = math.floor(first_weight(plan, plan.requests_per_interval) + EPSILON)
    split = dict.fromkeys(plan.candidates, first)
    return {plan.baseline: 100 - sum(split.values()), **split}


def chances_of_best(paces: Sequence[Pace]) -> list[float]:
    """P(best) of the baseline and of every candidate, by pairs with the best, normalised."""
    known = [p for p in paces if p.active and 0.0 < p.se < math.inf]
    field = [Pace(0.0, True, False, False, 1.0, 0.0, 0.0, 0.0, 0.0), *paces]
    if len(known) < len([p for p in paces if p.active]) or not known:
        alive = [p.active for p in field]
        return [1.0 / sum(alive) if a else 0.0 for a in alive]
    best = max((p for p in field if p.active), key=lambda p: p.d)
    rival = [max((q.d for q in field if q is not p and q.active), default=0.0) for p in field]
    raw = [_ahead(p, best, r) if p.active else 0.0 for p, r in zip(field, rival, strict=True)]
    total = math.fsum(raw)
    return [x / total for x in raw]


def _ahead(one: Pace, best: Pace, rival: float) -> float:
    """P(one is ahead of its strongest rival)."""
    spread = math.hypot(one.se, best.se) if one is not best else max(one.se, 1e-300)
    if one.se == 0.0 and best.se == 0.0:
        return 1.0 if one.d >= rival else 0.0
    return ndtr((one.d - rival) / max(spread, 1e-300))
