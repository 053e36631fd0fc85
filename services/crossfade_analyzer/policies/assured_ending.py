"""What may still stand between the engine's verdict and the run's: what nobody could prove.

The engine decides what can be proved. A candidate is promoted only if nothing else was asked for,
if budgets and watched values are known and within their limits, and if there was something to go
by at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from crossfade.events import MetricSample, Reason, Verdict
from crossfade.resources import Document, OnNoData
from crossfade_analyzer.policies.assured_steps import Step
from crossfade_analyzer.policies.mapping import Mapped
from crossfade_analyzer.policies.scores import failed
from crossfade_analyzer.policies.wording import limit, missed, number, short

BLIND_AFTER = 3


@dataclass(frozen=True, slots=True)
class Ending:
    """The run's verdict after a sample, and why it is not the engine's, if it is not."""

    verdict: Verdict
    final: bool
    winner: str | None = None
    reasons: tuple[Reason, ...] = ()
    hold: bool = False


def ending(step: Step, sample: MetricSample, last: bool) -> Ending:
    """The verdict of a step; `last`: this was the last iteration."""
    findings = step.findings
    if findings is None:
        verdict: Verdict = "inconclusive" if last else "continue"
        return Ending(verdict, last, reasons=(_NOTHING_ASKED,))
    blind = _blind(step, last)
    if blind is not None:
        return blind
    if broken := tuple(_broken(step, sample)):
        return Ending("rollback", True, reasons=broken)
    # Nobody who was stopped comes back: with all of them out there is nothing left to learn.
    out = all(c.verdict in ("futile", "rejected") for c in findings.candidates)
    final = findings.final or out
    if findings.verdict != "promote":
        return Ending(findings.verdict, final, reasons=tuple(_unprovable(step)))
    doubts = (*_unprovable(step), *_watched(step, str(findings.winner)))
    if not doubts:
        return Ending("promote", final, findings.winner)
    return Ending("inconclusive", final, reasons=doubts)


_NOTHING_ASKED = Reason(
    code="nothing-to-prove",
    text="no reward and no objective can be looked at: nothing can be proved, nothing is promoted",
)


def _blind(step: Step, last: bool) -> Ending | None:
    """What `onNoData` asks for once nothing was read for long enough."""
    asked = _on_no_data(step.mapping.document)
    after = (asked.after if asked else None) or BLIND_AFTER
    if step.empty < after:
        return None
    looks = "iteration" if step.empty == 1 else f"{step.empty} iterations"
    text = f"not one value was read in the last {looks}"
    if asked is not None and asked.action == "rollback":
        reason = Reason(
            code="no-data-rollback", text=f"{text}: everything back to the baseline"
        )
        return Ending("rollback", True, reasons=(reason,))
    then = "nothing is promoted" if last else "the split stays as it is"
    reason = Reason(code="no-data", text=f"{text}: {then}")
    return Ending("no-data", last, reasons=(reason,), hold=not last)


def _on_no_data(document: Document) -> OnNoData | None:
    decision = document.experiment.spec.decision
    return decision.on_no_data if decision else None


def _broken(step: Step, sample: MetricSample) -> Iterator[Reason]:
    """Watched objectives that a candidate misses, where the author asks for a rollback then."""
    document = step.mapping.document
    watched = [m.ask.objective for m in step.mapping.criteria if not m.claim.inferred]
    if not watched:
        return
    judged = [version.name for version in document.candidates or document.versions]
    for name, objective, value in failed(document, sample, judged):
        if objective in watched and document.rollback_on_failure(objective):
            yield Reason(code="rollback-on-failure", text=missed(name, objective, value))


def _unprovable(step: Step) -> Iterator[Reason]:
    """What is asked for and cannot be proved, whatever the numbers say."""
    for mapped in step.mapping.blocked:
        text = f"{_named(mapped)} cannot be proved: {mapped.field}: {mapped.why}"
        yield Reason(code="not-provable", text=text)


def _watched(step: Step, winner: str) -> Iterator[Reason]:
    """Watched values of the winner that are unknown or beyond their limits."""
    assert step.evidence is not None
    assert step.mapping.plan is not None
    plan = step.mapping.plan
    by_name = {mapped.claim.name: mapped for mapped in step.mapping.criteria}
    place = plan.versions.index(winner)
    for (j, v), line in zip(plan.slots, step.evidence.lines, strict=True):
        mapped = by_name[plan.claims[j].name]
        if v != place or plan.claims[j].inferred or mapped.ask.limit is None:
            continue
        value = line.seen[-1] if line.seen else None
        if value is None:
            text = f"{_named(mapped)} is not known of {winner}"
            yield Reason(code="not-known", text=text)
        elif not _within(mapped, value):
            text = f"{winner} misses {_named(mapped)}: it is at {number(value)}"
            yield Reason(code="objective-missed", text=text)


def _within(mapped: Mapped, value: float) -> bool:
    allowed = mapped.ask.limit
    assert allowed is not None
    return value <= allowed if mapped.ask.side == "upper" else value >= allowed


def _named(mapped: Mapped) -> str:
    objective = mapped.ask.objective
    if objective is None:
        return f"{short(mapped.ask.ref)}, the reward,"
    return (
        f"{short(mapped.ask.ref)} against the baseline"
        if mapped.ask.relative
        else limit(objective)
    )
