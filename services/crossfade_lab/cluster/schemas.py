"""Structural schemas: drop what is not declared, fill in defaults, list every mistake."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import orjson

from crossfade_lab.cluster.shapes import OPEN, below, is_set, keys_of
from crossfade_lab.cluster.statuses import Cause

__all__ = ["defaulted", "mistakes", "pruned", "undeclared"]

Schema = Mapping[str, Any]
_EMBEDDED = ("apiVersion", "kind", "metadata")


def pruned(value: Any, schema: Schema, *, embedded: bool = False) -> Any:
    """A copy without the fields that the schema does not declare."""
    if isinstance(value, dict):
        return dict(
            _kept(value, schema, embedded or bool(schema.get("x-kubernetes-embedded-resource")))
        )
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return [pruned(item, schema["items"]) for item in value]
    return value


def _kept(value: dict[str, Any], schema: Schema, embedded: bool) -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        declared = None if embedded and key in _EMBEDDED else below(schema, key)
        if declared is not None:
            yield key, pruned(inner, declared)
        elif (
            schema.get(OPEN)
            or (embedded and key in _EMBEDDED)
            or schema.get("additionalProperties") is True
        ):
            yield key, inner


def undeclared(
    value: Any, schema: Schema, path: str = "", *, embedded: bool = False
) -> Iterator[str]:
    """The fields that `pruned` would drop."""
    if isinstance(value, dict):
        embedded = embedded or bool(schema.get("x-kubernetes-embedded-resource"))
        kept = dict(_kept(value, schema, embedded))
        for key, inner in value.items():
            if key not in kept:
                yield _join(path, key)
            elif (declared := below(schema, key)) is not None and not (
                embedded and key in _EMBEDDED
            ):
                yield from undeclared(inner, declared, _join(path, key))
    elif isinstance(value, list) and isinstance(schema.get("items"), dict):
        for index, item in enumerate(value):
            yield from undeclared(item, schema["items"], f"{path}[{index}]")


def defaulted(value: Any, schema: Schema) -> Any:
    """A copy in which absent fields have the schema's defaults.

    A null counts as absent unless the schema declares it nullable, as in kube-apiserver from 1.20.
    """
    if isinstance(value, dict):
        return _with_defaults(value, schema)
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        return [defaulted(item, schema["items"]) for item in value]
    return value


def _with_defaults(value: dict[str, Any], schema: Schema) -> dict[str, Any]:
    filled = {key: inner for key, inner in value.items() if not _empty(inner, key, schema)}
    for key, inner in (schema.get("properties") or {}).items():
        if key not in filled and "default" in inner:
            filled[key] = orjson.loads(orjson.dumps(inner["default"]))
    for key, current in filled.items():
        declared = below(schema, key)
        if declared is not None:
            filled[key] = defaulted(current, declared)
    return filled


def _empty(value: Any, key: str, schema: Schema) -> bool:
    if value is not None:
        return False
    declared = below(schema, key)
    return declared is not None and not declared.get("nullable")


def mistakes(value: Any, schema: Schema, path: str = "") -> Iterator[Cause]:
    """Everything in which the value breaks the schema, worded as the real server does."""
    if value is None and schema.get("nullable"):
        return
    wrong = _wrong_type(value, schema, path)
    if wrong is not None:
        yield wrong
        return
    for rule in _RULES:
        yield from rule(value, schema, path)
    if isinstance(value, dict):
        yield from _in_object(value, schema, path)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from mistakes(item, schema.get("items") or {}, f"{path}[{index}]")


def _in_object(value: dict[str, Any], schema: Schema, path: str) -> Iterator[Cause]:
    for key in schema.get("required") or ():
        if key not in value:
            yield Cause(_join(path, key), "Required value", "FieldValueRequired")
    for key, inner in value.items():
        declared = below(schema, key)
        if declared is not None and not (not path and key == "metadata"):
            yield from mistakes(inner, declared, _join(path, key))


_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    "integer": lambda v: isinstance(v, int | float) and not isinstance(v, bool) and v == int(v),
}


def _wrong_type(value: Any, schema: Schema, path: str) -> Cause | None:
    if schema.get("x-kubernetes-int-or-string"):
        good = _TYPES["integer"](value) or isinstance(value, str)
        wanted = "integer,string"
    else:
        wanted = schema.get("type", "")
        good = not wanted or _TYPES[wanted](value)
    if good:
        return None
    found = _type_name(value)
    return Cause(
        path, f'Invalid value: "{found}": {path} in body must be of type {wanted}: "{found}"'
    )


def _type_name(value: Any) -> str:
    if value is None:
        return "null"
    names = ("boolean", "object", "array", "string", "integer", "number")
    return next(name for name in names if _TYPES[name](value))


def _enum(value: Any, schema: Schema, path: str) -> Iterator[Cause]:
    allowed = schema.get("enum")
    if allowed and value not in allowed:
        listed = ", ".join(_shown(a) for a in allowed)
        text = f"Unsupported value: {_shown(value)}: supported values: {listed}"
        yield Cause(path, text, "FieldValueNotSupported")


def _bounds(value: Any, schema: Schema, path: str) -> Iterator[Cause]:
    if not _TYPES["number"](value):
        return
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and (value <= low if schema.get("exclusiveMinimum") else value < low):
        word = "greater than" if schema.get("exclusiveMinimum") else "greater than or equal to"
        yield _invalid(value, path, f"should be {word} {low}")
    if high is not None and (value >= high if schema.get("exclusiveMaximum") else value > high):
        word = "less than" if schema.get("exclusiveMaximum") else "less than or equal to"
        yield _invalid(value, path, f"should be {word} {high}")


def _text(value: Any, schema: Schema, path: str) -> Iterator[Cause]:
    if not isinstance(value, str):
        return
    if len(value) < schema.get("minLength", 0):
        yield _invalid(value, path, f"should be at least {schema['minLength']} chars long")
    if "maxLength" in schema and len(value) > schema["maxLength"]:
        yield _invalid(value, path, f"should be at most {schema['maxLength']} chars long")
    if "pattern" in schema and not _compiled(schema["pattern"]).search(value):
        yield _invalid(value, path, f"should match '{schema['pattern']}'")


def _twins(value: Any, schema: Schema, path: str) -> Iterator[Cause]:
    """Elements of a keyed list or set that are there twice."""
    keys = keys_of(schema)
    if not isinstance(value, list) or not (keys or is_set(schema)):
        return
    if keys and not all(isinstance(item, dict) for item in value):
        return  # their types are mistakes enough
    seen = set()
    for index, item in enumerate(value):
        identity = orjson.dumps([item.get(k) for k in keys] if keys else item)
        if identity in seen:
            text = f"Duplicate value: {_shown(item)}"
            yield Cause(f"{path}[{index}]", text, "FieldValueDuplicate")
        seen.add(identity)


def _length(value: Any, schema: Schema, path: str) -> Iterator[Cause]:
    if not isinstance(value, list):
        return
    if len(value) < schema.get("minItems", 0):
        yield _invalid(len(value), path, f"should have at least {schema['minItems']} items")
    if "maxItems" in schema and len(value) > schema["maxItems"]:
        yield _invalid(len(value), path, f"should have at most {schema['maxItems']} items")


_RULES = (_enum, _bounds, _text, _length, _twins)


def _invalid(value: Any, path: str, why: str) -> Cause:
    return Cause(path, f"Invalid value: {_shown(value)}: {path} in body {why}")


def _shown(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else orjson.dumps(value).decode()


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
