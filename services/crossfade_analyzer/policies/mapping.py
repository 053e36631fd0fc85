"""Documents into plans: every criterion as a claim, or the field that keeps it from being one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from crossfade.errors import Malformed, NotFound
from crossfade.resources import (
    Decision,
    DeploymentPattern,
    Document,
    Objective,
    Reward,
    TestingPattern,
)
from crossfade_analyzer.inference import Claim, Plan
from crossfade_analyzer.policies.assured_edits import shape_of
from crossfade_analyzer.policies.mapping_asks import Ask, Side
from crossfade_analyzer.policies.mapping_readings import Derived
from crossfade_analyzer.policies.mapping_shapes import TABLE, Lacking, Made, Shape

ALONE = ""
"""The baseline of a run that has a version alone: nobody."""


@dataclass(frozen=True)
class Mapped:
    """One criterion: its claim, and where nothing can be proved, `field` and `why`.

    `shape` is the row of the table that applied.
    """

    ask: Ask
    claim: Claim
    shape: Shape
    derived: tuple[Derived, ...] = ()
    field: str = ""
    why: str = ""

    @property
    def provable(self) -> bool:
        """Whether its claim can be decided: proved, or kept as a budget."""
        return self.claim.kind != "descriptive"

    @property
    def blocks(self) -> bool:
        """Whether no candidate can be promoted because this is asked for and cannot be proved."""
        asked = self.ask.relative or self.ask.limit is not None
        return not self.provable and asked and not self.ask.monitored


@dataclass(frozen=True)
class Mapping:
    """A document as the engine sees it; `plan` is None where there is nothing to plan."""

    document: Document
    criteria: tuple[Mapped, ...]
    plan: Plan | None

    @cached_property
    def derived(self) -> tuple[Derived, ...]:
        """Every reading that follows from others, once."""
        each = (derived for mapped in self.criteria for derived in mapped.derived)
        return tuple({derived.key: derived for derived in each}.values())

    @cached_property
    def shape(self) -> dict[str, Any]:
        """What the evidence for its plan is about, as it is remembered beside it."""
        return {} if self.plan is None else shape_of(self.plan)

    @cached_property
    def fixed(self) -> bool:
        """Whether the split stays as it is found."""
        return not self.document.moves_weights

    @cached_property
    def blocked(self) -> tuple[Mapped, ...]:
        """Criteria that are asked for and cannot be proved."""
        return tuple(mapped for mapped in self.criteria if mapped.blocks)


def map_document(document: Document, iterations: int = 0) -> Mapping:
    """The claims and the plan of a document; `iterations` where the run was extended."""
    criteria = tuple(_mapped(ask) for ask in asks(document))
    return Mapping(document, criteria, _plan(document, criteria, iterations))


def asks(document: Document) -> tuple[Ask, ...]:
    """Every criterion, the reward first; an objective with two limits is asked about twice."""
    taken: dict[str, int] = {}
    found = []
    for ref, criterion, side in _criteria(document):
        tag = _tag(ref, side, taken)
        found.append(Ask(document, ref, tag, criterion, side))
    return tuple(found)


def _criteria(document: Document) -> Iterator[tuple[str, Objective | Reward, Side]]:
    for reward in document.rewards[:1]:  # v2alpha2 §4.3: only the first counts
        yield reward.metric, reward, "none"
    for objective in document.objectives:
        for side in _sides(objective):
            yield objective.metric, objective, side


def _sides(objective: Objective) -> Iterator[Side]:
    if objective.upper is not None:
        yield "upper"
    if objective.lower is not None and not (
        objective.relative_to and objective.upper is not None
    ):
        yield "lower"
    if objective.upper is None and objective.lower is None:
        yield "upper" if objective.relative_to else "none"


def _tag(ref: str, side: Side, taken: dict[str, int]) -> str:
    """A name that no other claim of the run has, as short as can be."""
    short = ref.rpartition("/")[2]
    for name in (short, f"{short} ({side} limit)", ref):
        if name not in taken:
            taken[name] = 1
            return name
    taken[ref] += 1
    return f"{ref} #{taken[ref]}"


def _mapped(ask: Ask) -> Mapped:
    try:
        shape = next(shape for shape in TABLE if shape.applies(ask))
    except NotFound as missing:
        return _described(ask, TABLE[-1], "metric", str(missing))
    try:
        made: Made = shape.make(ask)
    except Lacking as lacking:
        return _described(ask, shape, lacking.field, lacking.why)
    except NotFound as missing:
        return _described(ask, shape, "metric", str(missing))
    except Malformed as malformed:
        first = malformed.errors[0]
        return _described(ask, shape, first.field.rpartition(".")[2], first.message)
    return Mapped(ask, made.claim, shape, made.derived)


def _described(ask: Ask, shape: Shape, where: str, why: str) -> Mapped:
    role: Literal["objective", "reward"] = "reward" if ask.reward else "objective"
    claim = Claim(name=ask.tag, kind="descriptive", role=role, numerator=ask.key)
    return Mapped(ask, claim, shape, field=where, why=why)


def _plan(document: Document, criteria: tuple[Mapped, ...], iterations: int) -> Plan | None:
    alone = document.pattern is TestingPattern.CONFORMANCE or not document.candidates
    claims = tuple(m.claim for m in criteria if not (alone and m.claim.paired))
    if not document.versions or not claims:
        return None
    decision = document.experiment.spec.decision or Decision()
    weight, increment = document.caps
    fixed = alone or document.deployment is DeploymentPattern.FIXED_SPLIT
    interval = float(document.interval_seconds)
    names = tuple(version.name for version in document.versions)
    return Plan(
        iterations=iterations or document.iterations,
        interval=interval,
        baseline=ALONE if alone else names[0],
        candidates=names[:1] if alone else names[1:],
        claims=claims,
        alpha=min(decision.alpha or 0.05, 0.5),
        rollback_alpha=min(decision.rollback_alpha or 0.05, 0.5),
        futility=0.02 if decision.futility is None else decision.futility,
        max_candidate_weight_increment=100 if alone else 0 if fixed else increment,
        max_candidate_weight=weight,
        soak=interval * (decision.soak or 0),
        early_stop=bool(decision.early_stop),
    )
