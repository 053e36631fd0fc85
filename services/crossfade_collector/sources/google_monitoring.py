"""Google Cloud Monitoring: its way of saying no, and of saying only a part.

`timeSeries.list` answers 200 with `executionErrors` or `nextPageToken` where points are missing.
Its PromQL endpoint answers as Prometheus does, errors of the API itself as Google's APIs do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from crossfade_collector.sources.port import Expired, NoValue, Throttled

NEWEST = "[.timeSeries[].points[].interval.endTime] | max"
"""jq: when the newest point of an answer of timeSeries.list ends."""


def refusal(status: int, text: str, after_seconds: float | None) -> NoValue | None:
    """Why an answer holds no number, as far as the rest of us would not see it."""
    said = _mapping(text)
    if 200 <= status < 300:
        return _incomplete(said)
    detail = f"HTTP {status}: {_worded(said) or text[:200]}"
    if status == 401:
        return Expired(detail)
    return Throttled(detail, after_seconds) if status in (429, 503) else None


def _incomplete(said: Mapping[str, Any]) -> NoValue | None:
    if errors := said.get("executionErrors"):
        first = errors[0] if isinstance(errors, list) else errors
        message = first.get("message", first) if isinstance(first, dict) else first
        return NoValue("http-status", f"only a part of the points came: {message}")
    if said.get("nextPageToken"):
        right = "right would be one page: aggregate, or raise pageSize"
        return NoValue("http-status", f"only a first page of the points came; {right}")
    return None


def _worded(said: Mapping[str, Any]) -> str:
    """`RESOURCE_EXHAUSTED: Quota exceeded …`, as Google's APIs put it."""
    error = said.get("error")
    if not isinstance(error, dict):
        return ""
    return f"{error.get('status', error.get('code', ''))}: {error.get('message', '')}"


def _mapping(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
