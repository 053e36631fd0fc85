"""The evidence into findings: a pure reading, so a redelivered look says the same thing twice.

Rejections, futility and the verdict are those of decision-engine §2.5 and §2.9.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from . import claims, detectors, gauges, information, predictive, risks
from .claim_specs import Claim
from .dispersion import critical_value, residual
from .distributions import stdtr
from .evidence import Evidence, Line, Stop
from .plan import Plan

GATE = 0.05
"""Futility may speak once this share of the planned information is in."""
WORSE = 0.99
STALE_OBJECTIVE, STALE_REWARD = 3, 3
"""Looks without a batch after which a candidate is not raised."""
EARLY_CHANCE = 0.95
RISK_OF_MONITORED = 0.5


class Weighed(NamedTuple):
    """The numbers of one claim of one candidate that decisions are made from."""

    claim: Claim
    line: Line
    v: float
    z: float
    critical: float
    chance: float
    pp: float
    risk: float
    log_alarm: float
    waived: bool
    alarmed: bool
    impossible: bool
    futile: bool
    proved: bool
    supported: bool
    early: bool

    @property
    def counts(self) -> bool:
        """Whether a proof of it is asked for."""
        return self.claim.inferred and self.claim.burden == "prove" and not self.waived


def baseline_violates(plan: Plan, evidence: Evidence) -> bool:
    """Whether the baseline's own alarm passed its line."""
    return any(
        detectors.log_evidence(line.detector) >= plan.log_baseline_alarm
        for (_, v), line in zip(plan.slots, evidence.lines, strict=True)
        if v == 0 and line.detector
    )


def weigh_all(plan: Plan, evidence: Evidence, violates: bool) -> list[list[Weighed]]:
    """Every claim of every candidate, in the plan's order."""
    found: list[list[Weighed]] = [[] for _ in plan.candidates]
    for (j, v), line in zip(plan.slots, evidence.lines, strict=True):
        if v > 0:
            claim = plan.claims[j]
            waived = violates and claim.role == "reward"
            df = _degrees(plan, evidence, j, line)
            found[v - 1].append(weigh(plan, claim, line, evidence.iteration, df, waived))
    return found


def _degrees(plan: Plan, evidence: Evidence, j: int, line: Line) -> float:
    """Degrees of freedom of φ, of use only where φ was estimated."""
    if line.phi <= 1.0:
        return 0.0
    if not plan.claims[j].paired:
        return residual(line.state)[1]
    mine = (i for i, (k, v) in enumerate(plan.slots) if k == j and v > 0)
    return math.fsum(residual(evidence.lines[i].state)[1] for i in mine)


def weigh(
    plan: Plan, claim: Claim, line: Line, iteration: int, df: float, waived: bool
) -> Weighed:
    """One claim of one candidate."""
    if not claim.inferred:
        return _weigh_value(claim, line)
    if claim.kind == "gauge":
        return _weigh_gauge(plan, claim, line, iteration, waived)
    state, phi, decided = line.state, line.phi, iteration >= plan.deciding_look
    correction = claims.QUARTER_EVENT if claim.proportion else 0.0
    z = claims.z_value(state, phi, correction)
    critical = critical_value(phi, df, plan.level) if phi > 1.0 else plan.z_level
    v = _information(claim, line)
    log_alarm = detectors.log_evidence(line.detector)
    risk = _risk(claim, line, v)
    enough = state.v > 0.0 and line.totals[0] >= claim.min_samples
    passed = enough and z >= critical
    pp = _predictive(plan, line, v, decided, passed)
    impossible = (
        not decided
        and claim.proportion
        and state.v > 0.0
        and predictive.impossible(
            state.u, state.rho, state.v, line.rest, claim.p0, correction, plan.z_level
        )
    )
    asked = not decided and plan.asks_futility(iteration)
    futile = asked and v > 0.0 and pp < plan.futility and v >= GATE * (v + line.rest)
    alarmed = bool(line.detector) and log_alarm >= plan.log_alarm
    early = (
        plan.early_stop
        and enough
        and claims.chance_left(state, phi, plan.z_curtailed) >= EARLY_CHANCE
    )
    chance = claims.chance_left(state, phi, critical)
    futile, proved = futile or impossible, decided and passed
    supported = claims.not_contradicted(state, phi)
    return Weighed(  # by position, which takes a third of the time
        claim,
        line,
        v,
        z,
        critical,
        chance,
        pp,
        risk,
        log_alarm,
        waived,
        alarmed,
        impossible,
        futile,
        proved,
        supported,
        early,
    )


