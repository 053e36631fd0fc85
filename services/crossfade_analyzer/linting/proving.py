"""Rules about proof: sample sizes that are missing, and claims that nobody could ever prove."""

from __future__ import annotations

from collections.abc import Iterator

from crossfade.resources import Document
from crossfade_analyzer.linting.findings import Finding
from crossfade_analyzer.linting.queries import queries
from crossfade_analyzer.policies.mapping import Mapped, map_document


def missing_sample_sizes(document: Document) -> Iterator[Finding]:
    """A ratio without its number of requests says how much, and not how sure."""
    ratios = {query.metric.key for query in queries(document) if query.divides}
    for where, ref in _decisive(document):
        metric = document.metrics.get(document.key(ref))
        if metric is None or metric.key not in ratios:
            continue
        if not (metric.spec.sample_size or metric.spec.denominator):
            yield Finding(
                "no-sample-size",
                "warning",
                f"{metric.key} spec.sampleSize",
                f"{where} rests on it, and nobody knows on how many requests it rests",
                "name the Metric that counts the requests it is taken over",
            )


def _decisive(document: Document) -> Iterator[tuple[str, str]]:
    for i, reward in enumerate(document.rewards):
        yield f"spec.criteria.rewards[{i}]", reward.metric
    for i, objective in enumerate(document.objectives):
        yield f"spec.criteria.objectives[{i}]", objective.metric


def unprovable(document: Document) -> Iterator[Finding]:
    """What policy `assured` could not prove; under it, nothing can be promoted then."""
    if not document.versions:
        return
    assured = document.policy == "assured"
    for mapped in map_document(document).criteria:
        if mapped.blocks:
            yield Finding(
                "not-provable",
                "error" if assured else "info",
                _where(mapped),
                f"{mapped.ask.key} cannot be proved"
                + (": no candidate can be promoted" if assured else ", only compared"),
                f"{mapped.field}: {mapped.why}" + (_MONITOR if not mapped.ask.reward else ""),
            )


_MONITOR = "; or burden: monitor on the objective"


def _where(mapped: Mapped) -> str:
    ask = mapped.ask
    if ask.objective is None:
        return "spec.criteria.rewards[0]"
    return f"spec.criteria.objectives[{ask.document.objectives.index(ask.objective)}]"
