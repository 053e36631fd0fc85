"""Sets of fields, as `metadata.managedFields` writes them (FieldsV1).

A field is a path of elements: `f:name` in an object, `k:{"name":"x"}` in a keyed list,
`v:"x"` in a set. Which list is keyed says the schema; any other list is one field as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from crossfade_lab.cluster.shapes import below, is_set, keys_of

__all__ = ["Difference", "Path", "children", "decoded", "difference", "encoded", "leaves"]

Path = tuple[str, ...]
Schema = Mapping[str, Any]
_NOTHING = object()


@dataclass(slots=True)
class Difference:
    """Which fields came, changed and went between two objects."""

    added: set[Path] = field(default_factory=set)
    modified: set[Path] = field(default_factory=set)
    removed: set[Path] = field(default_factory=set)

    @property
    def written(self) -> set[Path]:
        """What the writer now answers for."""
        return self.added | self.modified


def children(value: Any, schema: Schema) -> dict[str, tuple[Any, Schema]] | None:
    """The fields below a value with their schemas, or None for one that is whole."""
    if isinstance(value, dict) and schema.get("x-kubernetes-map-type") != "atomic":
        return {f"f:{key}": (inner, below(schema, key) or {}) for key, inner in value.items()}
    if isinstance(value, list):
        return _elements(value, schema)
    return None


def _elements(value: list[Any], schema: Schema) -> dict[str, tuple[Any, Schema]] | None:
    items = schema.get("items") or {}
    keys = keys_of(schema)
    if keys and all(isinstance(item, dict) for item in value):
        return {f"k:{_identity(item, keys, items)}": (item, items) for item in value}
    if is_set(schema):
        return {f"v:{orjson.dumps(item).decode()}": (item, items) for item in value}
    return None


def _identity(item: Mapping[str, Any], keys: tuple[str, ...], schema: Schema) -> str:
    # Kubernetes fills an absent key from its default; `protocol` is the one that matters.
    fallback = {"protocol": "TCP"}
    found = {
        key: item.get(key, (below(schema, key) or {}).get("default", fallback.get(key)))
        for key in keys
    }
    return orjson.dumps(found, option=orjson.OPT_SORT_KEYS).decode()


def leaves(value: Any, schema: Schema, path: Path = ()) -> Iterator[Path]:
    """The fields that an applied document speaks of."""
    inner = children(value, schema)
    if inner is None:
        yield path
        return
    declared = schema.get("properties") or {}
    for element, (item, item_schema) in inner.items():
        here = (*path, element)
        if item in (None, {}) or element[2:] not in declared:
            yield here
        yield from leaves(item, item_schema, here)


def difference(old: Any, new: Any, schema: Schema) -> Difference:
    """What changed; an unchanged branch costs one comparison."""
    found = Difference()
    _compare(old, new, schema, (), found)
    return found


def _compare(old: Any, new: Any, schema: Schema, path: Path, found: Difference) -> None:
    if old is new:
        return
    if old is _NOTHING:
        found.added.add(path)
    elif new is _NOTHING:
        found.removed.add(path)
    before = {} if old is _NOTHING else children(old, schema)
    after = {} if new is _NOTHING else children(new, schema)
    if before is None or after is None:
        _compare_whole(old, new, path, found)
        return
    for element in before.keys() | after.keys():
        left, left_schema = before.get(element, (_NOTHING, {}))
        right, right_schema = after.get(element, (_NOTHING, {}))
        _compare(left, right, right_schema or left_schema, (*path, element), found)


def _compare_whole(old: Any, new: Any, path: Path, found: Difference) -> None:
    if old is not _NOTHING and new is not _NOTHING and old != new:
        found.modified.add(path)


def encoded(paths: set[Path]) -> dict[str, Any]:
    """FieldsV1 of the set."""
    tree: dict[str, Any] = {}
    parents = {path[:length] for path in paths for length in range(1, len(path))}
    for path in sorted(paths):
        node = tree
        for element in path:
            node = node.setdefault(element, {})
        if path in parents:
            node["."] = {}
    return tree


def decoded(tree: Mapping[str, Any], path: Path = ()) -> Iterator[Path]:
    """The paths in FieldsV1."""
    for element, inner in tree.items():
        if element == ".":
            yield path
        elif inner:
            yield from decoded(inner, (*path, element))
        else:
            yield (*path, element)
