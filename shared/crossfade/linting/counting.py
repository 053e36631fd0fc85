"""Rules about what is counted: seconds for requests, successes for errors, traffic for merit."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence

from crossfade.linting.findings import Finding
from crossfade.linting.queries import SELDON, Query, by_metric, queries
from crossfade.resources import Document, Metric

_CODE = re.compile(r"""\b(code|grpc_code|grpc_status)\s*+(!=|!~)\s*+(["'])(.*?)\3""")
_NESTED = re.compile(r"[)*+?}][*+?{]")
"""A repetition of what repeats, or of a group: what could keep a backtracking matcher busy."""
LONGEST_PATTERN = 100
_OVER_TIME = re.compile(r"\b(avg|rate)\s*+\(|_over_time\b")
_VECTOR = re.compile(r"\bor\s+(on\s*\(\s*\)\s*)?vector\s*\(\s*0(\.0*)?\s*\)")


def sums_for_counts(document: Document) -> Iterator[Finding]:
    """A request count that adds up seconds instead of counting (Q23)."""
    counts = _counts_of_requests(document)
    for query in queries(document):
        named = re.search(r"count|requests", query.metric.name) is not None
        if query.divides or not (query.metric.key in counts or named):
            continue
        for series in query.series:
            if series.endswith("_sum"):
                yield Finding(
                    "sum-for-count",
                    "error",
                    query.where,
                    f"{series} adds up what requests took; it does not count them",
                    f"use {series.removesuffix('_sum')}_count",
                )


def _counts_of_requests(document: Document) -> set[str]:
    """Metrics that somebody uses as a number of requests."""
    count = document.criteria.request_count
    found = {document.key(count)} if count else set()
    for metric in document.metrics.values():
        spec = metric.spec
        for ref in (spec.sample_size, spec.denominator):
            if ref:
                found.add(ref if "/" in ref else f"{metric.namespace}/{ref}")
    return found


def grpc_successes_as_errors(document: Document) -> Iterator[Finding]:
    """`code!='200'` counts every gRPC call, whose success is called OK, as an error (Q25)."""
    for query in queries(document):
        for label, operator, _, value in _CODE.findall(query.text):
            if not _counts_ok(operator, value):
                continue
            seldon = any(series.startswith(SELDON) for series in query.series)
            yield Finding(
                "grpc-ok-as-error",
                "error" if seldon else "warning",
                query.where,
                f"{label}{operator}'{value}' also matches OK, gRPC's code of success",
                f"write {label}!~'200|OK'" if operator == "!=" else f"add |OK to '{value}'",
            )


def _counts_ok(operator: str, value: str) -> bool:
    """Whether the matcher is about HTTP's success and lets OK through as something else."""
    if operator == "!=":
        return value == "200"
    if len(value) > LONGEST_PATTERN or _NESTED.search(value):
        return False
    try:
        with warnings.catch_warnings(action="ignore"):  # of what PromQL means otherwise
            pattern = re.compile(value)
    except (re.error, OverflowError, RecursionError):
        return False
    return bool(pattern.fullmatch("200")) and not pattern.fullmatch("OK")


def absence_as_zero(document: Document) -> Iterator[Finding]:
    """`or vector(0)` turns "no data" into "no errors" (decision-engine §7.8)."""
    for query in queries(document):
        if not _VECTOR.search(query.denominator or query.text):
            continue  # above the line it only says that no error was seen yet
        ratio = query.divides or query.metric.kind_of_value == "Gauge"
        yield Finding(
            "absence-as-zero",
            "warning" if ratio else "info",
            query.where,
            "`or vector(0)` reads 0 where nothing was scraped: an outage looks like perfection",
            "leave it out: what is absent is told as absent, never counted as failure; or take "
            "the 0 from a series that is always there: `or on() 0 * sum(…)`",
        )


def counts_as_rewards(document: Document) -> Iterator[Finding]:
    """A raw count as reward goes to whoever has the traffic (decision-engine §7.9)."""
    asked = by_metric(document)
    for i, reward in enumerate(document.rewards):
        metric = document.metrics.get(document.key(reward.metric))
        if metric is not None and _is_raw_count(metric, asked.get(metric.key, ())):
            yield Finding(
                "count-as-reward",
                "warning",
                f"spec.criteria.rewards[{i}].metric",
                f"{metric.key} is a count: the version with more traffic has more of it",
                "say `distribution: bernoulli` with `sampleSize` (or numerator and denominator) "
                "for events of requests, `poisson` with `exposure: time` for others",
            )


def _is_raw_count(metric: Metric, own: Sequence[Query]) -> bool:
    spec = metric.spec
    if spec.exposure == "time" or spec.numerator or spec.denominator:
        return False
    if spec.distribution and spec.sample_size:
        return False
    if metric.kind_of_value == "Counter":
        return True
    return any(_counts(query) for query in own)


def _counts(query: Query) -> bool:
    if query.divides or _OVER_TIME.search(query.text):
        return False
    return any(series.endswith(("_count", "_total")) for series in query.series)
