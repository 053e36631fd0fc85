"""Why a PromQL query has no number: its window may hold fewer than two scrapes.

`increase` and `rate` of one sample are nothing, and nothing divided by nothing is NaN: either looks
like a wrong label or an idle service. So where a query has no number, its windows are counted.
"""

from __future__ import annotations

import json
from dataclasses import replace

from crossfade_collector.sources.port import NoValue, Request
from crossfade_collector.sources.promql import scrapes
from crossfade_collector.sources.requests import asks_promql

NOTHING = frozenset({"empty-result", "not-a-number"})
"""What a window with too few scrapes looks like."""


def probe(request: Request, reason: NoValue) -> Request | None:
    """What is to be asked to know whether scrapes were too few; None where it cannot be that."""
    if reason.absence not in NOTHING or not asks_promql(request.provider, request.url):
        return None
    query = scrapes(request.url.query.get("query", ""))
    if query is None:
        return None
    return replace(request, url=request.url.update_query(query=query))


def told(answer: str) -> NoValue | None:
    """The reason, where an answer says that no window holds two; an odd answer says nothing."""
    try:
        most = float(json.loads(answer)["data"]["result"][0]["value"][1])
    except (ValueError, RecursionError, LookupError, TypeError):
        return None
    if most != 1:
        return None  # none at all is another matter: no series, or a wrong label
    need = "increase and rate need two, so the interval or the window has to be longer"
    return NoValue("too-few-scrapes", f"one scrape in the window of the query; {need}")
