"""One step of a run: (plan, evidence, look) → (evidence, findings). No clock, no I/O, no chance."""

from __future__ import annotations

from collections.abc import Sequence

from crossfade.errors import FieldError, Malformed

from . import appraising, pacing, ratio_check, verdicts
from .absorbing import absorb
from .appraising import Weighed
from .describing import describe
from .evidence import Evidence, Stop
from .findings import CandidateFinding, CandidateVerdict, Findings
from .pacing_inputs import pace_of
from .plan import Look, Plan
from .wording import reasons_for

BLIND_LOOKS = 2


def step(plan: Plan, evidence: Evidence, look: Look) -> tuple[Evidence, Findings]:
    """The evidence and the findings after a look; a repeated or older look changes nothing."""
    if len(evidence.lines) != len(plan.slots):
        raise Malformed([FieldError("evidence.lines", _misfit(plan, evidence))])
    if look.iteration > evidence.iteration:
        evidence = absorb(plan, evidence, look)
    return appraise(plan, evidence, look)


def _misfit(plan: Plan, evidence: Evidence) -> str:
    return f"{len(evidence.lines)} found; this plan has {len(plan.slots)} (claim × version)"


def appraise(plan: Plan, evidence: Evidence, look: Look) -> tuple[Evidence, Findings]:
    """Read verdicts and the next split off the evidence, and remember who is out."""
    violates = appraising.baseline_violates(plan, evidence)
    weighed = appraising.weigh_all(plan, evidence, violates)
    stops = tuple(
        old or appraising.stop_of(mine, evidence.iteration, violates)
        for old, mine in zip(evidence.stops, weighed, strict=True)
    )
    paces = [
        pace_of(mine, weight, stop, name in look.not_ready)
        for mine, weight, stop, name in zip(
            weighed, evidence.split[1:], stops, plan.candidates, strict=True
        )
    ]
    aims = pacing.targets(plan, paces, violates)
    weights = pacing.next_weights(plan, paces, aims, evidence.traffic.forecast, violates)
    after = evidence.heading(tuple(aims), stops)
    return after, _findings(plan, after, weighed, paces, weights, violates)


def _findings(
    plan: Plan,
    evidence: Evidence,
    weighed: Sequence[Sequence[Weighed]],
    paces: Sequence[pacing.Pace],
    weights: Sequence[int],
    violates: bool,
) -> Findings:
    """All that is said after this look."""
    ended = evidence.iteration >= plan.iterations
    mismatch = ratio_check.log_evidence(evidence.ratios)
    chances = pacing.chances_of_best(paces)
    said = _verdicts(plan, evidence, weighed, paces, ended, mismatch)
    top = verdicts.best(said, [pace.d for pace in paces])
    said = ["runner-up" if v == "winner" and i != top else v for i, v in enumerate(said)]
    blind = all(w.line.stale >= BLIND_LOOKS for mine in weighed for w in mine)
    verdict = verdicts.overall(said, evidence.stops, ended, blind)
    candidates = tuple(
        CandidateFinding(
            candidate=name,
            verdict=said[i],
            weight=weights[i],
            p_best=chances[i + 1],
            pp=paces[i].pp,
            stopped_by=_stopped_by(plan, evidence.stops[i]),
            claims=tuple(
                describe(plan, name, w, evidence.iteration >= plan.deciding_look)
                for w in weighed[i]
            ),
        )
        for i, name in enumerate(plan.candidates)
    )
    split = {
        plan.baseline: 100 - sum(weights),
        **dict(zip(plan.candidates, weights, strict=True)),
    }
    over = verdict in ("promote", "rollback", "inconclusive")
    findings = Findings(
        iteration=evidence.iteration,
        verdict=verdict,
        final=ended or (over and plan.early_stop),
        winner=None if top is None else plan.candidates[top],
        split=split,
        candidates=candidates,
        baseline_violates=violates,
        p_best_baseline=chances[0],
        log_mismatch=mismatch,
        forecast=evidence.traffic.forecast,
    )
    return findings._replace(reasons=reasons_for(plan, evidence, findings))


def _verdicts(
    plan: Plan,
    evidence: Evidence,
    weighed: Sequence[Sequence[Weighed]],
    paces: Sequence[pacing.Pace],
    ended: bool,
    mismatch: float,
) -> list[CandidateVerdict]:
    return [
        verdicts.candidate_verdict(
            mine,
            evidence.stops[i],
            ended,
            verdicts.proved_early(plan, mine, evidence.iteration),
            pacing.leads(i, paces),
            mismatch,
        )
        for i, mine in enumerate(weighed)
    ]


def _stopped_by(plan: Plan, stop: Stop | None) -> str | None:
    return None if stop is None else plan.claims[stop.claim].name
