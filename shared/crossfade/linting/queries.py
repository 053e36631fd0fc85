"""What rules look at: the text of every query, and what a text says of its series."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from crossfade.resources import Document, Metric
from crossfade.resources.builtin import PROVIDER

SELDON = "seldon_api_executor_"
SELDON_EDGES = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""Histogram edges of Seldon's executor in seconds, v2alpha2 §7.7."""

# Texts come from outside and may be long: nothing here may go back over what it has read, hence
# possessive repetitions and no start in the middle of a word.
_SERIES = re.compile(r"(?<![a-zA-Z0-9_:])[a-zA-Z_:][a-zA-Z0-9_:]*+(?=\s*+[{\[])")
_TIMES_1000 = re.compile(r"(?<![\d.])(1000|1e3)(\.0)?\s*\*|\*\s*(1000|1e3)(?![\d.])")
_BY_1000 = re.compile(r"/\s*(1000|1e3)(?![\d.])|(?<![\d.])0?\.001\s*\*|\*\s*0?\.001(?!\d)")
_RATIO = re.compile(r"[)\]}]\s*+/\s*+[(A-Za-z_]")
_DIVIDES = re.compile(r"histogram_quantile|\)\s*+/")
_WINDOW = re.compile(r"\[(\$\{?\w++\}?|\d++)([smhd]|ms)?[\]:]")


@dataclass(frozen=True)
class Query:
    """One text that a back-end is asked, and where it stands."""

    metric: Metric
    where: str
    text: str

    @cached_property
    def series(self) -> tuple[str, ...]:
        """Names of the series it selects, in order."""
        return tuple(_SERIES.findall(self.text))

    @cached_property
    def divides(self) -> bool:
        """Whether one series is divided by another, or a quantile is taken."""
        return _DIVIDES.search(self.text) is not None

    @cached_property
    def denominator(self) -> str:
        """What stands below the line, where one series is divided by another."""
        start = -1
        for line in _RATIO.finditer(self.text):
            start = line.start()
        return self.text[start:] if start >= 0 else ""

    @cached_property
    def scale(self) -> float:
        """By what the text multiplies its series: 1000, 0.001 or 1."""
        if _TIMES_1000.search(self.text):
            return 1000.0
        return 0.001 if _BY_1000.search(self.text) else 1.0

    @cached_property
    def windows(self) -> tuple[tuple[str, str], ...]:
        """Every range as (length, unit): `("${elapsedTime}", "s")`, `("30", "s")`."""
        return tuple((length, unit) for length, unit in _WINDOW.findall(self.text))

    @cached_property
    def seconds(self) -> bool | None:
        """Whether its values are in seconds (milliseconds: False), as its series say."""
        durations = [s for s in self.series if not s.endswith(("_count", "_total"))]
        if any("_seconds" in s for s in durations):
            natural = True
        elif any("_milliseconds" in s or re.search(r"_ms(_|$)", s) for s in durations):
            natural = False
        else:
            return None
        if self.scale == 1.0:
            return natural
        return False if natural and self.scale > 1.0 else True if not natural else None

    @cached_property
    def quantile_of_seldon(self) -> bool:
        """Whether it takes a quantile of a histogram of Seldon's executor."""
        seldon = any(series.startswith(SELDON) for series in self.series)
        return seldon and "histogram_quantile" in self.text


def queries(document: Document) -> Iterator[Query]:
    """Every query of every metric that is asked of a back-end."""
    for metric in asked(document):
        for i, param in enumerate(metric.spec.params or ()):
            yield Query(metric, f"{metric.key} spec.params[{i}].value", param.value)
        if metric.spec.body:
            yield Query(metric, f"{metric.key} spec.body", metric.spec.body)


def by_metric(document: Document) -> dict[str, list[Query]]:
    """The queries of each metric, by its key."""
    found: dict[str, list[Query]] = {}
    for query in queries(document):
        found.setdefault(query.metric.key, []).append(query)
    return found


def asked(document: Document) -> Iterator[Metric]:
    """Metrics that a back-end is asked for, in the order in which criteria name them."""
    for ref in document.references:
        metric = document.metrics.get(document.key(ref))
        if metric is not None and metric.spec.mock is None and metric.spec.provider != PROVIDER:
            yield metric


def spoken_unit(metric: Metric) -> bool | None:
    """Whether `units` says seconds (milliseconds: False), None where it says neither."""
    unit = (metric.spec.units or "").strip().lower()
    if unit in ("s", "sec", "second", "seconds"):
        return True
    return False if unit in ("ms", "msec", "millisecond", "milliseconds") else None
