"""How much traffic an interval had, and how much the next ones will have (§2.1).

Counts only, never outcomes: what is planned may depend on them and the level still holds.
"""

from __future__ import annotations

import math

from . import batches
from .claim_specs import COUNTED
from .evidence import Traffic
from .plan import Look, Plan

MEMORY = 0.7


def count_traffic(
    plan: Plan, traffic: Traffic, look: Look, split: tuple[int, ...]
) -> tuple[Traffic, list[float] | None]:
    """(traffic with its new forecast, requests of this interval alone if every version has them).

    Versions that were not read are made up for by their weights.
    """
    seen, at = list(traffic.seen), list(traffic.at)
    rates, weight, alone = [], 0, True
    for v, name in enumerate(plan.versions):
        delta = _requests(plan, look, name, seen[v])
        if delta is None:
            alone = False
            continue
        rates.append(delta / max(look.iteration - at[v], 1))
        weight, alone = weight + split[v], alone and look.iteration - at[v] == 1
        seen[v], at[v] = _reading(plan, look, name) or 0.0, look.iteration
    forecast = _forecast(traffic.forecast, math.fsum(rates), weight, sum(split))
    return Traffic(tuple(seen), tuple(at), forecast), rates if alone else None


def _forecast(old: float | None, rate: float, weight: int, whole: int) -> float | None:
    """Exponentially smoothed requests per interval; unchanged when too little was read."""
    if weight * 2 < whole or weight == 0:
        return old
    total = rate * whole / weight
    return total if old is None else MEMORY * old + (1.0 - MEMORY) * total


def _reading(plan: Plan, look: Look, name: str) -> float | None:
    value = look.readings.get(name, {}).get(plan.traffic_key or "")
    return value if value is not None and batches.plausible(value, COUNTED) else None


def _requests(plan: Plan, look: Look, name: str, seen: float) -> float | None:
    value = _reading(plan, look, name)
    if value is None:
        return None
    if plan.traffic_window == "interval":
        return value
    delta = batches.difference((seen,), (value,))
    return delta[0] if delta else None
