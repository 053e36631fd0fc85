"""Which policies there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from crossfade.events import MetricSample
from crossfade.resources import Document
from crossfade.settings import AnalyzerSettings
from crossfade_analyzer.policies.assured import AssuredPolicy
from crossfade_analyzer.policies.assured_beside import Evidenced
from crossfade_analyzer.policies.iter8 import Iter8Policy
from crossfade_analyzer.policies.port import Judgement, Memory, Policy


def policies(settings: AnalyzerSettings) -> Mapping[str, Policy]:
    """The policies by name; documents that say nothing are judged as the installation says."""
    assured = AssuredPolicy()
    unsaid: Policy = Evidenced(Iter8Policy())
    if settings.default_policy == "assured":
        unsaid = Unsaid(assured, unsaid)
    return {"iter8": unsaid, "assured": assured}


@dataclass(frozen=True, slots=True)
class Unsaid:
    """Judges documents without `spec.decision` by `default`, those that name iter8 by `named`."""

    default: Policy
    named: Policy

    def judge(self, document: Document, memory: Memory, sample: MetricSample) -> Judgement:
        """The judgement of whichever policy applies."""
        said = document.experiment.spec.decision is not None
        return (self.named if said else self.default).judge(document, memory, sample)
