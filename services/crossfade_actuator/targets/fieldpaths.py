"""Field paths such as `.spec.predictors[0].traffic`: parsed once, read, and made a JSON Pointer.

Source: v2alpha2 §3.8. A path that ends in an index, or has a negative one, is refused: it names
no field, or means something else to every server.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crossfade.errors import Permanent

_STEP = re.compile(r"\.([A-Za-z_][\w-]*)|\[(\d+)\]")

Token = str | int


class InvalidTarget(Permanent):
    """A weightObjRef that leads to no readable or writable integer."""


@dataclass(frozen=True, slots=True)
class FieldPath:
    """The steps from an object to one of its fields."""

    written: str
    tokens: tuple[Token, ...]

    @property
    def pointer(self) -> str:
        """The JSON Pointer (RFC 6901)."""
        return pointer(self.tokens)

    @property
    def element(self) -> tuple[Token, ...] | None:
        """The steps to the innermost list element on the way, if there is one."""
        indices = [i for i, token in enumerate(self.tokens) if isinstance(token, int)]
        return self.tokens[: indices[-1] + 1] if indices else None


def parse(written: str) -> FieldPath:
    """The path. Raises InvalidTarget with what would be right."""
    if not written:
        raise InvalidTarget("no fieldpath specified in referencing object")
    if not written.startswith("."):
        raise InvalidTarget(f"Fieldpaths must start with '.'; found {written!r}")
    tokens: list[Token] = []
    end = 0
    while found := _STEP.match(written, end):
        tokens.append(found[1] if found[1] is not None else int(found[2]))
        end = found.end()
    if end != len(written) or not tokens or isinstance(tokens[-1], int):
        right = "right is like .spec.predictors[0].traffic, ending in a field's name"
        raise InvalidTarget(f"fieldPath {written!r} cannot be followed; {right}")
    return FieldPath(written, tuple(tokens))


def pointer(tokens: Sequence[Token]) -> str:
    """Steps as a JSON Pointer."""
    return "".join("/" + str(t).replace("~", "~0").replace("/", "~1") for t in tokens)


MISSING = object()


def look_up(tree: Any, tokens: Sequence[Token]) -> Any:
    """What stands at the end of the steps, or MISSING."""
    for token in tokens:
        if isinstance(token, int):
            if not isinstance(tree, list) or token >= len(tree):
                return MISSING
            tree = tree[token]
        elif not isinstance(tree, Mapping) or token not in tree:
            return MISSING
        else:
            tree = tree[token]
    return tree
