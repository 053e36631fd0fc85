"""`inference.absorbing` on arrays: a look of many experiments into their evidence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from crossfade_analyzer.inference.claim_specs import Claim
from crossfade_analyzer.inference.information import EXPLICIT_LOOKS
from crossfade_analyzer.inference.plan import Plan

from . import batches, formulas, information
from .evidence import Bools, Floats, Lines, ManyEvidence
from .looks import ManyLook
from .scoring import increment_of
from .traffic import check_ratios, count_traffic


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
