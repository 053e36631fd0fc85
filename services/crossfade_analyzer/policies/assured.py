"""Policy `assured`: promoted is only what was proved, at level α, whatever the split did.

The arithmetic is `crossfade_analyzer.inference`; the criteria become claims in `mapping`. What
is asked for and cannot be proved keeps a candidate from being promoted, and is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crossfade.domain.splits import Split
from crossfade.events import MetricSample, Reason
from crossfade.resources import Document, TestingPattern
from crossfade_analyzer.policies.assured_ending import Ending, ending
from crossfade_analyzer.policies.assured_entries import entries
from crossfade_analyzer.policies.assured_steps import Step, Steps
from crossfade_analyzer.policies.blocks import analysis
from crossfade_analyzer.policies.greedy import WHOLE, in_force
from crossfade_analyzer.policies.port import Judgement, Memory
from crossfade_analyzer.policies.scores import Scores, Told, score


@dataclass(frozen=True, slots=True)
class AssuredPolicy:
    """Proves before it promotes; its memory is the engine's evidence."""

    steps: Steps = field(default_factory=Steps)

    def judge(self, document: Document, memory: Memory, sample: MetricSample) -> Judgement:
        """The judgement on a sample; a repeated one says the same thing and remembers the same."""
        step = self.steps.take(document, memory, sample)
        last = sample.iteration >= (sample.of or document.iterations)
        end = ending(step, sample, last)
        split = _split(document, step, end, sample)
        reasons = (*_reasons(step, end), *end.reasons)
        return Judgement(
            split=split,
            verdict=end.verdict,
            winner=end.winner,
            recommended=end.winner or document.baseline.name,
            policy="assured",
            final=end.final,
            reasons=reasons,
            analysis=_analysis(document, sample, end, reasons, split),
            evidence=entries(step),
            memory=step.memory,
        )


def _reasons(step: Step, end: Ending) -> tuple[Reason, ...]:
    """The engine's sentences; those about a winner only if it stays one."""
    if step.findings is None:
        return ()
    refused = step.findings.verdict == "promote" and end.winner is None
    return tuple(
        Reason(code=code, text=text)
        for code, text in step.findings.reasons
        if not (refused and code == "winner")
    )


def _split(document: Document, step: Step, end: Ending, sample: MetricSample) -> Split:
    """The split to move to: as found where nobody moves it, the baseline's after a lost run."""
    if document.pattern is TestingPattern.CONFORMANCE:
        return {}
    names = [version.name for version in document.versions]
    found = in_force(names, sample.split)
    if step.mapping.fixed or step.findings is None:
        return found
    if end.final and end.winner is None:
        return {name: WHOLE if name == names[0] else 0 for name in names}
    return found if end.hold else step.findings.split


def _analysis(
    document: Document,
    sample: MetricSample,
    end: Ending,
    reasons: tuple[Reason, ...],
    split: Mapping[str, int],
) -> dict[str, Any]:
    """The block of v2alpha2: objectives as they stand, the winner as it was proved."""
    scores = score(document, sample)
    told = Told(infos=tuple([reason.text for reason in reasons]) or ("all ok",))
    shown = Scores(scores.met, scores.best, end.winner, scores.warnings, told)
    return analysis(document, sample, shown, dict(split))
