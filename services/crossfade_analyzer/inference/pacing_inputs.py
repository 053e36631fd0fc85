"""What pacing reads off the weighed claims of each candidate."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .appraising import STALE_OBJECTIVE, STALE_REWARD, Weighed
from .evidence import Stop
from .pacing import Pace


def pace_of(
    weighed: Sequence[Weighed], weight: int, stop: Stop | None, not_ready: bool
) -> Pace:
    """One candidate as pacing sees it."""
    asked = [w for w in weighed if w.counts]
    d, se, strata = reward_of(weighed)
    inferred = [w for w in weighed if w.claim.inferred]
    return Pace(
        weight=float(weight),
        active=stop is None,
        unseen=not any(w.v > 0.0 for w in inferred) and bool(inferred),
        blind=not_ready or any(_is_blind(w) for w in inferred),
        pp=min((w.pp for w in asked), default=1.0),
        risk=max((w.risk for w in inferred if w.claim.role == "objective"), default=0.0),
        d=d,
        se=se,
        strata=strata,
    )


def _is_blind(w: Weighed) -> bool:
    reward = w.claim.role == "reward"
    return w.line.stale >= (STALE_REWARD if reward else STALE_OBJECTIVE)


def reward_of(weighed: Sequence[Weighed]) -> tuple[float, float, float]:
    """(d, se, strata) of the reward; without one, no difference and the fewest batches."""
    for w in weighed:
        if w.claim.role == "reward" and w.claim.kind == "gauge":
            return _gauge_reward(w)
        if w.claim.role == "reward" and w.claim.inferred:
            state = w.line.state
            if state.w <= 0.0 or state.v <= 0.0:
                return 0.0, math.inf, state.k
            return state.s / state.w, math.sqrt(state.v * w.line.phi) / state.w, state.k
    return 0.0, 0.0, float(min((w.line.batches for w in weighed if w.counts), default=0))


def _gauge_reward(w: Weighed) -> tuple[float, float, float]:
    state = w.line.gauge
    if state.k < 2.0 or w.z == 0.0:
        return 0.0, math.inf, state.k
    mean = state.xz / state.xx
    return mean, abs(mean / w.z), state.k
