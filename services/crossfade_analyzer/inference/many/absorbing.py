"""`inference.absorbing` on arrays: a look of many experiments into their evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from crossfade_analyzer.inference import increments
from crossfade_analyzer.inference.absorbing import LEAST_EVENTS, MEMORY
from crossfade_analyzer.inference.claim_specs import COUNTED, Claim
from crossfade_analyzer.inference.information import EXPLICIT_LOOKS
from crossfade_analyzer.inference.plan import Plan
from crossfade_analyzer.inference.ratio_check import LOG_CAP, TILTS

from . import batches, formulas, information
from .evidence import Bools, Floats, Ints, Lines, ManyEvidence


@dataclass(frozen=True)
class ManyLook:
    """`Look` of many experiments: `readings[key]` is [experiment, version], NaN where missing.

    Versions are in the plan's order, the baseline first; `not_ready` is [experiment, candidate].
    """

    iteration: int
    elapsed: float
    split: Ints
    readings: Mapping[str, Floats] = field(default_factory=dict)
    not_ready: Bools | None = None


def absorb(plan: Plan, evidence: ManyEvidence, look: ManyLook) -> ManyEvidence:
    """The evidence of every experiment after this look."""
    seen, at, forecast, rates, alone = count_traffic(plan, evidence, look)
    checked = alone & (look.split == evidence.split).all(axis=1)
    ratios = np.where(
        checked, check_ratios(evidence.ratios, rates, look.split), evidence.ratios
    )
    targets = np.minimum(evidence.targets, plan.max_candidate_weight)
    looks = plan.deciding_look - look.iteration
    exposure = exposures(
        look.split[:, 1:].astype(np.float64),
        targets,
        plan.max_candidate_weight_increment,
        looks,
    )
    lines = tuple(
        _absorb_claim(plan, plan.claims[j], mine, look, forecast, exposure)
        for j, mine in enumerate(evidence.lines)
    )
    return replace(
        evidence,
        iteration=look.iteration,
        split=look.split,
        traffic_seen=seen,
        traffic_at=at,
        forecast=forecast,
        lines=lines,
        ratios=ratios,
    )


def exposures(
    weights: Floats, targets: Floats, increment: float, looks: int
) -> tuple[Floats, Floats]:
    """`information.exposures`: (alone, paired), each [experiment, candidate]."""
    alone, paired = np.zeros_like(weights), np.zeros_like(weights)
    now, left = weights, looks
    while left > 0:
        after = np.minimum(now + increment, targets)
        settled = bool((after == now).all()) or looks - left >= EXPLICIT_LOOKS
        times = left if settled else 1
        rest = np.maximum(100.0 - after.sum(axis=1, keepdims=True), 0.0)
        alone = alone + times * after / 100.0
        whole = np.where(after + rest > 0.0, after + rest, 1.0)
        paired = paired + times * after * rest / whole / 100.0
        now, left = after, left - times
    return alone, paired


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


def _absorb_claim(
    plan: Plan,
    claim: Claim,
    lines: Lines,
    look: ManyLook,
    forecast: Floats,
    exposure: tuple[Floats, Floats],
) -> Lines:
    """One claim of every experiment and version after this look."""
    now = batches.group(claim, look.readings, look.elapsed, look.split.shape)
    if claim.paired:
        own, other = now[:, :, 1:], np.broadcast_to(now[:, :, :1], now[:, :, 1:].shape)
        now = np.concatenate([own, other])
    if not claim.inferred:
        return _absorb_value(lines, look, now)
    batch, valid = _batch(claim, lines.seen, now)
    first = lines.batches == 0
    after = replace(
        lines,
        seen=np.where(valid, now, lines.seen),
        at=np.where(valid, look.iteration, lines.at),
        stale=np.where(valid, 0, lines.stale + 1),
        batches=lines.batches + valid,
        totals=lines.totals + np.where(valid, batch, 0.0),
    )
    if claim.proportion:
        phi = np.concatenate([np.ones_like(lines.phi[:, :1]), lines.phi], axis=1)
        detector = formulas.alarm(
            lines.detector,
            batch[0],
            batch[-1],
            claim.p0,
            claim.alternatives,
            plan.iterations,
            first,
            phi,
            valid,
        )
        after = replace(after, detector=detector)
    return _score(plan, claim, after, look, batch, valid, forecast, exposure)


def _absorb_value(lines: Lines, look: ManyLook, now: Floats) -> Lines:
    """A budget or a description: only the latest value counts."""
    valid = np.isfinite(now).all(axis=0)
    return replace(
        lines,
        seen=np.where(valid, now, lines.seen),
        at=np.where(valid, look.iteration, lines.at),
        stale=np.where(valid, 0, lines.stale + 1),
    )


def _batch(claim: Claim, seen: Floats, now: Floats) -> tuple[Floats, Bools]:
    """(what came since the snapshot, whether it is a batch), the parts of a pair together."""
    if not claim.paired:
        batch, valid = batches.window(claim, seen, now)
        return batches.canonical(claim, batch), valid
    half = len(now) // 2
    own, own_valid = batches.window(claim, seen[:half], now[:half])
    other, other_valid = batches.window(claim, seen[half:], now[half:])
    parts = [batches.canonical(claim, own), batches.canonical(claim, other)]
    return np.concatenate(parts), own_valid & other_valid


def _score(
    plan: Plan,
    claim: Claim,
    lines: Lines,
    look: ManyLook,
    batch: Floats,
    valid: Bools,
    forecast: Floats,
    exposure: tuple[Floats, Floats],
) -> Lines:
    """The lines with planned information, this batch in their claim states, and dispersion."""
    skip = 0 if claim.paired else 1
    mine, valid = batch[:, :, skip:], valid[:, skip:]
    totals, looks = lines.totals[:, :, skip:], plan.deciding_look - look.iteration
    own = np.where(valid, mine[0], 0.0)
    planned = np.where(np.isnan(forecast)[:, None], own, forecast[:, None])
    seen = lines.batches[:, skip:] > 0
    rest = np.where(seen, information.rest(claim, plan, totals, planned, exposure, looks), 0.0)
    increment, spread = increment_of(claim, mine, totals)
    deciding, recent = looks <= 0, plan.recent(look.iteration)
    states = formulas.step(lines.states, increment, spread, rest, deciding, recent, valid)
    phi, _ = formulas.dispersion(states, claim.paired)
    return replace(lines, states=states, rest=rest, phi=phi)


def increment_of(
    claim: Claim, batch: Floats, totals: Floats
) -> tuple[tuple[Floats, Floats, Floats], Floats]:
    """`absorbing.increment_of`: ((ΔS, ΔV, ΔW), D)."""
    if claim.paired:
        ds, dv, dw = _paired(claim, batch, totals)
        return (claim.sign * ds - claim.margin_of_proof * dw, dv, dw), dv
    n, x = batch[0], batch[1]
    if claim.kind == "mean":
        v0 = information.boundary_variance(claim, totals)
        ds, dv, dw = increments.mean_below_limit(n, x, claim.limit, v0)
        spread = n * information.moments(claim, totals)[2]
        return _where(n > 0.0, -claim.sign * ds, dv, dw, spread)
    fitted = totals[1] / totals[0]
    if claim.proportion:
        ds, dv, dw = increments.share_below_limit(n, x, claim.p0)
        spread = np.where(n * fitted >= LEAST_EVENTS, n * fitted * (1.0 - fitted), 0.0)
        return _where(n > 0.0, ds, dv, dw, spread)
    ds, dv, dw = increments.rate_below_limit(n, x, claim.limit)
    spread = np.where(n * fitted >= LEAST_EVENTS, n * fitted, 0.0)
    return _where(n > 0.0, -claim.sign * ds, dv, dw, spread)


def _paired(claim: Claim, batch: Floats, totals: Floats) -> tuple[Floats, ...]:
    """(ΔS, ΔV, ΔW) of candidate minus baseline, zeros where a side is empty."""
    half = len(batch) // 2
    n_c, x_c, n_b, x_b = batch[0], batch[1], batch[half], batch[half + 1]
    filled = (n_c > 0.0) & (n_b > 0.0)
    if claim.kind == "bernoulli":
        filled &= n_c + n_b > 1.0
        found = increments.shares_differ(n_c, x_c, n_b, x_b)
    elif claim.kind == "poisson":
        found = increments.rates_differ(n_c, x_c, n_b, x_b)
    else:
        width = len(totals) // 2
        v_c = information.moments(claim, totals[:width])[2]
        v_b = information.moments(claim, totals[width:])[2]
        found = increments.means_differ(n_c, x_c, v_c, n_b, x_b, v_b)
    return tuple(np.where(filled, part, 0.0) for part in found)


def _where(
    filled: Bools, ds: Floats, dv: Floats, dw: Floats, spread: Floats
) -> tuple[tuple[Floats, Floats, Floats], Floats]:
    s, v, w, d = (np.where(filled, x, 0.0) for x in (ds, dv, dw, spread))
    return (s, v, w), d
