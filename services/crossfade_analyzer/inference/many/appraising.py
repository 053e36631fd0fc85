"""`inference.appraising` on arrays: what decisions are made from, [experiment, candidate]."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from crossfade_analyzer.inference.appraising import (
    EARLY_CHANCE,
    GATE,
    RISK_OF_MONITORED,
    STALE_OBJECTIVE,
    STALE_REWARD,
    WORSE,
)
from crossfade_analyzer.inference.claim_specs import Claim
from crossfade_analyzer.inference.claims import QUARTER_EVENT
from crossfade_analyzer.inference.plan import Plan

from . import formulas, information
from .evidence import Bools, Floats, Ints, Lines, ManyEvidence


@dataclass(frozen=True)
class Weighed:
    """`Weighed` of one claim for every experiment and candidate."""

    claim: Claim
    v: Floats
    z: Floats
    pp: Floats
    risk: Floats
    log_alarm: Floats
    asked: Bools
    waived: Bools
    alarmed: Bools
    impossible: Bools
    futile: Bools
    proved: Bools
    supported: Bools
    early: Bools
    blind: Bools
    stale: Bools


def baseline_violates(plan: Plan, evidence: ManyEvidence) -> Bools:
    """Whether the baseline's own alarm passed its line, [experiment]."""
    found = np.zeros(len(evidence.split), dtype=np.bool_)
    for claim, lines in zip(plan.claims, evidence.lines, strict=True):
        if claim.proportion:
            log_e = formulas.logsumexp(lines.detector[:, :, 0])
            found = found | (log_e >= plan.log_baseline_alarm)
    return found


def weigh_all(plan: Plan, evidence: ManyEvidence, violates: Bools) -> list[Weighed]:
    """Every claim, in the plan's order."""
    return [
        weigh(plan, claim, lines, evidence.iteration, violates)
        for claim, lines in zip(plan.claims, evidence.lines, strict=True)
    ]


def weigh(plan: Plan, claim: Claim, lines: Lines, iteration: int, violates: Bools) -> Weighed:
    """One claim of every experiment and candidate."""
    if not claim.inferred:
        return _weigh_value(claim, lines)
    skip, states, phi = (0 if claim.paired else 1), lines.states, lines.phi
    totals, decided = lines.totals[:, :, skip:], iteration >= plan.deciding_look
    correction = QUARTER_EVENT if claim.proportion else 0.0
    z = formulas.z_value(states, phi, correction)
    v = states.v
    if claim.kind == "mean" and not claim.paired:
        v = np.where(
            totals[0] > 0, totals[0] * information.boundary_variance(claim, totals), 0.0
        )
    enough = (states.v > 0.0) & (totals[0] >= claim.min_samples)
    passed = enough & (z >= _critical(plan, claim, lines)) if decided else np.zeros_like(enough)
    chance = (
        np.where(passed, 1.0, 0.0)
        if decided
        else formulas.pp(states, v, lines.rest, phi, plan.z_level)
    )
    none = np.zeros_like(enough)
    hopeless = none
    if claim.proportion and not decided:
        hopeless = (states.v > 0.0) & formulas.impossible(
            states, states.v, lines.rest, claim.p0, correction, plan.z_level
        )
    futile = none
    if not decided and plan.asks_futility(iteration):
        futile = (v > 0.0) & (chance < plan.futility) & (v >= GATE * (v + lines.rest))
    log_alarm, alarmed = _alarm(plan, claim, lines)
    waived = np.broadcast_to((violates & (claim.role == "reward"))[:, None], none.shape)
    blind_after = STALE_REWARD if claim.role == "reward" else STALE_OBJECTIVE
    early = none
    if plan.early_stop:
        early = enough & (formulas.chance_left(states, phi, plan.z_curtailed) >= EARLY_CHANCE)
    return Weighed(
        claim=claim,
        v=v,
        z=z,
        pp=chance,
        risk=_risk(claim, lines, totals, v),
        log_alarm=log_alarm,
        asked=~waived & (claim.burden == "prove"),
        waived=waived,
        alarmed=alarmed,
        impossible=hopeless,
        futile=futile | hopeless,
        proved=passed,
        supported=formulas.not_contradicted(states, phi),
        early=early,
        blind=lines.stale[:, skip:] >= blind_after,
        stale=lines.stale[:, skip:] >= 2,
    )


