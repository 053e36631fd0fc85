"""Weighed claims into findings: estimates, displayed intervals, requests still needed."""

from __future__ import annotations

from . import gauges, information, intervals
from .appraising import Weighed
from .batches import Counts
from .claim_specs import Claim
from .evidence import Line
from .findings import ClaimFinding
from .needs import clean_requests, more_requests
from .plan import Plan


def describe(plan: Plan, candidate: str, w: Weighed, decided: bool) -> ClaimFinding:
    """One claim's finding."""
    claim, line = w.claim, w.line
    estimate, low, high = _interval(plan, w)
    n, events = _amounts(claim, line)
    monitored = claim.burden == "monitor" or not claim.inferred
    violated = w.alarmed or (claim.inferred and w.risk > 0.99)
    return ClaimFinding(  # by position, which takes a third of the time
        claim.name,
        candidate,
        claim.kind,
        estimate,
        low,
        high,
        _baseline(claim, line),
        _log_e(plan, w),
        w.z,
        w.critical,
        w.chance,
        w.pp,
        n,
        events,
        _more(plan, w, decided),
        w.risk,
        line.phi,
        line.stale,
        monitored,
        w.waived,
        w.proved,
        w.supported,
        violated,
        w.futile,
        w.impossible,
        w.log_alarm,
    )


def _amounts(claim: Claim, line: Line) -> tuple[float, float]:
    """(requests, seconds where time is the exposure, or a gauge's intervals; events in them)."""
    if claim.kind == "gauge":
        return line.gauge.k, 0.0
    return (line.totals[0], line.totals[1]) if len(line.totals) > 1 else (0.0, 0.0)


def _interval(plan: Plan, w: Weighed) -> tuple[float | None, float | None, float | None]:
    """(estimate, low, high) in the metric's unit, None where there is nothing to show."""
    claim, line = w.claim, w.line
    if not claim.inferred:
        return (line.seen[-1] if line.seen else None), None, None
    if claim.kind == "gauge":
        return _gauge_interval(claim, line)
    if not line.totals or line.totals[0] <= 0.0:
        return None, None, None
    if claim.proportion:
        return _share_interval(claim, line, plan.alpha)
    state = line.state
    if state.w <= 0.0:
        return None, None, None
    low, high = intervals.difference(
        state.s, spread_seen(claim, line) * line.phi, state.w, line.prior, plan.alpha
    )
    ends = sorted(_in_unit(claim, x) for x in (state.s / state.w, low, high))
    return _in_unit(claim, state.s / state.w), ends[0], ends[2]


def _in_unit(claim: Claim, drift: float) -> float:
    """S/W back into the metric's unit: undo the direction, the margin, the limit."""
    if claim.paired:
        return claim.sign * (drift + claim.margin_of_proof)
    return claim.limit + claim.sign * drift


def _share_interval(claim: Claim, line: Line, alpha: float) -> tuple[float, float, float]:
    n, x = line.totals[0], line.totals[1]
    low, high = intervals.share(n / line.phi, x / line.phi, alpha)
    if claim.complemented:
        return 1.0 - x / n, 1.0 - high, 1.0 - low
    return x / n, low, high


def spread_seen(claim: Claim, line: Line) -> float:
    """Unpooled variance of S, from the totals: what the interval's width is made of."""
    totals, v = line.totals, line.state.v
    if claim.kind == "mean" and not claim.paired:
        return totals[0] * information.moments(claim, totals)[2]
    if not claim.paired:
        return totals[1]
    half = len(totals) // 2
    return v * _unpooled_ratio(claim, totals[:half], totals[half:])


def _unpooled_ratio(claim: Claim, c: Counts, b: Counts) -> float:
    """Unpooled over pooled variance of a difference of shares or rates; 1 for means."""
    if claim.kind == "mean" or c[0] <= 0.0 or b[0] <= 0.0 or c[1] + b[1] <= 0.0:
        return 1.0
    p_c, p_b, p = c[1] / c[0], b[1] / b[0], (c[1] + b[1]) / (c[0] + b[0])
    if claim.kind == "poisson":
        return (p_c / c[0] + p_b / b[0]) / (p * (1.0 / c[0] + 1.0 / b[0]))
    pooled = p * (1.0 - p) * (1.0 / c[0] + 1.0 / b[0])
    unpooled = p_c * (1.0 - p_c) / c[0] + p_b * (1.0 - p_b) / b[0]
    return unpooled / pooled if pooled > 0.0 and unpooled > 0.0 else 1.0


def _gauge_interval(
    claim: Claim, line: Line
) -> tuple[float | None, float | None, float | None]:
    """A gauge's mean; an interval only once it has a spread (normal, from its t)."""
    state = line.gauge
    if state.xx <= 0.0:
        return None, None, None
    mean, t = state.xz / state.xx, gauges.t_value(state)
    estimate = _in_unit(claim, mean)
    if t == 0.0:
        return estimate, None, None
    half = 3.0 * abs(mean / t)
    return estimate, estimate - half, estimate + half


def _baseline(claim: Claim, line: Line) -> float | None:
    """The baseline's own value beside a pair's difference."""
    if not claim.paired or not line.totals:
        return None
    half = len(line.totals) // 2
    n, x = (
        (line.totals[half], line.totals[-1])
        if claim.kind == "gauge"
        else (line.totals[half], line.totals[half + 1])
    )
    if claim.kind == "gauge":
        return x
    return x / n if n > 0.0 else None


def _log_e(plan: Plan, w: Weighed) -> float:
    """The displayed log e-value: exact for shares, t-mixture for gauges, else the mixture."""
    claim, line = w.claim, w.line
    if not claim.inferred or not line.totals:
        return 0.0
    if claim.kind == "gauge":
        return gauges.log_evidence(line.gauge, plan.iterations)
    if claim.proportion:
        n, x = line.totals[0] / line.phi, line.totals[1] / line.phi
        return intervals.share_log_evidence(n, x, claim.p0)
    spread = max(spread_seen(claim, line), line.state.v) * line.phi
    return intervals.log_evidence(line.state.s, spread, line.prior)


def _more(plan: Plan, w: Weighed, decided: bool) -> float | None:
    """Requests still needed; for a share without a failure so far, by the flawless count."""
    claim, line = w.claim, w.line
    if not w.counts or claim.kind == "gauge" or w.proved:
        return 0.0 if w.proved else None
    n, x = (line.totals[0], line.totals[1]) if line.totals else (0.0, 0.0)
    if claim.proportion and x <= 0.0:
        clean = clean_requests(claim.p0, plan.z_level)
        return max(clean - n, 1.0) if n < clean else 0.0
    state = line.state
    return more_requests(n, state.s, w.v, state.u, state.rho, line.phi, w.critical, decided)
