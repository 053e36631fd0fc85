"""Label and field selectors of list and watch."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from crossfade_lab.cluster.statuses import bad_request

__all__ = ["Predicate", "selector"]

Predicate = Callable[[Mapping[str, Any]], bool]

_SET_BASED = re.compile(r"^\s*(\S+)\s+(in|notin)\s+\(([^)]*)\)\s*$")
_EQUALITY = re.compile(r"^\s*([^\s!=]+)\s*(==|=|!=)\s*(\S*)\s*$")
_COMMA = re.compile(r",(?![^(]*\))")


def selector(labels: str, fields: str, *, custom: bool) -> Predicate | None:
    """Whether an object is meant, or None where every object is.

    Of custom resources only metadata.name and metadata.namespace can be selected, as in the
    real server. Raises Status 400 for what cannot be understood.
    """
    rules = [_label_rule(part) for part in _parts(labels)]
    rules += [_field_rule(part, custom) for part in _parts(fields)]
    if not rules:
        return None
    return lambda item: all(rule(item) for rule in rules)


def _parts(text: str) -> list[str]:
    return [part for part in _COMMA.split(text) if part.strip()]


def _labels(item: Mapping[str, Any]) -> Mapping[str, str]:
    return item["metadata"].get("labels") or {}


def _label_rule(part: str) -> Predicate:
    if found := _SET_BASED.match(part):
        key, word, listed = found.groups()
        values = {value.strip() for value in listed.split(",")}
        if word == "in":
            return lambda item: _labels(item).get(key) in values
        return lambda item: _labels(item).get(key) not in values
    if found := _EQUALITY.match(part):
        key, sign, wanted = found.groups()
        if not re.fullmatch(r"[\w.-]*", wanted):
            raise bad_request(f"unable to parse requirement: {part}")
        return lambda item: (_labels(item).get(key) == wanted) != (sign == "!=")
    key = part.strip()
    if re.fullmatch(r"!?[\w./-]+", key):
        bare = key.lstrip("!")
        return lambda item: (bare in _labels(item)) != key.startswith("!")
    raise bad_request(f"unable to parse requirement: {part}")


def _field_rule(part: str, custom: bool) -> Predicate:
    found = _EQUALITY.match(part)
    if not found:
        raise bad_request(f"invalid selector: '{part}'; can't understand '{part}'")
    path, sign, wanted = found.groups()
    if custom and path not in ("metadata.name", "metadata.namespace"):
        raise bad_request(f"field label not supported: {path}")
    keys = path.split(".")
    return lambda item: (_field(item, keys) == wanted) != (sign == "!=")


def _field(item: Any, keys: list[str]) -> str:
    for key in keys:
        item = item.get(key) if isinstance(item, dict) else None
    return "" if item is None else str(item)
