"""Rules about sample sizes: on how much a number rests."""

from __future__ import annotations

from collections.abc import Iterator

from crossfade.linting.findings import Finding
from crossfade.linting.queries import queries
from crossfade.resources import Document


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
