"""JSON patch, merge patch and strategic merge patch, on values that are never changed in place.

JSON patch is as lenient as the real server's: `replace` and `test null` succeed on a missing
key. A negative index, which crashes the real server's handler, is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crossfade_lab.cluster.shapes import below, keys_of
from crossfade_lab.cluster.statuses import bad_request, unprocessable

__all__ = ["json_patched", "merge_patched", "strategic_merged"]

_OPERATIONS = ("add", "remove", "replace", "move", "copy", "test")
_MISSING = object()


def json_patched(document: Any, operations: Any) -> Any:
    """The document after RFC 6902 operations; Status 400 if they are none, 422 if one fails."""
    if not isinstance(operations, list) or not all(isinstance(o, dict) for o in operations):
        raise bad_request("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    for operation in operations:
        document = _step(document, operation)
    return document


def _step(document: Any, operation: Mapping[str, Any]) -> Any:
    name, path = operation.get("op"), operation.get("path")
    if name not in _OPERATIONS or not isinstance(path, str):
        raise unprocessable()
    keys = _keys(path)
    if name == "test":
        return _tested(document, keys, operation.get("value"))
    if name == "remove":
        return _changed(document, keys, _removed, None)
    if name in ("move", "copy"):
        source = _keys(str(operation.get("from", "")))
        value = _read(document, source)
        if value is _MISSING:
            raise unprocessable()
        if name == "move":
            document = _changed(document, source, _removed, None)
        return _changed(document, keys, _added, value)
    if "value" not in operation:
        raise unprocessable()
    return _changed(document, keys, _added if name == "add" else _replaced, operation["value"])


def _keys(path: str) -> list[str]:
    if not path.startswith("/"):
        raise unprocessable()
    return [key.replace("~1", "/").replace("~0", "~") for key in path[1:].split("/")]


def _index(key: str, length: int) -> int:
    # "-1" makes the real server's handler panic, "01" passes there; both are refused here.
    if not key.isdecimal() or int(key) >= length:
        raise unprocessable()
    return int(key)


def _child(container: Any, key: str) -> Any:
    if isinstance(container, dict):
        return container.get(key, _MISSING)
    if isinstance(container, list):
        return container[_index(key, len(container))]
    raise unprocessable()


def _read(document: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        document = _child(document, key)
    return document


def _tested(document: Any, keys: Sequence[str], wanted: Any) -> Any:
    parent = _read(document, keys[:-1])
    if parent is _MISSING:
        raise unprocessable()
    found = _child(parent, keys[-1])
    if found is _MISSING:
        found = None
    if not _same(found, wanted):
        raise unprocessable()
    return document


def _same(left: Any, right: Any) -> bool:
    # JSON equality: true is not 1, while Python thinks it is.
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[k], right[k]) for k in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return bool(left == right and type(left) is type(right))


def _changed(container: Any, keys: Sequence[str], change: Any, value: Any) -> Any:
    if len(keys) == 1:
        return change(container, keys[0], value)
    child = _child(container, keys[0])
    if child is _MISSING:
        raise unprocessable()
    replaced = _changed(child, keys[1:], change, value)
    return _set(container, keys[0], replaced)


def _set(container: Any, key: str, value: Any) -> Any:
    if isinstance(container, dict):
        return {**container, key: value}
    copied = list(container)
    copied[_index(key, len(copied))] = value
    return copied


def _added(container: Any, key: str, value: Any) -> Any:
    if isinstance(container, dict):
        return {**container, key: value}
    if not isinstance(container, list):
        raise unprocessable()
    at = len(container) if key == "-" else _index(key, len(container) + 1)
    return [*container[:at], value, *container[at:]]


def _replaced(container: Any, key: str, value: Any) -> Any:
    _child(container, key)
    return _set(container, key, value)


def _removed(container: Any, key: str, _: Any) -> Any:
    if _child(container, key) is _MISSING:
        raise unprocessable()
    if isinstance(container, dict):
        return {k: v for k, v in container.items() if k != key}
    at = int(key)
    return [*container[:at], *container[at + 1 :]]


def merge_patched(document: Any, patch: Any) -> Any:
    """The document after an RFC 7386 merge patch: null removes, a list replaces a list."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patched(merged.get(key), value)
    return merged


def strategic_merged(document: Any, patch: Any, schema: Mapping[str, Any]) -> Any:
    """As a merge patch, but lists with a merge key are merged element by element.

    Knows `$patch: delete|replace`; `$setElementOrder` and `$retainKeys` are read over.
    """
    if isinstance(patch, dict):
        return _strategic_object(document, patch, schema)
    keys = keys_of(schema)
    if isinstance(patch, list) and keys and isinstance(document, list):
        return _strategic_list(document, patch, schema, keys[0])
    return patch


def _strategic_object(document: Any, patch: dict[str, Any], schema: Mapping[str, Any]) -> Any:
    if patch.get("$patch") == "replace":
        return {k: v for k, v in patch.items() if k != "$patch"}
    merged = dict(document) if isinstance(document, dict) else {}
    for key, value in patch.items():
        if key.startswith("$deleteFromPrimitiveList/"):
            bare = key.split("/", 1)[1]
            merged[bare] = [v for v in merged.get(bare) or () if v not in value]
        elif value is None:
            merged.pop(key, None)
        elif not key.startswith("$"):
            merged[key] = strategic_merged(merged.get(key), value, below(schema, key) or {})
    return merged


def _hashable(key: Any) -> Any:
    return repr(key) if isinstance(key, list | dict) else key


def _strategic_list(
    document: list[Any], patch: list[Any], schema: Mapping[str, Any], key: str
) -> list[Any]:
    if any(isinstance(p, dict) and p.get("$patch") == "replace" for p in patch):
        return [p for p in patch if "$patch" not in p]
    if not all(isinstance(item, dict) for item in (*document, *patch)):
        raise bad_request("an element of a list that is merged by key is no object")
    merged = {_hashable(item.get(key)): item for item in document}
    for item in patch:
        identity = _hashable(item.get(key))
        if item.get("$patch") == "delete":
            merged.pop(identity, None)
        else:
            old = merged.get(identity)
            merged[identity] = strategic_merged(old, item, schema.get("items") or {})
    return list(merged.values())
