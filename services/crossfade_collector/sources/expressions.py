"""jq: from an answer's text to one finite number, or the reason why there is none.

The document's expression is wrapped, not trusted: the wrapper says what kind of value came first
(jq itself turns NaN into null and infinity into the largest float), and hides this process's
environment, which jq would otherwise show to whoever may write a Metric.
"""

from __future__ import annotations

import asyncio
import json
import math
import sys
from asyncio.subprocess import DEVNULL, PIPE
from functools import lru_cache
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import jq

from crossfade.runtime import children
from crossfade_collector.sources.bounds import is_quick
from crossfade_collector.sources.port import NoValue

KIND = (
    'if type == "number" then ["number", .] '
    'elif type == "string" then ["string", .[0:64]] else [type] end'
)
FIELD = "spec.jqExpression"
MOMENT = "spec.timestampExpression"
WRAPPED = "{{}} as $ENV | def env: {{}}; [limit(1; ({expression}\n))] | map({kind})"
CHILD = str(Path(__file__).with_name("confined.py"))
CONFINED_SECONDS = 3.0
MOST_CONFINED = 2
NULLS = ("null (null)", "over null")
"""How jq says that it met null: the answer has no value where the expression looks."""

_rooms: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


async def number_in(text: str, expression: str) -> float:
    """The expression's first output for an answer. Raises NoValue.

    The text must be one JSON value; `NaN` and `Infinity` are taken, as upstream takes them. What
    is not quick by its form runs in a process of its own, for at most CONFINED_SECONDS.
    """
    kinds = await _outputs(text, expression)
    if not kinds:
        raise NoValue("empty-result", "the jq expression gives no output")
    return _number(*kinds[0])


async def moment_in(text: str, expression: str) -> float | str | None:
    """What `timestampExpression` finds first in an answer; None for nothing. Raises NoValue."""
    try:
        kinds = await _outputs(text, expression)
    except NoValue as reason:
        if reason.absence == "empty-result":
            return None
        raise NoValue(reason.absence, reason.detail.replace(FIELD, MOMENT)) from reason
    kind, *held = kinds[0] if kinds else ["null"]
    return held[0] if held and kind in ("number", "string") else None


def check(expression: str | None) -> str:
    """The expression for the number, if there is one. Raises NoValue."""
    if not expression:
        raise NoValue("jq-error", f"{FIELD} is missing; it says where the number is")
    _compiled(expression)
    return expression


async def _outputs(text: str, expression: str) -> list[list[Any]]:
    """Kind and value of the first output, in a list, or an empty one."""
    _check_json(text)
    if is_quick(expression, len(text)):
        return _run(_compiled(expression), text)
    return await _confined(expression, text)


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> Any:
    try:
        # Alone first: a mistake is told at its place in the author's text, and a bracket too
        # many cannot reach out of the wrapping.
        jq.compile(expression)
        return jq.compile(_wrapped(expression))
    except ValueError as error:
        raise NoValue("jq-error", f"{FIELD} does not compile: {error}") from error


def _wrapped(expression: str) -> str:
    return WRAPPED.format(expression=expression, kind=KIND)


def _check_json(text: str) -> None:
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NoValue("not-json", f"{error}; the answer begins {text[:1000]!r}") from error


def _run(program: Any, text: str) -> list[list[Any]]:
    try:
        kinds: list[list[Any]] = program.input_text(text).first()
    except (ValueError, StopIteration) as error:
        raise _failed(str(error)) from error
    return kinds


async def _confined(expression: str, text: str) -> list[list[Any]]:
    asked = json.dumps({"program": _wrapped(expression), "text": text}).encode()
    async with _room():
        said = await _said(asked)
    if not said:
        raise _too_costly()
    answer: dict[str, Any] = json.loads(said)
    if "error" in answer:
        raise _failed(answer["error"])
    kinds: list[list[Any]] = answer["kinds"]
    return kinds


async def _said(asked: bytes) -> bytes:
    command = [sys.executable, "-I", CHILD]
    child = await children.spawn(command, env={}, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)
    try:
        said, _ = await asyncio.wait_for(child.communicate(asked), CONFINED_SECONDS)
    except TimeoutError as error:
        raise _too_costly() from error
    finally:
        await children.end(child)
    return said


def _room() -> asyncio.Semaphore:
    """A place among the few children that this loop runs at a time."""
    return _rooms.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(MOST_CONFINED))


def _failed(error: str) -> NoValue:
    if any(met in error for met in NULLS):
        return NoValue("empty-result", f"no value there: {error}")
    return NoValue("jq-error", f"{FIELD} fails: {error}")


def _too_costly() -> NoValue:
    bound = f"{CONFINED_SECONDS:g} s or too much memory"
    return NoValue("jq-error", f"{FIELD} takes more than {bound} for this answer")


def _number(kind: str, value: float | None = None) -> float:
    if kind == "null":
        raise NoValue("empty-result", "the jq expression gives null")
    # jq has NaN as a number and writes it as null.
    if kind == "number" and value is None:
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
