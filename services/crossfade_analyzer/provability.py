"""Lint's rule about proof: what policy `assured` could not prove, found before the start.

It maps the document as the policy will; everything else that lint knows is `crossfade.linting`.
"""

from __future__ import annotations

from collections.abc import Iterator

from crossfade.errors import Malformed
from crossfade.linting import RULES, Finding, Level, Rule
from crossfade.resources import Document
from crossfade.resources.documents import Policy
from crossfade_analyzer.policies.mapping import Mapped, map_document

_MONITOR = "; or burden: monitor on the objective"


def rules(unsaid: Policy = "iter8") -> tuple[Rule, ...]:
    """Every rule of lint, in an installation where documents that say nothing mean `unsaid`."""

    def not_provable(document: Document) -> Iterator[Finding]:
        return unprovable(document, unsaid)

    return (*RULES, not_provable)


def unprovable(document: Document, unsaid: Policy = "iter8") -> Iterator[Finding]:
    """What policy `assured` could not prove; under it, nothing can be promoted then."""
    if not document.versions:
        return
    assured = document.decided_by(unsaid) == "assured"
    level: Level = "error" if assured else "info"
    end = ": no candidate can be promoted" if assured else ", only compared"
    try:
        criteria = map_document(document).criteria
    except Malformed as malformed:
        yield Finding(
            "not-provable", level, "spec.criteria", str(malformed), "ask for less at once"
        )
        return
    for mapped, where in zip(criteria, _places(document, criteria), strict=True):
        if mapped.blocks and mapped.field != "metric":  # one that the start action will bring
            yield Finding(
                "not-provable",
                level,
                where,
                f"{mapped.ask.key} cannot be proved{end}",
                f"{mapped.field}: {mapped.why}" + ("" if mapped.ask.reward else _MONITOR),
            )


def _places(document: Document, criteria: tuple[Mapped, ...]) -> Iterator[str]:
    """Where each criterion stands; an objective with two limits is two criteria in a row."""
    places = {id(objective): i for i, objective in enumerate(document.objectives)}
    for mapped in criteria:
        objective = mapped.ask.objective
        if objective is None:
            yield "spec.criteria.rewards[0]"
        else:
            yield f"spec.criteria.objectives[{places[id(objective)]}]"
