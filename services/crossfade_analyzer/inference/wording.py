"""Verdicts in sentences that a product manager understands, with the numbers in them."""

from __future__ import annotations

import math
from collections.abc import Iterator

from . import ratio_check
from .claim_specs import Claim
from .evidence import Evidence
from .findings import CandidateFinding, ClaimFinding, Findings
from .phrases import lacking, measured, percent, promise, seen, unseen
from .plan import Plan

Reason = tuple[str, str]


def reasons_for(plan: Plan, evidence: Evidence, findings: Findings) -> tuple[Reason, ...]:
    """Every reason of a look, the candidates in the plan's order, then what concerns them all."""
    return tuple(_all(plan, evidence, findings))


def _all(plan: Plan, evidence: Evidence, findings: Findings) -> Iterator[Reason]:
    for one in findings.candidates:
        yield from _candidate(plan, findings, one)
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


def _candidate(plan: Plan, findings: Findings, one: CandidateFinding) -> Iterator[Reason]:
    """The sentences about one candidate."""
    name, verdict = one.candidate, one.verdict
    if verdict in ("rejected", "futile"):
        yield _stopped(plan, verdict, name, *_of(plan, one, one.stopped_by))
    elif verdict == "winner":
        yield "winner", f"{name} wins: {'; '.join(_grounds(plan, one))}"
    elif verdict == "runner-up":
        yield "runner-up", _beaten(plan, findings, name)
    elif verdict == "no-data":
        looks = findings.iteration
        yield "no-data", f"no-data: not one complete reading of {name} in {_looks(looks)}"
    elif verdict == "split-mismatch":
        yield (
            "split-mismatch",
            f"{name} is not promoted while requests do not follow the weights",
        )
    elif verdict == "inconclusive":
        yield from _open(plan, findings, one)
    else:
        yield _under_way(plan, findings, one)


def _asked(one: CandidateFinding) -> list[ClaimFinding]:
    return [f for f in one.claims if not f.monitored and not f.waived]


def _of(plan: Plan, one: CandidateFinding, name: str | None) -> tuple[Claim, ClaimFinding]:
    i = next(i for i, claim in enumerate(plan.claims) if claim.name == name)
    return plan.claims[i], one.claims[i]


def _grounds(plan: Plan, one: CandidateFinding) -> Iterator[str]:
    """What a winner stands on: proofs first, then what only had to be kept."""
    for proved in _asked(one):
        yield _proof(_of(plan, one, proved.claim)[0], proved)
    for claim, found in zip(plan.claims, one.claims, strict=True):
        if claim.kind != "descriptive" and found.monitored and not found.waived:
            yield f"{promise(claim)} kept: {seen(claim, found)}"


def _beaten(plan: Plan, findings: Findings, name: str) -> str:
    if any(claim.role == "reward" for claim in plan.claims):
        return f"{name} is proved better than {plan.baseline}, but {findings.winner} earns more"
    return f"{name} meets every objective as well; {findings.winner} goes first"


def _stopped(plan: Plan, verdict: str, name: str, claim: Claim, f: ClaimFinding) -> Reason:
    if verdict == "rejected":
        return "rejected", f"{name} rejected: {promise(claim)} is violated: {seen(claim, f)}"
    if f.impossible:
        return (
            "futile",
            f"{name} stopped: {promise(claim)} cannot be proved in this run: {seen(claim, f)}"
            f"{lacking(claim, plan, f)}",
        )
    if f.risk > 0.99:
        return "futile-worse", f"{name} stopped: {_violated(claim, f)}: {seen(claim, f)}"
    return (
        "futile",
        f"{name} stopped: {promise(claim)} will hardly be proved in this run: {seen(claim, f)}"
        f"{lacking(claim, plan, f)}",
    )


def _violated(claim: Claim, found: ClaimFinding) -> str:
    """What is all but certain of a claim that was given up as false."""
    better = claim.sign * (found.estimate or 0.0)
    if claim.paired and claim.margin_of_proof <= 0.0:
        allowed = " by more than allowed" if claim.margin_of_proof < 0.0 else ""
        return f"worse than the baseline{allowed} in {claim.name}"
    if claim.paired and better <= 0.0:
        return f"no better than the baseline in {claim.name}"
    if claim.paired:
        asked = measured(claim.margin_of_proof, claim.unit)
        return f"less than {asked} better than the baseline in {claim.name}"
    return f"{promise(claim)} is violated"


