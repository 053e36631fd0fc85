"""`if` of a task: the expressions that documents use, on a safe evaluator.

Upstream's language is antonmedv/expr on the Go struct: capitalised fields, `WinnerFound()`,
`CandidateWon()`, `not and or`, comparisons, arithmetic, `in`, `matches`, `? :`. Source: v2alpha2
§5.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from simpleeval import EvalWithCompoundTypes, InvalidExpression

from crossfade_actuator.actions.context import Context
from crossfade_actuator.actions.port import TaskFailed

LONGEST = 1000
_TERNARY = re.compile(r"^(?P<test>[^?]+)\?(?P<yes>[^:]+):(?P<no>.+)$")
_STRING = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""")
_MATCHES = re.compile(r"(?P<left>[\w.()\[\]]+)\s+matches\s+(?P<right>_text\d+_)")
_UNREADABLE = (
    *(SyntaxError, TypeError, LookupError, AttributeError),
    *(ValueError, ArithmeticError, RecursionError),
)
_LITERALS = {"nil": None, "null": None, "true": True, "false": False}


class Fields(Mapping[str, Any]):
    """A JSON object whose fields answer to both capitalisations; missing ones are nil."""

    def __init__(self, tree: Mapping[str, Any]) -> None:
        self.tree = tree

    def __getitem__(self, key: str) -> Any:
        lowered = key[:1].lower() + key[1:]
        return _wrapped(self.tree.get(key, self.tree.get(lowered)))

    def __getattr__(self, key: str) -> Any:
        return self[key]

    def __iter__(self) -> Any:
        return iter(self.tree)

    def __len__(self) -> int:
        return len(self.tree)


def holds(expression: str, context: Context) -> bool:
    """Whether a task is to run. Raises TaskFailed for what cannot be read or is no truth value."""
    if len(expression) > LONGEST:
        raise TaskFailed(f"if: longer than {LONGEST} characters")
    evaluator = EvalWithCompoundTypes(
        names=_names(context),
        functions={
            "WinnerFound": lambda: context.winner_found,
            "CandidateWon": lambda: context.candidate_won,
            "len": len,
            "matches": _matches,
        },
    )
    try:
        found = evaluator.eval(_in_python(expression))
    except (InvalidExpression, *_UNREADABLE) as error:
        raise TaskFailed(f"if: {expression!r} cannot be evaluated: {error}") from error
    if not isinstance(found, bool):
        raise TaskFailed(f"if: {expression!r} gives {found!r}, right is true or false")
    return found


def _in_python(expression: str) -> str:
    strings: list[str] = []

    def hidden(found: re.Match[str]) -> str:
        strings.append(found[0])
        return f"_text{len(strings) - 1}_"

    text = _rewritten(_STRING.sub(hidden, expression.strip()))
    return re.sub(r"\b_text(\d+)_", lambda found: strings[int(found[1])], text)


def _rewritten(text: str) -> str:
    # A leading dot names the experiment.
    text = re.sub(r"(?<![\w.)\]])\.(?=[A-Za-z])", "", text)
    text = text.replace("&&", " and ").replace("||", " or ")
    text = re.sub(r"!(?!=)", " not ", text)
    text = _MATCHES.sub(r"matches(\g<left>, \g<right>)", text)
    if ternary := _TERNARY.match(text):
        text = f"({ternary['yes']}) if ({ternary['test']}) else ({ternary['no']})"
    return text.strip()


def _names(context: Context) -> dict[str, Any]:
    tree = context.experiment
    names: dict[str, Any] = dict(_LITERALS)
    for key, value in tree.items():
        names[key] = names[key[:1].upper() + key[1:]] = _wrapped(value)
    return names | {"Name": context.name, "Namespace": context.namespace}


def _wrapped(value: Any) -> Any:
    if isinstance(value, list):
        return [_wrapped(item) for item in value]
    return Fields(value) if isinstance(value, Mapping) else value


def _matches(text: Any, pattern: str) -> bool:
    try:
        return re.search(pattern, str(text)) is not None
    except re.error as error:
        raise TaskFailed(f"if: {pattern!r} is no regular expression: {error}") from error
