"""What a policy is: a pure function from a run's memory and one sample to a judgement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from crossfade.events import MetricSample, Reason, Verdict
from crossfade.resources import Document

Memory = Mapping[str, Any]
"""What a policy remembers of a run between samples, as it was or as read back from `written`."""


def written(memory: Memory) -> bytes:
    """A memory as JSON, exact on a round trip; the records in it become lists."""
    return orjson.dumps(memory, default=tuple)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a policy makes of one sample.

    `split` in whole percent by version, empty where the pattern knows no weights; `policy` is
    the name of who judged. `final` ends the run. `analysis` is the block of `status.analysis`;
    `evidence` one entry a claim.
    """

    split: dict[str, int]
    verdict: Verdict
    recommended: str
    policy: str
    winner: str | None = None
    final: bool = False
    reasons: tuple[Reason, ...] = ()
    analysis: dict[str, Any] = field(default_factory=dict)
    evidence: tuple[dict[str, Any], ...] = ()
    memory: Memory = field(default_factory=dict)


class Policy(Protocol):
    """Decides."""

    def judge(self, document: Document, memory: Memory, sample: MetricSample) -> Judgement:
        """The judgement on a sample; the same for the same arguments, always."""
        ...
