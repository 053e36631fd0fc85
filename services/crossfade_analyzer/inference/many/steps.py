"""`inference.step` on arrays: one look further for every experiment of one plan."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from crossfade_analyzer.inference import ratio_check
from crossfade_analyzer.inference.plan import Plan

from . import appraising, formulas, pacing
from .absorbing import absorb
from .appraising import Weighed, holds
from .evidence import Bools, Floats, Ints, ManyEvidence
from .looks import ManyLook

CANDIDATE_VERDICTS = (
    "collecting",
    "leading",
    "futile",
    "rejected",
    "winner",
    "runner-up",
    "inconclusive",
    "no-data",
    "split-mismatch",
)
COLLECTING, LEADS, FUTILE, REJECTED, WINNER, RUNNER_UP, INCONCLUSIVE, NO_DATA, MISMATCH = range(
    9
)
VERDICTS = ("continue", "promote", "rollback", "inconclusive", "no-data")


@dataclass(frozen=True)
class ManyFindings:
    """What is decided at a look; claims on the last axis of [experiment, candidate, claim].

    `verdict` indexes VERDICTS, `candidate_verdict` CANDIDATE_VERDICTS; `winner` is a candidate's
    place or −1; `split` is [experiment, version] and sums to 100.
    """

    iteration: int
    split: Ints
    verdict: Ints
    candidate_verdict: Ints
    winner: Ints
    baseline_violates: Bools
    log_mismatch: Floats
    z: Floats
    pp: Floats
    risk: Floats
    log_alarm: Floats
    futile: Bools
    impossible: Bools
    proved: Bools
    supported: Bools


def step(
    plan: Plan, evidence: ManyEvidence, look: ManyLook
) -> tuple[ManyEvidence, ManyFindings]:
    """The evidence and the findings of every experiment after a look; a repeat changes nothing."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if look.iteration > evidence.iteration:
            evidence = absorb(plan, evidence, look)
        return _appraise(plan, evidence, look)


def _appraise(
    plan: Plan, evidence: ManyEvidence, look: ManyLook
) -> tuple[ManyEvidence, ManyFindings]:
    violates = appraising.baseline_violates(plan, evidence)
    weighed = appraising.weigh_all(plan, evidence, violates)
    kind, which, worse = appraising.stops(evidence, weighed, violates)
    paces = _paces(plan, evidence, weighed, kind, look.not_ready)
    aims = pacing.targets(paces, violates)
    weights, leading = pacing.next_weights(plan, paces, aims, evidence.forecast, violates)
    after = replace(evidence, targets=aims, stop=kind, stop_claim=which, stop_worse=worse)
    mismatch = formulas.logsumexp(after.ratios) - np.log(len(after.ratios))
    said, winner = _candidate_verdicts(plan, after, weighed, leading, mismatch, paces.d)
    base = 100 - weights.sum(axis=1, keepdims=True)
    return after, ManyFindings(
        iteration=after.iteration,
        split=np.concatenate([base, weights], axis=1),
        verdict=_overall(plan, after, weighed, said),
        candidate_verdict=said,
        winner=winner,
        baseline_violates=violates,
        log_mismatch=mismatch,
        **{
            name: np.stack([getattr(w, name) for w in weighed], axis=-1)
            for name in (
                "z",
                "pp",
                "risk",
                "log_alarm",
                "futile",
                "impossible",
                "proved",
                "supported",
            )
        },
    )


def _paces(
    plan: Plan,
    evidence: ManyEvidence,
    weighed: list[Weighed],
    kind: Ints,
    not_ready: Bools | None,
) -> pacing.Paces:
    """What pacing needs to know of every candidate."""
    shape = kind.shape
    d, se, strata = _reward(plan, evidence, weighed, shape)
    inferred = [w for w in weighed if w.claim.inferred]
    pp, risk = np.ones(shape), np.zeros(shape)
    blind = np.zeros(shape, dtype=np.bool_) if not_ready is None else not_ready
    unseen = np.full(shape, bool(inferred))
    for w in inferred:
        pp = np.where(w.asked, np.minimum(pp, w.pp), pp)
        blind, unseen = blind | w.blind, unseen & ~(w.v > 0.0)
        if w.claim.role == "objective":
            risk = np.maximum(risk, w.risk)
    weight = evidence.split[:, 1:].astype(np.float64)
    return pacing.Paces(weight, kind == 0, unseen, blind, pp, risk, d, se, strata)


