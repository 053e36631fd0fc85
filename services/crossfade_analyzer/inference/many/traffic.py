"""`inference.traffic` and the sample-ratio check on arrays."""

from __future__ import annotations

import numpy as np

from crossfade_analyzer.inference.claim_specs import COUNTED
from crossfade_analyzer.inference.plan import Plan
from crossfade_analyzer.inference.ratio_check import LOG_CAP, TILTS
from crossfade_analyzer.inference.traffic import MEMORY

from . import batches
from .evidence import Bools, Floats, Ints, ManyEvidence
from .looks import ManyLook


def count_traffic(
    plan: Plan, evidence: ManyEvidence, look: ManyLook
) -> tuple[Floats, Ints, Floats, Floats, Bools]:
    """(seen, at, forecast, requests of this interval, whether every version has it alone)."""
    now = look.readings.get(plan.traffic_key or "", np.full(look.split.shape, np.nan))
    now = batches.plausible(now, COUNTED)
    if plan.traffic_window == "interval":
        delta, valid = now, np.isfinite(now)
    else:
        delta, valid = batches.difference(evidence.traffic_seen[None], now[None], False)
        delta = delta[0]
    since = np.maximum(look.iteration - evidence.traffic_at, 1)
    rates = np.where(valid, delta / since, 0.0)
    weight = np.where(valid, look.split, 0).sum(axis=1)
    whole = look.split.sum(axis=1)
    total = rates.sum(axis=1) * whole / np.maximum(weight, 1)
    mixed = MEMORY * evidence.forecast + (1.0 - MEMORY) * total
    after = np.where(np.isnan(evidence.forecast), total, mixed)
    forecast = np.where((weight * 2 < whole) | (weight == 0), evidence.forecast, after)
    alone = (valid & (look.iteration - evidence.traffic_at == 1)).all(axis=1)
    seen = np.where(valid, now, evidence.traffic_seen)
    at = np.where(valid, look.iteration, evidence.traffic_at)
    return seen, at, forecast, rates, alone


def check_ratios(ratios: Floats, requests: Floats, split: Ints) -> Floats:
    """`ratio_check.step`: [version × tilt, experiment]."""
    total = requests.sum(axis=1)
    share = split / np.maximum(split.sum(axis=1, keepdims=True), 1)
    logs = [
        np.minimum(
            requests[:, v] * tilt - total * np.log(1.0 + share[:, v] * (np.exp(tilt) - 1.0)),
            LOG_CAP,
        )
        for v in range(split.shape[1])
        for tilt in TILTS
    ]
    found: Floats = ratios + np.stack(logs)
    return found
