"""An object as one API shows it: its apiVersion, and the two faces of Event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crossfade_lab.cluster.kinds import Kind

__all__ = ["inward", "outward"]

_CORE_OF = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_NEW_OF = {core: new for new, core in _CORE_OF.items()}
_CORE_DEFAULTS: Mapping[str, Any] = {
    "source": {},
    "firstTimestamp": None,
    "lastTimestamp": None,
    "eventTime": None,
    "reportingComponent": "",
    "reportingInstance": "",
}


def outward(kind: Kind, item: Mapping[str, Any]) -> dict[str, Any]:
    """The stored object as this version of the kind shows it."""
    shown = {**item, "apiVersion": kind.api_version}
    if kind.group == "events.k8s.io":
        return {_NEW_OF.get(key, key): value for key, value in shown.items()}
    return shown


def inward(kind: Kind, body: Any) -> Any:
    """A body of this version of the kind in the form in which it is stored."""
    if kind.plural != "events" or kind.custom or not isinstance(body, dict):
        return body
    renamed = body
    if kind.group == "events.k8s.io":
        renamed = {_CORE_OF.get(key, key): value for key, value in body.items()}
    return {**_CORE_DEFAULTS, **renamed}
