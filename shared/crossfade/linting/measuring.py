"""Rules about units, limits and windows: what a number means, and what could ever exceed it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from crossfade.linting.findings import Finding
from crossfade.linting.queries import (
    SELDON_EDGES,
    by_metric,
    queries,
    spoken_unit,
)
from crossfade.resources import Document, Metric, Objective
from crossfade.resources.fields import number

SCRAPE_SECONDS = 15
"""How often Prometheus scrapes where nobody says otherwise, v2alpha2 §7.7."""
LONGEST_SECONDS = 300.0
"""No request that anybody waits for takes longer."""
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def units_against_series(document: Document) -> Iterator[Finding]:
    """`units: milliseconds` over a series in seconds, or the other way round (Q24)."""
    for query in queries(document):
        said, read = spoken_unit(query.metric), query.seconds
        if said is None or read is None or said == read:
            continue
        is_, says = ("seconds", "milliseconds") if read else ("milliseconds", "seconds")
        factor = "multiply by 1000" if read else "divide by 1000"
        yield Finding(
            "unit-mismatch",
            "error",
            f"{query.metric.key} spec.units",
            f"units say {says}, but the query gives {is_}",
            f"{factor} in the query, or write units: {is_}",
        )


def limits_that_never_bind(document: Document) -> Iterator[Finding]:
    """A limit that no value of this metric can exceed promises nothing (Q24)."""
    latencies = _latencies(document)
    for i, objective in enumerate(document.objectives):
        metric = document.metrics.get(document.key(objective.metric))
        at = f"spec.criteria.objectives[{i}]"
        if metric is None:
            continue
        if objective.upper is None and objective.lower is None:
            if objective.relative_to is None:
                yield _loose(at, "it has no limit: every value meets it", "give upperLimit")
            continue
        yield from _upper(metric, objective, at, latencies.get(metric.key, ()))
        if objective.lower is not None and objective.lower <= 0 and objective.upper is None:
            why = f"no share, count or latency is below {objective.lower_limit}"
            yield _loose(f"{at}.lowerLimit", why, "give a lower limit above 0, or an upper one")


def limits_that_exclude_each_other(document: Document) -> Iterator[Finding]:
    """A lower limit above the upper one: nothing meets it, so nothing ever wins."""
    for i, objective in enumerate(document.objectives):
        lower, upper = objective.lower, objective.upper
        if lower is not None and upper is not None and lower > upper:
            yield Finding(
                "limits-exclude-each-other",
                "error",
                f"spec.criteria.objectives[{i}]",
                f"no value is at least {objective.lower_limit} and at most {objective.upper_limit}",
                "give a lowerLimit up to the upperLimit",
            )


Latency = tuple[bool, bool]
"""(Whether a query's values are in seconds, whether it is a quantile of Seldon's histogram.)"""


def _latencies(document: Document) -> dict[str, tuple[Latency, ...]]:
    """Which kinds of latency each metric's queries read, each kind once."""
    return {
        key: tuple(
            dict.fromkeys(
                (query.seconds, query.quantile_of_seldon)
                for query in found
                if query.seconds is not None
            )
        )
        for key, found in by_metric(document).items()
    }


def _upper(
    metric: Metric, objective: Objective, at: str, latencies: Sequence[Latency]
) -> Iterator[Finding]:
    upper, most = objective.upper, number(metric.spec.upper_bound)
    if upper is None or objective.relative_to is not None:
        return
    where = f"{at}.upperLimit"
    share = metric.spec.distribution == "bernoulli" or metric.name.endswith("-rate")
    if share and metric.kind_of_value == "Gauge" and upper >= 1:
        why = f"{metric.key} is a share of requests and never above 1"
        yield _loose(where, why, "give a share such as 0.01")
    elif most is not None and upper >= most:
        why = f"{metric.key} is never above its upperBound {metric.spec.upper_bound}"
        yield _loose(where, why, "give a limit below it")
    else:
        yield from _endless(upper, where, latencies)