def _information(claim: Claim, line: Line) -> float:
    """V; of a mean under a limit, at the current v0 rather than as it was summed (§2.3)."""
    if claim.kind == "mean" and not claim.paired and line.totals:
        return line.totals[0] * information.boundary_variance(claim, line.totals)
    return line.state.v


def _predictive(plan: Plan, line: Line, v: float, decided: bool, passed: bool) -> float:
    if decided:
        return 1.0 if passed else 0.0
    state, drift = line.state, line.state.s / v if v > 0.0 else 0.0
    return predictive.predictive(
        state.u, state.rho, drift, v, line.rest, line.phi, plan.z_level
    )


def _risk(claim: Claim, line: Line, v: float) -> float:
    """P(claim false); before any request, the prior's for a share and 0 otherwise."""
    if claim.proportion:
        n, x = line.totals[:2] if line.totals else (0.0, 0.0)
        return risks.share_above(n, x, claim.p0)
    return risks.score_below(line.state.s, v, line.phi)


def _weigh_value(claim: Claim, line: Line) -> Weighed:
    """A budget is exceeded or not; a description is neither."""
    exceeded = False
    if claim.kind == "budget" and line.seen:
        above = claim.upper is not None and line.seen[-1] > claim.upper
        exceeded = above or (claim.lower is not None and line.seen[-1] < claim.lower)
    return Weighed(
        claim=claim,
        line=line,
        v=0.0,
        z=0.0,
        critical=0.0,
        chance=1.0,
        pp=1.0,
        risk=0.0,
        log_alarm=-math.inf,
        waived=False,
        alarmed=exceeded,
        impossible=False,
        futile=False,
        proved=bool(line.seen) and not exceeded,
        supported=True,
        early=True,
    )


def _weigh_gauge(plan: Plan, claim: Claim, line: Line, iteration: int, waived: bool) -> Weighed:
    """A gauge: proved by its t-mixture; the chance that it is true stands for a forecast."""
    state, decided = line.gauge, iteration >= plan.deciding_look
    log_e, line_at = gauges.log_evidence(state, plan.iterations), -math.log(plan.level)
    passed = state.k >= gauges.LEAST_INTERVALS and log_e >= line_at
    t = gauges.t_value(state)
    risk = stdtr(state.k - 1.0, -t) if state.k >= 2.0 else 0.0
    pp = (1.0 if passed else 0.0) if decided else 1.0 - risk
    return Weighed(
        claim=claim,
        line=line,
        v=state.k,
        z=t,
        critical=math.sqrt(2.0 * line_at),
        chance=1.0,
        pp=pp,
        risk=risk,
        log_alarm=-math.inf,
        waived=waived,
        alarmed=False,
        impossible=False,
        futile=False,
        proved=decided and passed,
        supported=gauges.not_contradicted(state),
        early=passed,
    )


def stop_of(weighed: Sequence[Weighed], iteration: int, violates: bool) -> Stop | None:
    """Why a candidate leaves the race at this look, if it does; a violation goes first."""
    for j, w in enumerate(weighed):
        if w.alarmed:
            return Stop("rejected", j, iteration, True)
    if violates:
        return None
    for j, w in enumerate(weighed):
        if w.counts and w.futile:
            kind = "impossible" if w.impossible else "futile"
            return Stop(kind, j, iteration, w.risk > WORSE)
    return None


def holds(w: Weighed) -> bool:
    """Whether a claim lets its candidate win now: proved and not contradicted, or unviolated.

    A budget has to be known to be kept; a description promises nothing.
    """
    if w.claim.kind == "budget":
        return w.proved
    if w.waived or not w.claim.inferred:
        return not w.alarmed
    if w.claim.burden == "monitor":
        return w.risk < RISK_OF_MONITORED and not w.alarmed
    return w.proved and w.supported


def holds_early(w: Weighed) -> bool:
    """The same before the end: by curtailment (Lan, Simon & Halperin 1982)."""
    if w.counts:
        return w.early and w.supported
    return holds(w)
