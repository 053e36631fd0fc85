"""What is said after a look: numbers for every claim, a verdict for every candidate, a split."""

from __future__ import annotations

from typing import Literal, NamedTuple

CandidateVerdict = Literal[
    "collecting",
    "leading",
    "futile",
    "rejected",
    "winner",
    "runner-up",
    "inconclusive",
    "no-data",
    "split-mismatch",
]
Verdict = Literal["continue", "promote", "rollback", "inconclusive", "no-data"]


class ClaimFinding(NamedTuple):
    """One claim of one candidate.

    `estimate`, `low`, `high` are in the metric's unit (a pair's: candidate minus baseline), the
    interval anytime-valid at 1 − α; `log_e` the log e-value for the claim; `z` is compared with
    `critical` at the deciding look. `n` is what `events` were counted over: requests, or seconds
    where time is the exposure; of a gauge, intervals. `n_more` of them are still needed (None:
    not at this effect). `baseline` is the baseline's own estimate.
    """

    claim: str
    candidate: str
    kind: str
    estimate: float | None
    low: float | None
    high: float | None
    baseline: float | None
    log_e: float
    z: float
    critical: float
    chance_left: float
    pp: float
    n: float
    events: float
    n_more: float | None
    risk: float
    phi: float
    stale: int
    monitored: bool
    waived: bool
    proved: bool
    supported: bool
    violated: bool
    futile: bool
    impossible: bool
    log_alarm: float


class CandidateFinding(NamedTuple):
    """One candidate: its verdict, next weight, chance of being best, and claims."""

    candidate: str
    verdict: CandidateVerdict
    weight: int
    p_best: float
    pp: float
    claims: tuple[ClaimFinding, ...]
    stopped_by: str | None = None


class Findings(NamedTuple):
    """One look: the overall verdict, the recommended split (sums to 100) and why.

    `final` means that the run may end now. `log_mismatch` is the log e-value of a sample-ratio
    mismatch. `reasons` are (code, sentence).
    """

    iteration: int
    verdict: Verdict
    final: bool
    winner: str | None
    split: dict[str, int]
    candidates: tuple[CandidateFinding, ...]
    baseline_violates: bool
    p_best_baseline: float
    log_mismatch: float
    forecast: float | None
    reasons: tuple[tuple[str, str], ...] = ()
