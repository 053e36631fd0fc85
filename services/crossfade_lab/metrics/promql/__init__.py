"""PromQL: expressions parsed by promql-parser and evaluated on the embedded store.

It answers as Prometheus 2.42 does (range selectors closed on the left, extrapolating rates), and is
held to it by comparison in `tests/metrics`. Left out: native histograms, `holt_winters` and the
calendar functions; they are refused by name.
"""

from crossfade_lab.metrics.promql.aggregations import written
from crossfade_lab.metrics.promql.engine import (
    evaluate,
    evaluate_range,
    is_range,
    matchers_of,
    parse,
    parse_duration_ms,
)
from crossfade_lab.metrics.promql.values import (
    Element,
    QueryError,
    Value,
    Window,
    vector,
    windows,
)

__all__ = [
    "Element",
    "QueryError",
    "Value",
    "Window",
    "evaluate",
    "evaluate_range",
    "is_range",
    "matchers_of",
    "parse",
    "parse_duration_ms",
    "vector",
    "windows",
    "written",
]
