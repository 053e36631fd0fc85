"""What the server knows of the built-in kinds: which of their lists are keyed, and by what.

Written as structural schemas, so that one walker serves them and custom resources. Everything
else in a built-in object is taken as it comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["BUILT_IN_SHAPES", "METADATA", "OPEN", "below", "is_set", "keys_of"]

OPEN = "x-kubernetes-preserve-unknown-fields"
_LIST_TYPE, _LIST_KEYS = "x-kubernetes-list-type", "x-kubernetes-list-map-keys"


def _keyed(items: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {"type": "array", _LIST_TYPE: "map", _LIST_KEYS: list(keys), "items": items}


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", OPEN: True, "properties": properties}


_TEXTS: dict[str, Any] = {"type": "object", "additionalProperties": {"type": "string"}}
_SET: dict[str, Any] = {"type": "array", _LIST_TYPE: "set", "items": {"type": "string"}}

METADATA: dict[str, Any] = _object(
    labels=_TEXTS,
    annotations=_TEXTS,
    finalizers=_SET,
    ownerReferences=_keyed(_object(), "uid"),
)
_SELECTOR: dict[str, Any] = {"type": "object", OPEN: True, "x-kubernetes-map-type": "atomic"}
_CONTAINER = _object(
    env=_keyed(_object(), "name"),
    ports=_keyed(_object(), "containerPort", "protocol"),
    volumeMounts=_keyed(_object(), "mountPath"),
)
_POD = _object(
    containers=_keyed(_CONTAINER, "name"),
    initContainers=_keyed(_CONTAINER, "name"),
    volumes=_keyed(_object(), "name"),
    imagePullSecrets=_keyed(_object(), "name"),
)
_TEMPLATE = _object(metadata=METADATA, spec=_POD)
_CONDITIONS = _object(conditions=_keyed(_object(), "type"))


def _shape(spec: Mapping[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return _object(metadata=METADATA, status=_CONDITIONS, spec=spec or _object(), **more)


BUILT_IN_SHAPES: Mapping[str, Mapping[str, Any]] = {
    "": _shape(),
    "ConfigMap": _shape(data=_TEXTS),
    "Secret": _shape(data=_TEXTS),
    "Service": _shape(
        _object(
            ports=_keyed(_object(), "port", "protocol"),
            selector={**_TEXTS, "x-kubernetes-map-type": "atomic"},
        )
    ),
    "Deployment": _shape(_object(template=_TEMPLATE, selector=_SELECTOR)),
    "Job": _shape(_object(template=_TEMPLATE, selector=_SELECTOR)),
}


def below(schema: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    """The schema of an object's field, or None where the schema does not declare it."""
    found = (schema.get("properties") or {}).get(key)
    if found is None and isinstance(schema.get("additionalProperties"), dict):
        found = schema["additionalProperties"]
    return found


def keys_of(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """The fields that identify an element of this list; empty for one replaced as a whole."""
    if schema.get(_LIST_TYPE) != "map":
        return ()
    return tuple(schema.get(_LIST_KEYS) or ())


def is_set(schema: Mapping[str, Any]) -> bool:
    """Whether the list is a set, whose elements are their own identity."""
    return schema.get(_LIST_TYPE) == "set"