def _reward(
    plan: Plan, evidence: ManyEvidence, weighed: list[Weighed], shape: tuple[int, ...]
) -> tuple[Floats, Floats, Floats]:
    """(d, se, strata) of the reward; without one, no difference and the fewest batches."""
    for claim, lines in zip(plan.claims, evidence.lines, strict=True):
        if claim.role == "reward" and claim.inferred:
            states, known = lines.states, (lines.states.w > 0.0) & (lines.states.v > 0.0)
            d = np.where(known, states.s / states.w, 0.0)
            se = np.where(known, np.sqrt(states.v * lines.phi) / states.w, np.inf)
            return d, se, states.k
    fewest = np.full(shape, np.inf)
    for w, lines in zip(weighed, evidence.lines, strict=True):
        seen = lines.batches[:, 0 if w.claim.paired else 1 :]
        fewest = np.where(w.asked, np.minimum(fewest, seen), fewest)
    return np.zeros(shape), np.zeros(shape), np.where(np.isfinite(fewest), fewest, 0.0)


def _candidate_verdicts(
    plan: Plan,
    evidence: ManyEvidence,
    weighed: list[Weighed],
    leading: Bools,
    mismatch: Floats,
    d: Floats,
) -> tuple[Ints, Ints]:
    """(verdict of every candidate, place of the winner or −1)."""
    ended, shape = evidence.iteration >= plan.iterations, evidence.stop.shape
    proved = np.ones(shape, dtype=np.bool_)
    for w in weighed:
        proved = proved & holds(w, early=not ended)
    if not ended:
        proved = proved & _grown(plan, evidence, weighed)
    read, grounded = _read(plan, evidence)
    proved = proved & grounded
    open_verdict = np.where(leading, LEADS, COLLECTING)
    said = np.where(read, INCONCLUSIVE, NO_DATA) if ended else open_verdict
    blocked = (mismatch >= ratio_check.LOG_BLOCK)[:, None]
    said = np.where(proved, np.where(blocked, MISMATCH, WINNER), said)
    said = np.where(evidence.stop == 1, REJECTED, np.where(evidence.stop > 1, FUTILE, said))
    wins = said == WINNER
    top = np.argmax(np.where(wins, d, -np.inf), axis=1)
    winner = np.where(wins.any(axis=1), top, -1)
    beaten = wins & (np.arange(shape[1]) != winner[:, None])
    return np.where(beaten, RUNNER_UP, said), winner


def _read(plan: Plan, evidence: ManyEvidence) -> tuple[Bools, Bools]:
    """(whether anything of a candidate was read, `verdicts.grounded`)."""
    read = grounded = np.zeros(evidence.stop.shape, dtype=np.bool_)
    for claim, lines in zip(plan.claims, evidence.lines, strict=True):
        now = lines.at[:, 0 if claim.paired else 1 :] > 0
        read = read | now
        if claim.kind != "descriptive":
            grounded = grounded | now
    return read, grounded


def _grown(plan: Plan, evidence: ManyEvidence, weighed: list[Weighed]) -> Bools:
    """`verdicts.proved_early` but for the claims themselves."""
    shape = evidence.stop.shape
    fewest = np.full(shape, np.inf)
    for w, lines in zip(weighed, evidence.lines, strict=True):
        seen = lines.batches[:, 0 if w.claim.paired else 1 :]
        fewest = np.where(w.asked, np.minimum(fewest, seen), fewest)
    allowed = plan.early_stop and evidence.iteration >= 2
    found: Bools = np.isfinite(fewest) & (fewest >= 3) & allowed
    return found


def _overall(plan: Plan, evidence: ManyEvidence, weighed: list[Weighed], said: Ints) -> Ints:
    """`verdicts.overall`."""
    ended = evidence.iteration >= plan.iterations
    blind = np.ones(len(said), dtype=np.bool_)
    for w in weighed:
        blind = blind & w.stale.all(axis=1)
    none = (said == NO_DATA).all(axis=1)
    found = np.where(none, 4, 3) if ended else np.where(blind, 4, 0)
    out = (evidence.stop > 0).all(axis=1)
    bad = (evidence.stop_worse | (evidence.stop == 1)).all(axis=1)
    found = np.where(out, np.where(bad, 2, 3), found)
    return np.where((said == WINNER).any(axis=1), 1, found)
