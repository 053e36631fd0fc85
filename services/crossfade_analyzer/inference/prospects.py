"""Before the start: what this plan could prove, and with how much (§2.13).

Nothing is read but the forecast of requests and, if known, what the baseline's own counters say.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from .claim_specs import Claim
from .distributions import ndtri
from .information import exposures
from .needs import clean_requests, share_requests
from .pacing import TARGET, TARGET_SHARED, opening
from .plan import Plan

POWER = 0.8
FARTHEST = 1_000_000
"""Iterations after which "never" is the honest word."""


@dataclass(frozen=True, slots=True)
class Prospect:
    """What may become of one claim; None stands for what cannot be said in advance.

    `planned`: requests that a candidate will get. `flawless`: requests that prove it without one
    failure. `typical`: requests for 4 chances in 5 if the candidate is like the baseline.
    `smallest_effect`: the difference from the baseline, in the metric's unit, that has 4 chances
    in 5. `looks`: iterations to the fewest requests that could prove it, at this rate.
    """

    claim: str
    kind: str
    planned: float | None
    flawless: float | None
    typical: float | None
    smallest_effect: float | None
    looks: int | None
    provable: bool | None


def prospects(
    plan: Plan, baseline: Mapping[str, float] | None = None, forecast: float | None = None
) -> tuple[Prospect, ...]:
    """One prospect for each claim; `baseline` is the baseline's rate by claim name.

    `forecast` (requests per interval, all versions) stands in for the plan's own.
    """
    known, rate = baseline or {}, forecast or plan.requests_per_interval
    alone, paired = exposure(plan, plan.deciding_look)
    return tuple(
        _prospect(plan, claim, known.get(claim.name), rate, alone, paired)
        for claim in plan.claims
    )


def aim(plan: Plan) -> float:
    """The weight a candidate is heading for; alone it has everything, unmoved an even share."""
    count = len(plan.candidates)
    if not plan.baseline:
        return 100.0
    if plan.max_candidate_weight_increment == 0:
        return 100.0 / (count + 1)
    return min(TARGET if count == 1 else TARGET_SHARED / count, plan.max_candidate_weight)


def exposure(plan: Plan, looks: int) -> tuple[float, float]:
    """(alone, paired) planned exposure of one candidate over so many looks, in whole splits.

    The first look is at the opening's weights, each later one a rise nearer to the aim.
    """
    aims, increment = [aim(plan)] * len(plan.candidates), plan.max_candidate_weight_increment
    still = not plan.baseline or increment == 0
    weights = aims if still else [float(opening(plan)[name]) for name in plan.candidates]
    (first, *_), (pair, *_) = exposures(weights, weights, 0.0, min(looks, 1))
    (alone, *_), (paired, *_) = exposures(weights, aims, float(increment), max(looks - 1, 0))
    return first + alone, pair + paired


def looks_until(plan: Plan, wanted: float, rate: float, paired: bool = False) -> int:
    """Looks until a candidate has seen `wanted` requests (paired: effective ones), or FARTHEST.

    `rate` is requests per interval, of all versions together.
    """
    which, low, high = int(paired), 0, 1
    while high < FARTHEST and exposure(plan, high)[which] * rate < wanted:
        low, high = high, high * 2
    while low + 1 < high < FARTHEST:
        middle = (low + high) // 2
        enough = exposure(plan, middle)[which] * rate >= wanted
        low, high = (low, middle) if enough else (middle, high)
    return min(high, FARTHEST)


def _prospect(
    plan: Plan,
    claim: Claim,
    seen: float | None,
    rate: float | None,
    alone: float,
    paired: float,
) -> Prospect:
    planned = rate * alone if rate is not None and claim.exposure == "requests" else None
    flawless = typical = None
    if claim.proportion:
        share = seen if seen is None or not claim.complemented else 1.0 - seen
        flawless = clean_requests(claim.p0, plan.z_level)
        typical = share_requests(claim.p0, share, plan.z_level) if share is not None else None
    effect = _smallest(plan, claim, seen, rate, paired)
    enough = None if planned is None or flawless is None else planned >= flawless
    looks = None
    if rate and planned and flawless is not None:
        looks = looks_until(plan, flawless, rate)
    return Prospect(claim.name, claim.kind, planned, flawless, typical, effect, looks, enough)


def _smallest(
    plan: Plan, claim: Claim, seen: float | None, rate: float | None, paired: float
) -> float | None:
    """The difference of shares or rates that has 4 chances in 5, margin included."""
    if not claim.paired or seen is None or claim.kind not in ("bernoulli", "poisson"):
        return None
    weight = rate * paired if rate is not None else 0.0
    if claim.exposure == "time":
        weight = plan.deciding_look * plan.interval * 0.5
    if weight <= 0.0 or seen <= 0.0:
        return None
    effect = 0.0
    for _ in range(3):  # the better version brings a variance of its own
        middle = min(seen + effect / 2.0, 1.0 if claim.kind == "bernoulli" else math.inf)
        per_unit = middle * (1.0 - middle) if claim.kind == "bernoulli" else middle
        effect = (plan.z_level + ndtri(POWER)) * math.sqrt(per_unit / weight)
    return claim.margin_of_proof + effect
