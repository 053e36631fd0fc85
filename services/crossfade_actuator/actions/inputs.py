"""A task's inputs, read with errors that name the field, what was found and what is right."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from crossfade.resources import Task
from crossfade_actuator.actions.port import TaskFailed

DNS_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")


def wrong(field: str, found: object, right: str) -> TaskFailed:
    """The error for an input that cannot be used."""
    return TaskFailed(f"{field}: found {found!r}, right is {right}")


def text(
    given: Mapping[str, Any],
    key: str,
    right: str,
    *,
    within: str = "with",
    otherwise: Any = ...,
) -> Any:
    """A text that is not empty; `otherwise` stands for an absent one."""
    found = given.get(key)
    if found is None and otherwise is not ...:
        return otherwise
    if not isinstance(found, str) or not found:
        raise wrong(f"{within}.{key}", found, right)
    return found


def truth(given: Mapping[str, Any], key: str, otherwise: bool) -> bool:
    """A truth value; absent means `otherwise`."""
    found = given.get(key)
    if found is None:
        return otherwise
    if not isinstance(found, bool):
        raise wrong(f"with.{key}", found, "true or false")
    return found


def number(
    given: Mapping[str, Any], key: str, otherwise: float, low: float, high: float
) -> float:
    """A number within limits; absent means `otherwise`."""
    found = given.get(key)
    if found is None:
        return otherwise
    good = isinstance(found, int | float) and not isinstance(found, bool)
    if not good or not low <= found <= high:
        raise wrong(f"with.{key}", found, f"a number from {low:g} to {high:g}")
    return float(found)


def whole(given: Mapping[str, Any], key: str, otherwise: int, low: int, high: int) -> int:
    """A whole number within limits; absent means `otherwise`."""
    found = number(given, key, otherwise, low, high)
    if found != int(found):
        raise wrong(f"with.{key}", found, "a whole number")
    return int(found)


def entries(given: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """A list of mappings; absent means none."""
    found = given.get(key)
    if found is None:
        return []
    if not isinstance(found, list | tuple) or not all(isinstance(e, Mapping) for e in found):
        raise wrong(f"with.{key}", found, "a list of mappings")
    return list(found)


def named_values(given: Mapping[str, Any], key: str) -> dict[str, str]:
    """A list of `{name, value}`, as a mapping; the last of a name wins."""
    listed: dict[str, str] = {}
    for number_, entry in enumerate(entries(given, key)):
        where = f"with.{key}[{number_}]"
        name = text(entry, "name", "a name", within=where)
        if isinstance(entry.get("value"), Mapping | list) or entry.get("value") is None:
            raise wrong(f"{where}.value", entry.get("value"), "a text")
        listed[name] = plain(entry["value"])
    return listed


def further_variables(given: Mapping[str, Any]) -> tuple[dict[str, str], ...]:
    """`versionInfo` of a task: its own variables by position, baseline first."""
    return tuple(named_values(entry, "variables") for entry in entries(given, "versionInfo"))


def dns_label(value: object, field: str) -> str:
    """A DNS label, as names of objects are."""
    if not isinstance(value, str) or not DNS_LABEL.match(value):
        right = "a DNS label: at most 63 of a-z, 0-9 and -, a letter or digit at both ends"
        raise wrong(field, value, right)
    return value


def seconds(value: object, field: str) -> float:
    """A duration such as `5s`, `1m30s` or `500ms`, in seconds."""
    spoken = value if isinstance(value, str) else ""
    found = sum(float(n) * _UNITS[unit] for n, unit in _DURATION.findall(spoken))
    if _DURATION.sub("", spoken) or found <= 0:
        raise wrong(field, value, 'a duration such as "5s" or "1m30s"')
    return float(found)


def fails_when_interrupted(task: Task) -> bool:
    """`with.onInterrupted`: whether an interrupted task ends the action, not runs once more."""
    found = task.inputs.get("onInterrupted", "repeat")
    if found not in ("repeat", "fail"):
        raise wrong("with.onInterrupted", found, "repeat or fail")
    return bool(found == "fail")


def plain(value: Any) -> str:
    """A scalar as text; truth values as JSON writes them."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
