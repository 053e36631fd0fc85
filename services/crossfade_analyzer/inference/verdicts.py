"""Verdicts of candidates and of the run (§2.9): promoted only if every claim was proved.

Intersection–union (Berger 1982): each claim at full level, no division among claims.
"""

from __future__ import annotations

from collections.abc import Sequence

from . import ratio_check
from .appraising import Weighed, holds, holds_early
from .evidence import Stop
from .findings import CandidateVerdict, Verdict
from .plan import Plan


def candidate_verdict(
    weighed: Sequence[Weighed],
    stop: Stop | None,
    ended: bool,
    early: bool,
    leading: bool,
    log_mismatch: float,
) -> CandidateVerdict:
    """What is said of one candidate; `winner` may still be turned into `runner-up`."""
    if stop is not None:
        return "rejected" if stop.kind == "rejected" else "futile"
    proved = grounded(weighed) and (all(holds(w) for w in weighed) if ended else early)
    if proved and log_mismatch >= ratio_check.LOG_BLOCK:
        return "split-mismatch"
    if proved:
        return "winner"
    if not ended:
        return "leading" if leading else "collecting"
    return "inconclusive" if any(w.line.at for w in weighed) else "no-data"


def grounded(weighed: Sequence[Weighed]) -> bool:
    """Whether anything that could have spoken against a candidate was read at least once.

    Without it "every claim holds" is true of nothing at all, and would promote.
    """
    return any(w.claim.kind != "descriptive" and w.line.at > 0 for w in weighed)


def proved_early(plan: Plan, weighed: Sequence[Weighed], iteration: int) -> bool:
    """Whether an early stop was allowed and every claim is as good as proved."""
    asked = [w for w in weighed if w.counts]
    grown = bool(asked) and min(w.line.batches for w in asked) >= 3
    return plan.early_stop and grown and iteration >= 2 and all(map(holds_early, weighed))


def best(verdicts: Sequence[CandidateVerdict], d: Sequence[float]) -> int | None:
    """The winner with the highest reward over the baseline, the first of equals."""
    winners = [i for i, verdict in enumerate(verdicts) if verdict == "winner"]
    return max(winners, key=lambda i: d[i]) if winners else None


def overall(
    verdicts: Sequence[CandidateVerdict], stops: Sequence[Stop | None], ended: bool, blind: bool
) -> Verdict:
    """The run's verdict; `blind`: no claim of any candidate could be read lately."""
    if "winner" in verdicts:
        return "promote"
    if all(stop is not None for stop in stops):
        return "rollback" if all(stop and stop.worse for stop in stops) else "inconclusive"
    if not ended:
        return "no-data" if blind else "continue"
    return "no-data" if set(verdicts) == {"no-data"} else "inconclusive"
