"""jq: from an answer's text to one finite number, or the reason why there is none.

The document's expression is wrapped, not trusted: the wrapper says what kind of value came first
(jq itself turns NaN into null and infinity into the largest float), and hides this process's
environment, which jq would otherwise show to whoever may write a Metric.
"""

from __future__ import annotations

import json
import math
import sys
from functools import lru_cache
from typing import Any

import jq

from crossfade_collector.sources.port import NoValue

KIND = 'if type != "number" then [type] elif isnan then ["nan"] else ["number", .] end'
WRAPPED = "{{}} as $ENV | def env: {{}}; [limit(1; ({expression}\n))] | map({kind})"
NULLS = ("null (null)", "over null")
"""How jq says that it met null: the answer has no value where the expression looks."""


def number_in(text: str, expression: str) -> float:
    """The expression's first output for an answer. Raises NoValue.

    The text must be one JSON value; `NaN` and `Infinity` are taken, as upstream takes them.
    """
    _check_json(text)
    kinds = _run(_compiled(expression), text)
    if not kinds:
        raise NoValue("empty-result", "the jq expression gives no output")
    return _number(*kinds[0])


def check(expression: str | None) -> str:
    """The expression, if there is one. Raises NoValue."""
    if not expression:
        raise NoValue("jq-error", "spec.jqExpression is missing; it says where the number is")
    _compiled(expression)
    return expression


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> Any:
    try:
        # Alone first: a mistake is told at its place in the author's text, and a bracket too
        # many cannot reach out of the wrapping.
        jq.compile(expression)
        return jq.compile(WRAPPED.format(expression=expression, kind=KIND))
    except ValueError as error:
        raise NoValue("jq-error", f"spec.jqExpression does not compile: {error}") from error


def _check_json(text: str) -> None:
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NoValue("not-json", f"{error}; the answer begins {text[:1000]!r}") from error


def _run(program: Any, text: str) -> list[list[Any]]:
    try:
        kinds: list[list[Any]] = program.input_text(text).first()
    except (ValueError, StopIteration) as error:
        if any(met in str(error) for met in NULLS):
            raise NoValue("empty-result", f"no value there: {error}") from error
        raise NoValue("jq-error", f"spec.jqExpression fails: {error}") from error
    return kinds


def _number(kind: str, value: float | None = None) -> float:
    if kind == "null":
        raise NoValue("empty-result", "the jq expression gives null")
    if kind == "nan" or (kind == "number" and value is None):
        raise NoValue("not-a-number", "the value is NaN")
    if kind != "number" or value is None:
        raise NoValue("not-numeric", f"the jq expression gives {_article(kind)}, not a number")
    return _finite(value)


def _finite(value: float) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    # jq writes infinity as the largest float; nobody measures that by chance.
    if math.isinf(number) or abs(number) >= sys.float_info.max:
        raise NoValue("infinite", "the value is infinite")
    return number


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "ao" else f"a {kind}"
