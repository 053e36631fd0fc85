"""Printer columns: kubectl's tables, for definitions and for the built-in kinds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from crossfade_lab.cluster.kinds import Kind

__all__ = ["rows", "table"]

_NAME = {
    "name": "Name",
    "type": "string",
    "format": "name",
    "description": "Name must be unique within a namespace.",
    "priority": 0,
}
_STEP = re.compile(
    r"""\.?(?P<key>[^.\[\]'"]+)|\[(?P<index>-?\d+)\]|(?P<all>\[\*\])"""
    r"""|\['(?P<quoted>[^']+)'\]|\[\?\(@\.(?P<field>[\w.]+)\s*==\s*['"](?P<value>[^'"]*)['"]\)\]"""
)


def _column(name: str, path: str, sort: str = "string") -> dict[str, Any]:
    return {"name": name, "type": sort, "jsonPath": path}


_AGE = _column("Age", ".metadata.creationTimestamp", "date")
_BUILT_IN: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "Namespace": [_column("Status", ".status.phase"), _AGE],
    "Secret": [_column("Type", ".type"), _AGE],
    "Service": [_column("Type", ".spec.type"), _column("Cluster-IP", ".spec.clusterIP"), _AGE],
    "Event": [
        _column("Last Seen", ".metadata.creationTimestamp", "date"),
        _column("Type", ".type"),
        _column("Reason", ".reason"),
        _column("Object", ".involvedObject.name"),
        _column("Message", ".message"),
    ],
    "Deployment": [
        _column("Replicas", ".spec.replicas", "integer"),
        _column("Available", ".status.availableReplicas", "integer"),
        _AGE,
    ],
    "Job": [_column("Completions", ".status.succeeded", "integer"), _AGE],
    "Lease": [_column("Holder", ".spec.holderIdentity"), _AGE],
    "CustomResourceDefinition": [_column("Created At", ".metadata.creationTimestamp")],
}


def table(
    kind: Kind,
    items: Sequence[Mapping[str, Any]],
    metadata: Mapping[str, Any],
    *,
    include: str = "Metadata",
    headings: bool = True,
) -> dict[str, Any]:
    """A `Table` of the objects; `include` says how much of each comes along."""
    columns = _columns(kind)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": dict(metadata),
        "columnDefinitions": [_NAME, *map(_definition, columns)] if headings else [],
        "rows": list(rows(items, columns, include)),
    }


def rows(
    items: Sequence[Mapping[str, Any]], columns: Sequence[Mapping[str, Any]], include: str
) -> Iterator[dict[str, Any]]:
    """One row an object: its name, then a cell for each column."""
    for item in items:
        cells = [item["metadata"]["name"], *(_cell(item, column) for column in columns)]
        row: dict[str, Any] = {"cells": cells}
        row["object"] = {"None": None, "Object": item}.get(include, _partial(item))
        yield row


def _columns(kind: Kind) -> Sequence[Mapping[str, Any]]:
    if kind.custom:
        return kind.columns or (_AGE,)
    return _BUILT_IN.get(kind.kind, (_AGE,))


def _definition(column: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": column["name"],
        "type": column["type"],
        "format": column.get("format", ""),
        "description": column.get("description") or _described(column["jsonPath"]),
        "priority": column.get("priority", 0),
    }


def _described(path: str) -> str:
    return f"Custom resource definition column (in JSONPath format): {path}"


def _partial(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": item["metadata"],
    }


def _cell(item: Mapping[str, Any], column: Mapping[str, Any]) -> Any:
    found = next(iter(_found([item], _steps(column["jsonPath"]))), None)
    if found is None:
        return None
    if column["type"] == "date":
        return _age(str(found))
    if column["type"] == "string" and not isinstance(found, str):
        return str(found).lower() if isinstance(found, bool) else str(found)
    return found


@lru_cache(maxsize=256)
def _steps(path: str) -> tuple[Mapping[str, str | None], ...]:
    return tuple(match.groupdict() for match in _STEP.finditer(path.strip("{}")))


def _found(values: list[Any], steps: Sequence[Mapping[str, str | None]]) -> list[Any]:
    for step in steps:
        values = [inner for value in values for inner in _inner(value, step)]
    return values


def _inner(value: Any, step: Mapping[str, str | None]) -> list[Any]:
    key = step["key"] or step["quoted"]
    if isinstance(value, dict):
        return [value[key]] if key in value else []
    if not isinstance(value, list):
        return []
    if step["index"] is not None:
        at = int(step["index"])
        return value[at : at + 1] if at != -1 else value[-1:]
    if step["field"]:
        names = str(step["field"]).split(".")
        return [v for v in value if _found([v], _plain(names)) == [step["value"]]]
    return value if step["all"] else []


def _plain(names: Sequence[str]) -> list[Mapping[str, str | None]]:
    empty = dict.fromkeys(("index", "all", "quoted", "field", "value"))
    return [{**empty, "key": name} for name in names]


def _age(moment: str) -> str:
    """The time since then as kubectl writes it: 5s, 3m20s, 7h, 12d."""
    then = datetime.fromisoformat(moment)
    seconds = max(0, int((datetime.now(UTC) - then).total_seconds()))
    for unit, size in (("s", 1), ("m", 60), ("h", 3600)):
        if seconds < size * (120 if unit != "h" else 48):
            return f"{seconds // size}{unit}"
    return f"{seconds // 86400}d"