def _critical(plan: Plan, claim: Claim, lines: Lines) -> Floats:
    """`dispersion.critical_value`, computed where φ was estimated."""
    _, df = formulas.dispersion(lines.states, claim.paired)
    found = np.full(lines.phi.shape, plan.z_level)
    wild = lines.phi > 1.0
    found[wild] = stdtrit(df[wild], 1.0 - plan.level)
    return found


def _alarm(plan: Plan, claim: Claim, lines: Lines) -> tuple[Floats, Bools]:
    """(log e-value, whether it rejects) of every candidate."""
    if not claim.proportion:
        return np.full(lines.phi.shape, -np.inf), np.zeros(lines.phi.shape, dtype=np.bool_)
    log_e = formulas.logsumexp(lines.detector[:, :, 1:])
    return log_e, log_e >= plan.log_alarm


def _risk(claim: Claim, lines: Lines, totals: Floats, v: Floats) -> Floats:
    if claim.proportion:
        return formulas.share_above(totals[0], totals[1], claim.p0)
    return formulas.score_below(lines.states.s, v, lines.phi)


def _weigh_value(claim: Claim, lines: Lines) -> Weighed:
    """A budget is exceeded or not; a description is neither."""
    seen, shape = lines.seen[-1, :, 1:], lines.phi.shape
    exceeded = np.zeros(shape, dtype=np.bool_)
    read = lines.at[:, 1:] > 0
    if claim.kind == "budget" and claim.upper is not None:
        exceeded = exceeded | (read & (seen > claim.upper))
    if claim.kind == "budget" and claim.lower is not None:
        exceeded = exceeded | (read & (seen < claim.lower))
    no, zero, one = np.zeros(shape, dtype=np.bool_), np.zeros(shape), np.ones(shape)
    return Weighed(
        claim=claim,
        v=zero,
        z=zero,
        pp=one,
        risk=zero,
        log_alarm=np.full(shape, -np.inf),
        asked=no,
        waived=no,
        alarmed=exceeded,
        impossible=no,
        futile=no,
        proved=read & ~exceeded,
        supported=~no,
        early=~no,
        blind=no,
        stale=lines.stale[:, 1:] >= 2,
    )


def holds(w: Weighed, early: bool = False) -> Bools:
    """Whether a claim lets its candidate win now (`early`: by curtailment)."""
    if not w.claim.inferred:
        return w.proved if w.claim.kind == "budget" else ~w.alarmed
    if w.claim.burden == "monitor":
        found: Bools = (w.risk < RISK_OF_MONITORED) & ~w.alarmed
    else:
        found = (w.early if early else w.proved) & w.supported
    return np.where(w.waived, ~w.alarmed, found)


def stops(
    evidence: ManyEvidence, weighed: list[Weighed], violates: Bools
) -> tuple[Ints, Ints, Bools]:
    """(kind, claim, worse) of every candidate's stop, the old ones kept."""
    kind, which, worse = evidence.stop, evidence.stop_claim, evidence.stop_worse
    for j, w in enumerate(weighed):
        new = (kind == 0) & w.alarmed
        kind, which, worse = np.where(new, 1, kind), np.where(new, j, which), worse | new
    for j, w in enumerate(weighed):
        new = (kind == 0) & w.futile & w.asked & ~violates[:, None]
        kind = np.where(new, np.where(w.impossible, 3, 2), kind)
        which, worse = np.where(new, j, which), worse | (new & (w.risk > WORSE))
    return kind, which, worse
