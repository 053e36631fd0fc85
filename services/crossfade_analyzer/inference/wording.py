"""Verdicts in sentences that a product manager understands, with the numbers in them."""

from __future__ import annotations

import math
from collections.abc import Iterator

from . import ratio_check
from .claim_specs import Claim
from .evidence import Evidence
from .findings import CandidateFinding, ClaimFinding, Findings
from .needs import clean_requests
from .plan import Plan

Reason = tuple[str, str]


def reasons_for(plan: Plan, evidence: Evidence, findings: Findings) -> tuple[Reason, ...]:
    """Every reason of a look, the candidates in the plan's order, then what concerns them all."""
    return tuple(_all(plan, evidence, findings))


def _all(plan: Plan, evidence: Evidence, findings: Findings) -> Iterator[Reason]:
    for one in findings.candidates:
        yield from _candidate(plan, evidence, findings, one)
    if findings.baseline_violates:
        yield (
            "baseline-violates",
            f"{plan.baseline} violates an objective itself: a candidate need not earn more, "
            "only meet the objectives",
        )
    if findings.log_mismatch >= ratio_check.LOG_WARN:
        yield (
            "split-mismatch",
            "the requests do not arrive as the weights say "
            f"(evidence {_ratio(findings.log_mismatch)} to 1); look at the routing",
        )


def _candidate(
    plan: Plan, evidence: Evidence, findings: Findings, one: CandidateFinding
) -> Iterator[Reason]:
    """The sentences about one candidate."""
    name, verdict = one.candidate, one.verdict
    if verdict in ("rejected", "futile"):
        claim, found = _of(plan, one, one.stopped_by)
        yield _stopped(plan, verdict, name, claim, found)
    elif verdict == "winner":
        proofs = "; ".join(_proof(_of(plan, one, f.claim)[0], f) for f in _asked(one))
        yield "winner", f"{name} wins: {proofs or 'all objectives hold'}"
    elif verdict == "runner-up":
        yield (
            "runner-up",
            f"{name} is proved better than {plan.baseline}, but {findings.winner} earns more",
        )
    elif verdict == "no-data":
        yield (
            "no-data",
            f"no-data: not one complete reading of {name} in {findings.iteration} looks",
        )
    elif verdict == "split-mismatch":
        yield (
            "split-mismatch",
            f"{name} is not promoted while requests do not follow the weights",
        )
    elif verdict == "inconclusive":
        for found in (f for f in _asked(one) if not (f.proved and f.supported)):
            yield _unproved(plan, findings, one, _of(plan, one, found.claim)[0], found)
    else:
        yield _under_way(plan, findings, one)


def _asked(one: CandidateFinding) -> list[ClaimFinding]:
    return [f for f in one.claims if not f.monitored and not f.waived]


def _of(plan: Plan, one: CandidateFinding, name: str | None) -> tuple[Claim, ClaimFinding]:
    i = next(i for i, claim in enumerate(plan.claims) if claim.name == name)
    return plan.claims[i], one.claims[i]


def _stopped(plan: Plan, verdict: str, name: str, claim: Claim, found: ClaimFinding) -> Reason:
    if verdict == "rejected":
        return (
            "rejected",
            f"{name} rejected: {promise(claim)} is violated: {_seen(claim, found)}",
        )
    if found.risk > 0.99:
        word = "worse than the baseline" if claim.paired else f"{promise(claim)} is violated"
        return "futile-worse", f"{name} stopped: {word}: {_seen(claim, found)}"
    return (
        "futile",
        f"{name} stopped: {promise(claim)} cannot be proved in this run: "
        f"{_seen(claim, found)}{_still(claim, plan, found)}",
    )


