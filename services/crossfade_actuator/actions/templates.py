"""Placeholders of tasks: the part of Go's template language that documents use.

`{{ .x }}` (up to Iter8 0.7.26) fills in the recommended version's variables, missing ones as
nothing; `@< .X >@` (from 0.7.27) reads the Experiment and fails on what is not there. Values go
in as they are: upstream's HTML escaping broke every address with a query (register Q19).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from crossfade_actuator.actions.port import TaskFailed

_CHAIN = re.compile(r"^(?:\.[A-Za-z_][\w]*)+$|^\.$")
_CALL = re.compile(r"""^\.(\w+)\s+(?:"([^"]*)"|`([^`]*)`)$""")

Calls = Mapping[str, Callable[[str], str]]


def fill(
    text: str, data: Mapping[str, Any], *, opens: str, closes: str, strict: bool, calls: Calls
) -> str:
    """The text with its placeholders filled in. Raises TaskFailed for one that cannot be read."""
    parts = text.split(opens)
    done = [parts[0]]
    for part in parts[1:]:
        inner, found, rest = part.partition(closes)
        if not found:
            raise TaskFailed(f"a placeholder {opens} is never closed by {closes}")
        expression = inner.strip().removeprefix("- ").removesuffix(" -").strip()
        done += [_value(expression, data, strict, calls), rest]
    return "".join(done)


def old_style(text: str, data: Mapping[str, Any]) -> str:
    """`{{ .x }}`, missing keys as nothing."""
    return fill(text, data, opens="{{", closes="}}", strict=False, calls={})


def new_style(text: str, data: Mapping[str, Any], calls: Calls) -> str:
    """`@< .X >@`, missing keys as errors."""
    return fill(text, data, opens="@<", closes=">@", strict=True, calls=calls)


def _value(expression: str, data: Mapping[str, Any], strict: bool, calls: Calls) -> str:
    if called := _CALL.match(expression):
        function = calls.get(called[1])
        if function is None:
            raise TaskFailed(f"placeholder {expression!r}: nothing is called {called[1]}")
        return function(called[2] if called[2] is not None else called[3])
    if not _CHAIN.match(expression):
        right = "right is like .promote or .this.metadata.name"
        raise TaskFailed(f"placeholder {expression!r} cannot be read; {right}")
    found: Any = data
    for step in expression.strip(".").split("."):
        found = _child(found, step)
        if found is None:
            if strict:
                raise TaskFailed(f"placeholder {expression!r}: there is no {step}")
            return ""
    return _text(found)


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
