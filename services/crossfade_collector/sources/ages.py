"""How old a number is: `maxAge` of a Metric turns one that is too old into the reason `stale`.

The moment is what `timestampExpression` finds in the answer. Where there is none, CloudWatch and
timeSeries.list of Google date their points, and a PromQL back-end is asked whether the series of
the query were written lately. An age that cannot be told is too old.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from crossfade.resources import MetricSpec
from crossfade_collector.sources import cloudwatch, expressions, google_monitoring
from crossfade_collector.sources.expressions import MOMENT as FIELD
from crossfade_collector.sources.port import NoValue, Request
from crossfade_collector.sources.promql import freshness
from crossfade_collector.sources.requests import asks_promql

NEWEST: Mapping[str, str] = {
    "cloudwatch": cloudwatch.NEWEST,
    "google": google_monitoring.NEWEST,
}
UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
"""Numbers beyond the first are Unix time in parts of a second: nano, micro, milli."""


def probe(request: Request, spec: MetricSpec) -> Request | None:
    """What else has to be asked to know the age; None if nothing. Raises NoValue."""
    asks = asks_promql(request.provider, request.url)
    if spec.max_age is None or spec.timestamp_expression or not asks:
        return None
    query = freshness(request.url.query.get("query", ""), spec.max_age)
    if query is None:
        found = "spec.maxAge: the query names no series to be old, or too many"
        raise NoValue("stale", f"{found}; right would be {FIELD}")
    return replace(request, url=request.url.update_query(query=query))


async def check(answer: str, spec: MetricSpec, at: datetime, *, probed: bool) -> None:
    """Raises NoValue where the number of an answer is older than its Metric allows."""
    if spec.max_age is None:
        return
    if probed:
        _written_lately(answer, spec.max_age)
        return
    expression = spec.timestamp_expression or NEWEST.get((spec.provider or "").lower())
    if not expression:
        right = "right would be a jq expression that says when the value was measured"
        raise NoValue("stale", f"{FIELD} is missing; {right}")
    found = await expressions.moment_in(answer, expression)
    measured = _seconds(found)
    if measured is None:
        raise NoValue("stale", f"{FIELD} gives {found!r}; right would be Unix time or RFC 3339")
    if (age := at.timestamp() - measured) > spec.max_age:
        raise NoValue(
            "stale", f"measured {round(age, 1):.12g} s ago; spec.maxAge is {spec.max_age} s"
        )


def _written_lately(answer: str, max_age: int) -> None:
    try:
        series = json.loads(answer)["data"]["result"]
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise NoValue("not-json", f"the age cannot be read from {answer[:100]!r}") from error
    if not series:
        raise NoValue("stale", f"no sample in the last {max_age} s, which is spec.maxAge")


def _seconds(moment: float | str | None) -> float | None:
    """Unix seconds of a moment, however it is written."""
    if isinstance(moment, str):
        return _written(moment)
    if moment is None or not math.isfinite(moment):
        return None
    return next((moment / per for least, per in UNITS if abs(moment) >= least), moment)


def _written(moment: str) -> float | None:
    try:
        return _seconds(float(moment))
    except ValueError:
        pass
    try:
        read = datetime.fromisoformat(moment)
    except ValueError:
        return None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