def _unproved(
    plan: Plan, findings: Findings, one: CandidateFinding, claim: Claim, found: ClaimFinding
) -> Reason:
    """Why a run ended without a proof, and what would have been enough."""
    if found.proved:
        return (
            "inconclusive",
            f"inconclusive: {promise(claim)} held over the whole run of {one.candidate}, but the "
            f"last third speaks against it: {_seen(claim, found)}",
        )
    more = _still(claim, plan, found) + _iterations(findings, one, found)
    return (
        "inconclusive",
        f"inconclusive: {promise(claim)} not proved for {one.candidate}: "
        f"{_seen(claim, found)}{more}",
    )


def _under_way(plan: Plan, findings: Findings, one: CandidateFinding) -> Reason:
    left = max(plan.iterations - findings.iteration, 0)
    asked = _asked(one)
    if not asked:
        return one.verdict, f"{one.candidate} is watched: nothing is asked to be proved"
    weakest = min(asked, key=lambda f: f.pp)
    claim, found = _of(plan, one, weakest.claim)
    return (
        one.verdict,
        f"{one.candidate} {one.verdict}: {_seen(claim, found)}; {promise(claim)} will be proved "
        f"with a chance of {found.pp:.0%}, {left} looks to go",
    )


def promise(claim: Claim) -> str:
    """What the claim promises: "error-rate ≤ 0.01", "conversion above the baseline"."""
    if claim.paired:
        side = "below" if claim.lower_is_better else "above"
        by = f" by {abs(claim.margin_of_proof):g}" if claim.margin_of_proof > 0 else ""
        worse = f" (at most {claim.margin:g} worse)" if claim.margin > 0 else ""
        return f"{claim.name} {side} the baseline{by}{worse}"
    what = (
        f"{claim.name} ≤ {claim.upper:g}"
        if claim.upper is not None
        else (f"{claim.name} ≥ {claim.lower:g}")
    )
    return f"{what}{claim.unit and ' ' + claim.unit}"


def _seen(claim: Claim, f: ClaimFinding) -> str:
    """What was seen, in numbers."""
    if f.estimate is None:
        return "no complete reading yet"
    if claim.paired:
        lift = f" ({f.estimate / f.baseline:+.1%})" if f.baseline else ""
        against = f" against {_number(f.baseline)}" if f.baseline is not None else ""
        own = (
            f.events / f.n
            if f.n > 0.0 and claim.kind != "gauge"
            else f.estimate + (f.baseline or 0.0)
        )
        value = _number(own)
        return f"{value}{against}{lift}, {f.n:,.0f} requests"
    if claim.kind in ("bernoulli", "quantile"):
        what = "errors" if claim.kind == "bernoulli" else f"requests beyond {claim.limit:g}"
        return f"{f.events:,.0f} {what} in {f.n:,.0f} requests"
    if f.n <= 0.0 or claim.kind in ("gauge", "budget"):
        return f"{_number(f.estimate)} seen"
    return f"{_number(f.estimate)} over {f.n:,.0f} requests"


def _proof(claim: Claim, found: ClaimFinding) -> str:
    return f"{promise(claim)} proved ({_seen(claim, found)})"


def _still(claim: Claim, plan: Plan, found: ClaimFinding) -> str:
    """How many requests a proof needs."""
    if claim.proportion and found.events <= 0.0:
        return f", {clean_requests(claim.p0, plan.z_level):,.0f} clean ones needed"
    if found.n_more is None:
        return ", and the effect so far points the other way"
    return f", about {found.n_more:,.0f} more needed" if found.n_more >= 1.0 else ""


def _iterations(findings: Findings, one: CandidateFinding, found: ClaimFinding) -> str:
    """How many more iterations that is at this rate."""
    rate = found.n / max(findings.iteration, 1)
    if not found.n_more or rate <= 0.0:
        return ""
    return f", {math.ceil(found.n_more / rate):,d} more iterations at this rate"


def _number(x: float | None) -> str:
    return "nothing" if x is None else f"{x:.4g}"


def _ratio(log_e: float) -> str:
    return f"{math.exp(min(log_e, 25.0)):,.0f}"