def _open(plan: Plan, findings: Findings, one: CandidateFinding) -> Iterator[Reason]:
    """Why a run ended without a proof: every claim that lacks one, or that was broken."""
    asked = _asked(one)
    for found in asked:
        if not (found.proved and found.supported):
            yield _unproved(plan, findings, one, _of(plan, one, found.claim)[0], found)
    kept = [(claim, f) for claim, f in zip(plan.claims, one.claims, strict=True) if f.monitored]
    for claim, found in kept:
        if claim.kind != "descriptive" and not _kept(claim, found):
            yield "not-kept", _doubtful(one.candidate, claim, found)
    if not asked and all(claim.kind == "descriptive" for claim, _ in kept):
        what = f"nothing that is asked of {one.candidate} can be proved"
        yield "inconclusive", f"inconclusive: {what}"


def _doubtful(name: str, claim: Claim, found: ClaimFinding) -> str:
    known = found.estimate is not None
    how = "is more likely broken than kept" if known else "is not known to be kept"
    return f"inconclusive: {promise(claim)} {how} by {name}: {seen(claim, found)}"


def _kept(claim: Claim, found: ClaimFinding) -> bool:
    """Whether a claim that is only watched stands in nobody's way."""
    if claim.kind == "budget":
        return found.proved
    return found.n > 0.0 and found.risk < 0.5 and not found.violated


def _unproved(
    plan: Plan, findings: Findings, one: CandidateFinding, claim: Claim, found: ClaimFinding
) -> Reason:
    """Why a run ended without a proof, and what would have been enough."""
    if found.proved:
        return (
            "inconclusive",
            f"inconclusive: {promise(claim)} held over the whole run of {one.candidate}, but its "
            f"last part speaks against it: {seen(claim, found)}",
        )
    more = lacking(claim, plan, found) + _iterations(findings, found)
    return (
        "inconclusive",
        f"inconclusive: {promise(claim)} not proved for {one.candidate}: "
        f"{seen(claim, found)}{more}",
    )


def _under_way(plan: Plan, findings: Findings, one: CandidateFinding) -> Reason:
    """How far a candidate has come, by the claim that holds it up most."""
    asked, left = _asked(one), _looks(max(plan.iterations - findings.iteration, 0))
    if not asked:
        return one.verdict, f"{one.candidate} is watched: there is nothing to prove"
    weakest = min(asked, key=lambda f: (f.estimate is not None, f.pp))
    claim, found = _of(plan, one, weakest.claim)
    what = "leads" if one.verdict == "leading" else "collects evidence"
    text = f"{one.candidate} {what}: {_seen_of(claim, found)}; "
    return one.verdict, text + _chance(plan, findings, claim, found) + f", {left} to go"


def _seen_of(claim: Claim, found: ClaimFinding) -> str:
    if found.estimate is None:
        return f"{claim.name}: {unseen(claim, found)}"
    return seen(claim, found)


def _chance(plan: Plan, findings: Findings, claim: Claim, found: ClaimFinding) -> str:
    """What may be expected of a proof; nobody forecasts a gauge, or what says nothing so far."""
    if findings.iteration >= plan.deciding_look:
        return f"{promise(claim)} is {'' if found.proved else 'not '}proved"
    untold = found.z == 0.0 and found.pp == 1.0  # no information at all: nobody had the event
    if found.estimate is None or claim.kind == "gauge" or untold:
        return f"{promise(claim)} is yet to be proved"
    return f"{promise(claim)} will be proved with a chance of {percent(found.pp)}"


def _proof(claim: Claim, found: ClaimFinding) -> str:
    return f"{promise(claim)} proved: {seen(claim, found)}"


def _iterations(findings: Findings, found: ClaimFinding) -> str:
    """How many more iterations that is at this rate."""
    rate = found.n / max(findings.iteration, 1)
    if not found.n_more or rate <= 0.0:
        return ""
    more = math.ceil(found.n_more / rate)
    return f", {more:,d} more {'iteration' if more == 1 else 'iterations'} at this rate"


def _looks(count: int) -> str:
    return "1 look" if count == 1 else f"{count:,d} looks"


def _ratio(log_e: float) -> str:
    return f"{math.exp(min(log_e, 25.0)):,.0f}"
