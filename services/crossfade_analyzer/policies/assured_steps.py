"""One sample into the evidence of its run: mapping, memory, engine. Pure, whoever decides.

Memory is `{"evidence": …, "about": …, "empty": n}`: the engine's value, the shape of its plan, and
how many samples in a row held no value at all.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Any

from crossfade.events import MetricSample
from crossfade.resources import Document
from crossfade_analyzer.inference import Evidence, Findings, Look, Plan, step
from crossfade_analyzer.policies.assured_edits import carried
from crossfade_analyzer.policies.greedy import in_force
from crossfade_analyzer.policies.mapping import ALONE, Mapping, map_document
from crossfade_analyzer.policies.mapping_readings import readings_of
from crossfade_analyzer.policies.port import Memory

CACHED = 4096


@dataclass(frozen=True, slots=True)
class Step:
    """What one sample led to. `findings` is None where the document asks for nothing."""

    mapping: Mapping
    evidence: Evidence | None
    findings: Findings | None
    empty: int

    @property
    def memory(self) -> dict[str, Any]:
        """What is remembered after it."""
        kept: dict[str, Any] = {"empty": self.empty} if self.empty else {}
        if self.evidence is None:
            return kept
        return {"evidence": self.evidence, "about": self.mapping.shape, **kept}


@dataclass(slots=True)
class Steps:
    """Takes runs one sample further; keeps the mapping of documents, which never change."""

    mapped: OrderedDict[tuple[int, int], tuple[Document, Mapping]] = field(
        default_factory=OrderedDict
    )

    def take(self, document: Document, memory: Memory, sample: MetricSample) -> Step:
        """The step of a sample; a repeated or older one changes nothing."""
        mapping = self.mapping(document, sample.of)
        plan = mapping.plan
        if plan is None:
            return Step(mapping, None, None, 0)
        before = _remembered(memory, mapping, plan)
        empty = _empty(memory, sample, fresh=sample.iteration > before.iteration)
        before = _aimed(mapping, plan, before, sample)
        evidence, findings = step(plan, before, _look(mapping, plan, sample))
        return Step(mapping, evidence, findings, empty)

    def mapping(self, document: Document, iterations: int) -> Mapping:
        """The mapping of a document for a run of so many iterations (0: as the document says)."""
        # Keyed by identity, and holding the document so that the identity stays its own.
        key = (id(document), iterations)
        if key not in self.mapped:
            self.mapped[key] = (document, map_document(document, iterations))
            if len(self.mapped) > CACHED:
                self.mapped.popitem(last=False)
        self.mapped.move_to_end(key)
        return self.mapped[key][1]


def _remembered(memory: Memory, mapping: Mapping, plan: Plan) -> Evidence:
    """The evidence in a memory that was kept as it was, or that went through JSON."""
    found = memory.get("evidence")
    if found is None:
        return Evidence.fresh(plan)
    evidence: Evidence = Evidence.from_json(found) if isinstance(found, dict) else found
    about = memory.get("about", mapping.shape)
    if about == mapping.shape:
        return evidence
    return carried(plan, evidence, about, mapping.shape)


def _empty(memory: Memory, sample: MetricSample, *, fresh: bool) -> int:
    so_far: int = memory.get("empty", 0)
    if not fresh:
        return so_far
    silent = all(reading.value is None for reading in sample.readings)
    return so_far + 1 if silent else 0


def _aimed(mapping: Mapping, plan: Plan, evidence: Evidence, sample: MetricSample) -> Evidence:
    """Evidence that plans with the split as it is where nobody is going to move it."""
    if not mapping.fixed:
        return evidence
    split = split_in_force(plan, sample)
    return replace(evidence, targets=tuple(float(split[name]) for name in plan.candidates))


def _look(mapping: Mapping, plan: Plan, sample: MetricSample) -> Look:
    return Look(
        iteration=sample.iteration,
        elapsed=float(sample.elapsed_seconds),
        split=split_in_force(plan, sample),
        readings=readings_of(sample, mapping.derived),
    )


def split_in_force(plan: Plan, sample: MetricSample) -> dict[str, int]:
    """The split that was in force when the sample was read; a version alone has it all."""
    if plan.baseline == ALONE:
        return {ALONE: 0, plan.candidates[0]: 100}
    return in_force(plan.versions, sample.split)
