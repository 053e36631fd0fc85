"""Placeholders of tasks: the part of Go's template language that documents use.

`{{ .x }}` (up to Iter8 0.7.26) fills in the recommended version's variables, missing ones as
nothing; `@< .X >@` (from 0.7.27) reads the Experiment and fails on what is not there. Both know
`index`, for a place in a list and for a name with a dash. Values go in as they are: upstream's
HTML escaping broke every address with a query (register Q19).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from crossfade_actuator.actions.port import TaskFailed

_CHAIN = re.compile(r"^(?:\.[A-Za-z_][\w]*)+$|^\.$")
_CALL = re.compile(r"""^\.(?P<of>\w+)\s+(?P<mark>["'`])(?P<key>[^"'`]*)(?P=mark)$""")
_NESTED = re.compile(r"^\((?P<inner>[^()]*)\)(?P<chain>(?:\.[A-Za-z_]\w*)*)$")
_KEY = r"""(?:"[^"]*"|`[^`]*`|\d+)"""
_INDEX = re.compile(rf"^index\s+(?P<of>\([^()]*\)\S*|\S+)(?P<keys>(?:\s+{_KEY})+)$")

Calls = Mapping[str, Callable[[str], str]]


class Unreadable(TaskFailed):
    """A placeholder that names nothing here, or is none of ours."""


def fill(
    text: str, data: Mapping[str, Any], *, opens: str, closes: str, strict: bool, calls: Calls
) -> str:
    """The text with its placeholders filled in. Raises Unreadable for one that cannot be read."""
    parts = text.split(opens)
    done = [parts[0]]
    for part in parts[1:]:
        inner, found, rest = part.partition(closes)
        if not found:
            raise Unreadable(f"a placeholder {opens} is never closed by {closes}")
        expression = inner.strip().removeprefix("- ").removesuffix(" -").strip()
        done += [_value(expression, data, strict, calls), rest]
    return "".join(done)


def old_style(text: str, data: Mapping[str, Any]) -> str:
    """`{{ .x }}`, missing keys as nothing."""
    return fill(text, data, opens="{{", closes="}}", strict=False, calls={})


def either_style(text: str, data: Mapping[str, Any]) -> str:
    """`@< .x >@` where the text has one, else `{{ .x }}`; missing keys as nothing."""
    if "@<" not in text:
        return old_style(text, data)
    return fill(text, data, opens="@<", closes=">@", strict=False, calls={})


def filled(text: str, data: Mapping[str, Any]) -> str:
    """In either style; untouched where a placeholder cannot be read, as upstream sends it."""
    try:
        return either_style(text, data)
    except Unreadable:
        return text


def new_style(text: str, data: Mapping[str, Any], calls: Calls) -> str:
    """`@< .X >@`, missing keys as errors."""
    return fill(text, data, opens="@<", closes=">@", strict=True, calls=calls)


def _value(expression: str, data: Mapping[str, Any], strict: bool, calls: Calls) -> str:
    if called := _CALL.match(expression):
        function = calls.get(called["of"])
        if function is None:
            raise Unreadable(f"placeholder {expression!r}: nothing is called {called['of']}")
        return function(called["key"])
    found = _found(expression, data, strict)
    return "" if found is None else _text(found)


def _found(expression: str, data: Mapping[str, Any], strict: bool) -> Any:
    """What a placeholder names; None where it is missing and may be."""
    if indexed := _INDEX.match(expression):
        found = _found(indexed["of"], data, strict)
        for key in re.findall(_KEY, indexed["keys"]):
            found = _entry(found, key, expression)
        return found
    nested = _NESTED.match(expression)
    if nested is None and not _CHAIN.match(expression):
        right = "right is like .promote or .this.metadata.name"
        raise Unreadable(f"placeholder {expression!r} cannot be read; {right}")
    found = _found(nested["inner"].strip(), data, strict) if nested else data
    for step in (nested["chain"] if nested else expression).strip(".").split("."):
        found = _child(found, step) if step else found
        if found is None and strict:
            raise Unreadable(f"placeholder {expression!r}: there is no {step}")
    return found


def _entry(found: Any, key: str, expression: str) -> Any:
    """One element of a list or of a mapping; past the end of a list is a mistake, as in Go."""
    if isinstance(found, list | tuple) and key.isdigit():
        if int(key) >= len(found):
            raise Unreadable(f"placeholder {expression!r}: there are {len(found)} elements")
        return found[int(key)]
    return found.get(key.strip('"`')) if isinstance(found, Mapping) else None


def _child(tree: Any, step: str) -> Any:
    if not isinstance(tree, Mapping):
        return None
    if step in tree:
        return tree[step]
    # Go's struct fields are capitalised, the document's are not.
    return tree.get(step[:1].lower() + step[1:])


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