def _endless(upper: float, where: str, latencies: Sequence[Latency]) -> Iterator[Finding]:
    """Latency limits beyond the last bucket, or beyond anybody's patience."""
    last = SELDON_EDGES[-1]
    for read, quantile in latencies:
        limit = upper if read else upper / 1000.0
        if quantile and limit >= last:
            why = f"the histogram's last bucket ends at {last} s; this limit is {limit:g} s"
            yield _loose(where, why, _advice(read))
        elif limit > LONGEST_SECONDS:
            why = f"the query gives {'seconds' if read else 'milliseconds'}: {limit:g} s"
            yield _loose(where, f"{why} is longer than anybody waits", _advice(read))


def _advice(read: bool) -> str:
    example = "0.5" if read else "500"
    return f"give what a request may take in the query's unit, such as {example}"


def buckets_at_limits(document: Document) -> Iterator[Finding]:
    """A quantile is only known to its bucket: a limit between two edges is guessed at."""
    latencies = _latencies(document)
    for i, objective in enumerate(document.objectives):
        for read, quantile in latencies.get(document.key(objective.metric), ()):
            if not quantile or objective.upper is None:
                continue
            limit = objective.upper if read else objective.upper / 1000.0
            if limit < SELDON_EDGES[-1] and all(abs(limit - e) > 1e-9 for e in SELDON_EDGES):
                yield Finding(
                    "bucket-resolution",
                    "info",
                    f"spec.criteria.objectives[{i}].upperLimit",
                    f"{limit:g} s is between two buckets of the histogram: values there are "
                    "interpolated",
                    "choose one of its edges: "
                    + ", ".join(f"{e:g}" for e in SELDON_EDGES)
                    + " s",
                )


def budgets(document: Document) -> Iterator[Finding]:
    """A limit on a count is a budget that any version uses up in the end (§7.19)."""
    for i, objective in enumerate(document.objectives):
        metric = document.metrics.get(document.key(objective.metric))
        if metric is None or metric.kind_of_value != "Counter" or objective.upper is None:
            continue
        share = metric.spec.distribution == "bernoulli" and objective.upper < 1
        if objective.relative_to is None and not share:
            yield Finding(
                "count-under-limit",
                "warning",
                f"spec.criteria.objectives[{i}]",
                f"{metric.key} only grows: with enough traffic every version exceeds the limit",
                "limit its rate: a Metric with numerator and denominator",
            )


def short_windows(document: Document) -> Iterator[Finding]:
    """A range of fewer than two scrapes holds no increase (Q14, §7.7)."""
    needed, told = 2 * SCRAPE_SECONDS, False
    for query in queries(document):
        growing = any("elapsedTime" in length for length, _ in query.windows)
        span = min((_span(document, *window) for window in query.windows), default=needed)
        if span >= needed or (growing and told):
            continue
        told = told or growing
        yield Finding(
            "short-window",
            "info" if growing else "warning",
            "spec.duration.intervalSeconds" if growing else query.where,
            f"a range of {span:g} s{' at the first iteration' if growing else ''} holds fewer than "
            f"two scrapes where they come every {SCRAPE_SECONDS} s, and so no increase",
            f"scrape every {max(int(span // 2), 1)} s, or ask over {needed} s and more",
        )


def _span(document: Document, length: str, unit: str) -> float:
    """Seconds of a range, at the first iteration where it grows; endless where nobody knows."""
    if length.strip("${}") in ("elapsedTime", "interval"):
        return float(document.interval_seconds)
    return float(length) * _SECONDS.get(unit or "s", 1.0) if length.isdigit() else math.inf


def windows_not_said(document: Document) -> Iterator[Finding]:
    """A query over the last interval alone is not cumulative, and has to say so."""
    for query in queries(document):
        lengths = {length.strip("${}") for length, _ in query.windows}
        spec = query.metric.spec
        if lengths == {"interval"} and spec.window != "interval" and spec.distribution:
            yield Finding(
                "window-not-said",
                "error",
                f"{query.metric.key} spec.window",
                "the query covers one interval, but values count as cumulative",
                "write window: interval, or use [${elapsedTime}s]",
            )
        elif "elapsedTime" in lengths and spec.window == "interval":
            yield Finding(
                "window-not-said",
                "error",
                f"{query.metric.key} spec.window",
                "the query covers everything since the start, but is called one interval's",
                "leave window out, or use [${interval}s]",
            )


def _loose(where: str, why: str, mend: str) -> Finding:
    return Finding("limit-never-binds", "error", where, why, mend)
