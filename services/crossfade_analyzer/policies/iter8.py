"""Policy `iter8`: what Iter8 0.7 would decide on the same numbers, with its register's mends.

Point estimates only: it neither knows how sure it is nor remembers anything. Source: v2alpha2 §4;
deviations: Q3, Q4, Q14, Q17.
"""

from __future__ import annotations

from dataclasses import dataclass

from crossfade.domain.splits import Split
from crossfade.events import MetricSample, Reason, Verdict
from crossfade.resources import Document, TestingPattern
from crossfade_analyzer.policies.blocks import analysis
from crossfade_analyzer.policies.greedy import next_split
from crossfade_analyzer.policies.port import Judgement, Memory
from crossfade_analyzer.policies.scores import Scores, failed, score
from crossfade_analyzer.policies.wording import missed, reasons


@dataclass(frozen=True, slots=True)
class Iter8Policy:
    """Compares points, needs no memory, and so gives the same answer to a repeated sample."""

    def judge(self, document: Document, memory: Memory, sample: MetricSample) -> Judgement:
        """The judgement on a sample."""
        scores = score(document, sample)
        split = self._split(document, scores, sample)
        broken = self._rollback(document, sample)
        last = sample.iteration >= (sample.of or document.iterations)
        verdict = _verdict(document, scores, sample) if last else "continue"
        return Judgement(
            split=split,
            verdict="rollback" if broken else verdict,
            policy="iter8",
            winner=scores.winner,
            recommended=document.baseline.name if broken else _recommended(document, scores),
            final=last or bool(broken),
            reasons=(*broken, *reasons(document, sample, scores)),
            analysis=analysis(document, sample, scores, split),
        )

    @staticmethod
    def _split(document: Document, scores: Scores, sample: MetricSample) -> Split:
        if document.pattern is TestingPattern.CONFORMANCE:
            return {}
        names = [version.name for version in document.versions]
        return next_split(names, scores.best, sample.split, document.caps)

    @staticmethod
    def _rollback(document: Document, sample: MetricSample) -> tuple[Reason, ...]:
        # Upstream also rolled back because of the baseline, or because nothing was known yet.
        judged = document.candidates or document.versions
        return tuple(
            Reason(code="rollback-on-failure", text=missed(name, objective, value))
            for name, objective, value in failed(document, sample, [v.name for v in judged])
            if document.rollback_on_failure(objective)
        )


def _recommended(document: Document, scores: Scores) -> str:
    return scores.winner or document.baseline.name


def _verdict(document: Document, scores: Scores, sample: MetricSample) -> Verdict:
    if scores.winner is not None:
        promoted = scores.winner != document.baseline.name or not document.candidates
        return "promote" if promoted else "rollback"
    if sample.readings and all(reading.value is None for reading in sample.readings):
        return "no-data"
    return "inconclusive" if len(scores.best) > 1 else "rollback"
