"""Evidence beside the verdict of a policy that does not need it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace

from crossfade.errors import CrossfadeError
from crossfade.events import MetricSample
from crossfade.resources import Document
from crossfade_analyzer.policies.assured_entries import entries
from crossfade_analyzer.policies.assured_steps import Steps
from crossfade_analyzer.policies.port import Judgement, Memory, Policy

log = logging.getLogger(__name__)

FAULTS = (CrossfadeError, ArithmeticError, LookupError, TypeError, ValueError, AssertionError)
"""What wrong arithmetic or a memory of another form can raise."""


@dataclass(frozen=True, slots=True)
class Evidenced:
    """Judges as `policy` does, to the last field, and shows what could have been proved.

    A failing engine never costs a verdict: it is logged, and the evidence starts anew.
    """

    policy: Policy
    steps: Steps = field(default_factory=Steps)

    def judge(self, document: Document, memory: Memory, sample: MetricSample) -> Judgement:
        """The wrapped policy's judgement, with the evidence and the memory of the engine."""
        judgement = self.policy.judge(document, {}, sample)
        try:
            step = self.steps.take(document, memory, sample)
            return replace(judgement, evidence=entries(step), memory=step.memory)
        except FAULTS:
            where = {"run": sample.uid, "iteration": sample.iteration}
            log.exception("evidence failed", extra=where)
            return judgement
