"""`label_replace` and `label_join`: new labels out of old ones, values untouched."""

from __future__ import annotations

import re
from functools import lru_cache

from crossfade_lab.metrics.promql.values import Element, QueryError

__all__ = ["label_join", "label_replace"]

LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
REFERENCE = re.compile(r"\$(?:\$|(\w+)|\{(\w+)\})")


def label_replace(
    elements: list[Element], target: str, replacement: str, source: str, expression: str
) -> list[Element]:
    """The target set to the replacement wherever the whole source matches; `$1` is a group."""
    pattern = _pattern(expression)
    _refuse_odd_name("label_replace", target)
    found = []
    for element in elements:
        match = pattern.fullmatch(element.labels.get(source, ""))
        if match is not None:
            element = _with(element, target, _expanded(replacement, match))
        found.append(element)
    return found


def label_join(
    elements: list[Element], target: str, separator: str, *sources: str
) -> list[Element]:
    """The target set to the sources' values, joined."""
    _refuse_odd_name("label_join", target)
    return [
        _with(e, target, separator.join(e.labels.get(source, "") for source in sources))
        for e in elements
    ]


def _with(element: Element, name: str, value: str) -> Element:
    labels = {n: v for n, v in element.labels.items() if n != name}
    return Element(labels | {name: value} if value else labels, element.value)


def _expanded(replacement: str, match: re.Match[str]) -> str:
    def group(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        name = found[1] or found[2]
        try:
            return match[int(name) if name.isdigit() else name] or ""
        except IndexError:  # a group that does not exist is empty, as in Go
            return ""

    return REFERENCE.sub(group, replacement)


@lru_cache(maxsize=256)
def _pattern(expression: str) -> re.Pattern[str]:
    try:
        return re.compile(expression, re.DOTALL)
    except re.error as wrong:
        message = f"invalid regular expression in label_replace(): {expression}: {wrong}"
        raise QueryError(message) from wrong


def _refuse_odd_name(function: str, name: str) -> None:
    if LABEL_NAME.fullmatch(name) is None:
        raise QueryError(f"invalid destination label name in {function}(): {name}")
