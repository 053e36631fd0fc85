"""Mends a broken document just enough that the remaining rules can look at the rest of it.

So an author who misspelt a pattern also learns, at once, that a field path has no dot. What is
mended here was already told; nothing mended ever leaves admission.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from crossfade.errors import FieldError
from crossfade.resources.fields import Resource

R = TypeVar("R", bound=Resource)

_ROUNDS = 5
_STAND_INS: Mapping[str, Callable[[int], object]] = {
    "target": lambda _: "mended",
    "name": lambda i: f"mended-{i}",
    "metric": lambda i: f"mended-{i}",
    "value": lambda _: "",
    "testingPattern": lambda _: "A/B",
    "preferredDirection": lambda _: "High",
}


def mended(model: type[R], document: Mapping[str, Any]) -> R | None:
    """The document without its broken fields, or nothing where too much is broken."""
    copied = copy.deepcopy(dict(document))
    for _ in range(_ROUNDS):
        try:
            return model.model_validate(copied, by_alias=True, by_name=False)
        except ValidationError as failure:
            errors = failure.errors(include_url=False)
            done = [_mend(copied, error, number) for number, error in enumerate(errors)]
            if not all(done):
                return None
    return None


def remaining(found: Sequence[FieldError], told: Sequence[FieldError]) -> list[FieldError]:
    """What a look at the mended document adds to what was told already."""
    fields = [error.field for error in told]
    vague = any(field.endswith("testingPattern") for field in fields)
    return [
        error
        for error in found
        if not any(_touches(error.field, field) for field in fields)
        and not (vague and error.field.endswith((".candidates", ".rewards")))
    ]


def _touches(one: str, other: str) -> bool:
    return one == other or _within(one, other) or _within(other, one)


def _within(inner: str, outer: str) -> bool:
    return inner.startswith((f"{outer}.", f"{outer}["))


def _mend(document: Any, error: ErrorDetails, number: int) -> bool:
    """Takes the field away, or puts a stand-in where it has to be; false if it cannot be done."""
    *way, last = [step for step in error["loc"] if step != "[key]"]
    holder = document
    try:
        for step in way:
            holder = holder[step]
    except (KeyError, IndexError, TypeError):
        return True  # an earlier mend of this round took it away
    if last in _STAND_INS and isinstance(holder, MutableMapping):
        holder[last] = _STAND_INS[str(last)](number)
        return True
    return _taken(holder, last, error["type"])


def _taken(holder: Any, last: str | int, kind: str) -> bool:
    if isinstance(holder, MutableMapping) and last in holder:
        del holder[last]
        return True
    if isinstance(holder, MutableSequence) and isinstance(last, int) and last < len(holder):
        holder[last] = "mended" if kind == "string_type" else {}  # keeps its neighbours' places
        return True
    return False
