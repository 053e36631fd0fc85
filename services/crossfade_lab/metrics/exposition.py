"""The text exposition format, version 0.0.4: what a target answers to a scrape.

A line is a metric as written (`requests_count{code="200"}`), a value, and perhaps a time in
milliseconds. The metric's text is kept whole: a scraper sees the same text at each scrape and
needs its labels only once. Histograms and summaries are nothing but lines of several names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from crossfade.errors import Malformed

__all__ = ["Line", "labels_of", "lines"]

LINE = re.compile(
    r"\s*(?P<metric>[a-zA-Z_:][a-zA-Z0-9_:]*\s*(?:\{(?:[^\"}]|\"(?:[^\"\\]|\\.)*\")*\})?)"
    r"\s*(?<=[\s}])(?P<value>[^\s_]+)(?:\s+(?P<at>-?\d+))?\s*"
)
METRIC = re.compile(
    r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)\s*(?:\{(?P<inner>.*)\})?\s*", re.DOTALL
)
LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
ESCAPE = re.compile(r"\\(.)", re.DOTALL)
ESCAPED = {"n": "\n", '"': '"', "\\": "\\"}


class Line(NamedTuple):
    """One sample as the target wrote it; `at_ms` where it names a time of its own."""

    metric: str
    value: float
    at_ms: int | None


def lines(text: str) -> Iterator[Line]:
    """The samples of a page, in its order; Malformed names the first bad line by number."""
    for number, line in enumerate(text.split("\n"), start=1):
        if not line or line.startswith("#") or not line.strip():
            continue
        found = LINE.fullmatch(line)
        if found is None:
            raise Malformed(
                f"line {number}: found {line[:80]!r}; right is name{{labels}} value"
            )
        yield Line(found["metric"].strip(), _number(number, found["value"]), _time(found["at"]))


def labels_of(metric: str) -> dict[str, str]:
    """The labels of a metric as written, its name as `__name__`, empty ones left out."""
    found = METRIC.fullmatch(metric)
    if found is None:
        raise Malformed(f'metric: found {metric[:80]!r}; right is name{{label="value"}}')
    inner, at = (found["inner"] or "").strip(), 0
    labels = {"__name__": found["name"]}
    while at < len(inner):
        label = LABEL.match(inner, at)
        if label is None:
            raise Malformed(f'labels: found {inner[at : at + 80]!r}; right is name="value"')
        labels[label[1]] = ESCAPE.sub(_unescape, label[2])
        at = label.end()
    return {name: value for name, value in labels.items() if value}


def _number(line: int, text: str) -> float:
    try:
        return float(text)
    except ValueError as wrong:
        raise Malformed(f"line {line}: found {text!r}; right is a number") from wrong


def _time(text: str | None) -> int | None:
    return None if text is None else int(text)


def _unescape(found: re.Match[str]) -> str:
    return ESCAPED.get(found[1], found[0])
