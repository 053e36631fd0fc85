"""A look into the evidence: batches, traffic, planned information, claims, alarms, dispersion.

The order is that of decision-engine §2.8: what is planned is fixed before what is observed.
"""

from __future__ import annotations

from . import batches, claims, detectors, dispersion, gauges, information, ratio_check
from .batches import Counts
from .claim_specs import Claim
from .evidence import Evidence, Line
from .plan import Look, Plan
from .scoring import increment_of
from .traffic import count_traffic


def absorb(plan: Plan, evidence: Evidence, look: Look) -> Evidence:
    """The evidence after this look; targets and stops are left to the appraisal."""
    split = tuple([int(look.split.get(name, 0)) for name in plan.versions])
    traffic, requests = count_traffic(plan, evidence.traffic, look, split)
    ratios = evidence.ratios
    if requests is not None and split == evidence.split:
        ratios = ratio_check.step(ratios, requests, split)
    exposure = planned_exposure(plan, evidence, split, look.iteration)
    lines = [
        _absorb_line(plan, j, v, line, look, traffic.forecast, exposure)
        for (j, v), line in zip(plan.slots, evidence.lines, strict=True)
    ]
    return Evidence(
        iteration=look.iteration,
        elapsed=look.elapsed,
        split=split,
        traffic=traffic,
        lines=_with_dispersion(plan, lines),
        ratios=ratios,
        targets=evidence.targets,
        stops=evidence.stops,
    )


def planned_exposure(
    plan: Plan, evidence: Evidence, split: tuple[int, ...], iteration: int
) -> list[tuple[float, float]]:
    """(alone, paired) exposure of each candidate from the split in force to the targets."""
    targets = [min(t, plan.max_candidate_weight) for t in evidence.targets]
    alone, paired = information.exposures(
        split[1:], targets, plan.max_candidate_weight_increment, plan.deciding_look - iteration
    )
    return list(zip(alone, paired, strict=True))


def _absorb_line(
    plan: Plan,
    j: int,
    v: int,
    line: Line,
    look: Look,
    forecast: float | None,
    exposure: list[tuple[float, float]],
) -> Line:
    """One line after this look; without a valid batch it only grows stale and replans."""
    claim, now = plan.claims[j], _snapshot(plan, j, v, look)
    if not claim.inferred:
        return line._replace(stale=line.stale + 1) if now is None else Line(now, look.iteration)
    if claim.kind == "gauge":
        return _absorb_gauge(plan, claim, v, line, look, now)
    batch = None if now is None else _batch(claim, line, now)
    if batch is None or now is None:
        line, totals = line._replace(stale=line.stale + 1), line.totals
    else:
        totals = _added(line.totals, batch)
    rest = line.rest
    if v > 0:
        planned = forecast if forecast is not None else batch[0] if batch else 0.0
        looks = plan.deciding_look - look.iteration
        rest = information.rest(claim, plan, totals, planned, exposure[v - 1], looks)
    if batch is None or now is None:
        return line._replace(rest=rest)
    state, prior = line.state, line.prior
    if v > 0:
        state, prior = _scored(plan, claim, line, batch, totals, rest, look.iteration)
    return Line(
        now,
        look.iteration,
        0,
        totals,
        state,
        _alarmed(plan, claim, v, line, batch),
        line.gauge,
        rest,
        line.phi,
        prior,
        line.batches + 1,
    )


def _added(totals: Counts, batch: Counts) -> Counts:
    return tuple([a + b for a, b in zip(totals, batch, strict=True)]) if totals else batch


def _alarmed(plan: Plan, claim: Claim, v: int, line: Line, batch: Counts) -> detectors.Detector:
    """The alarm after a batch; a candidate's is damped by the dispersion known before it."""
    if not line.detector:
        return line.detector
    phi, first = 1.0 if v == 0 else line.phi, not line.totals
    return detectors.step(
        line.detector, batch[0], batch[-1], claim.odds, plan.iterations, first, phi
    )


def _snapshot(plan: Plan, j: int, v: int, look: Look) -> Counts | None:
    """The readings of a line, the baseline's appended for a pair; None if any is missing."""
    claim = plan.claims[j]
    own = batches.group(claim, look.readings.get(plan.versions[v], {}), look.elapsed)
    if not claim.paired or own is None:
        return own
    other = batches.group(claim, look.readings.get(plan.baseline, {}), look.elapsed)
    return None if other is None else own + other


def _batch(claim: Claim, line: Line, now: Counts) -> Counts | None:
    """What came since the line's snapshot, version by version; None when it must wait."""
    seen = line.seen or (0.0,) * len(now)
    if not claim.paired:
        return _part(claim, seen, now)
    half = len(now) // 2
    candidate = _part(claim, seen[:half], now[:half])
    baseline = _part(claim, seen[half:], now[half:])
    return None if candidate is None or baseline is None else candidate + baseline


def _part(claim: Claim, seen: Counts, now: Counts) -> Counts | None:
    """What came of one version; None when it must wait."""
    if claim.window == "interval":
        return batches.canonical(claim, _interval(claim, seen, now))
    part = batches.difference(seen, now, claim.exposure == "time", claim.firm)
    return None if part is None else batches.canonical(claim, part)


def _interval(claim: Claim, seen: Counts, now: Counts) -> Counts:
    """A window of one interval is its own batch; only its clock is differenced."""
    return (now[0] - seen[0], *now[1:]) if claim.exposure == "time" else now


def _scored(
    plan: Plan,
    claim: Claim,
    line: Line,
    batch: Counts,
    totals: Counts,
    rest: float,
    iteration: int,
) -> tuple[claims.ClaimState, float]:
    """(the claim's state with this batch, the displayed mixture's precision)."""
    increment, spread = increment_of(claim, batch, totals)
    prior = line.prior or ((increment[1] + rest) / 10.0 if increment[1] > 0.0 else 0.0)
    deciding, recent = iteration >= plan.deciding_look, plan.recent(iteration)
    return claims.step(line.state, increment, spread, rest, deciding, recent), prior


def _absorb_gauge(
    plan: Plan, claim: Claim, v: int, line: Line, look: Look, now: Counts | None
) -> Line:
    """One interval's value into the gauge's sums."""
    if now is None:
        return line._replace(stale=line.stale + 1)
    line = line._replace(
        seen=now, at=look.iteration, stale=0, totals=now, batches=line.batches + 1
    )
    if v == 0:
        return line
    half = len(now) // 2 if claim.paired else len(now)
    other = now[2 * half - 1] if claim.paired else claim.limit
    d = claim.sign * (now[half - 1] - other) - (claim.margin_of_proof if claim.paired else 0.0)
    weight = _weight(now, half) if claim.denominator else 1.0
    state = gauges.step(line.gauge, d, weight, look.iteration > plan.last_third)
    return line._replace(gauge=state)


def _weight(now: Counts, half: int) -> float:
    """Requests behind a gauge's value; of a pair, as many as its smaller side allows."""
    if half == len(now):
        return now[0]
    both = now[0] + now[half]
    return now[0] * now[half] / both if both > 0.0 else 0.0


def _with_dispersion(plan: Plan, lines: list[Line]) -> tuple[Line, ...]:
    """Every candidate's line with its φ; a pair's is estimated over all candidates together."""
    found = list(lines)
    for members in plan.comparisons:
        phi, _ = dispersion.dispersion([lines[i].state for i in members])
        for i in members:
            if lines[i].phi != phi:
                found[i] = lines[i]._replace(phi=phi)
    return tuple(found)
