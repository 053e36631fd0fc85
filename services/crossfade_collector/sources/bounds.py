"""Which jq expressions are quick by their very form, and may run in the collector's own process.

jq holds the interpreter while it runs: a loop without end in one Metric would stop every
experiment. Metrics in use pick a path and convert; those are recognised here. Whatever else
somebody writes runs confined (`confined.py`).
"""

from __future__ import annotations

import re
from functools import lru_cache

PLAIN = frozenset({
    "abs", "add", "all", "and", "any", "arrays", "ceil", "elif", "else", "empty", "end",
    "endswith", "error", "fabs", "false", "first", "floor", "from_entries", "has", "if",
    "isinfinite", "isnan", "join", "keys", "last", "length", "ltrimstr", "map", "max",
    "max_by", "min", "min_by", "not", "null", "numbers", "objects", "or", "reverse", "round",
    "rtrimstr", "select", "sort", "sort_by", "split", "sqrt", "startswith", "strings", "then",
    "to_entries", "tonumber", "tostring", "true", "type", "unique", "values",
})  # fmt: skip
"""Words that do at most a pass over what they are given."""
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
INSERTED = re.compile(r"\\\(\.[\w.]*\)")
WORD = re.compile(r"(?<![\w.$@])[A-Za-z_]\w*")
COSTLY = re.compile(
    r"""
    \.\.            # descends everywhere
    | @ | \?//      # formats, alternative patterns
    | [^=!<>]=[^=]  # assignments: .[1e9] = 0 makes a large array
    | \*            # repeats strings, unless it is the plain factor below
    """,
    re.VERBOSE,
)
FACTOR = re.compile(r"\*\s*[0-9]{1,7}(?:\.[0-9]+)?(?![\w.])")
PASSES = re.compile(r"\[\s*\]|\b(?:map|any|all|add|join|sort_by|min_by|max_by)\b")
STEPS = 1e8
"""Passes multiply: three loops over a megabyte are not quick."""


@lru_cache(maxsize=1024)
def _form(expression: str) -> tuple[int, int] | None:
    """Passes over the answer and alternatives, or None where the form is not known to be quick."""
    # A comment may hold half a string, and a string may hold a program.
    if "#" in expression or expression.count(r"\(") != len(INSERTED.findall(expression)):
        return None
    bare = STRING.sub('""', expression)
    return (len(PASSES.findall(bare)), bare.count(",")) if _plain(bare) else None


def _plain(bare: str) -> bool:
    without_factor = FACTOR.sub("", bare, count=1)
    words = set(WORD.findall(bare))
    return words <= PLAIN and not COSTLY.search(f" {without_factor} ")


def is_quick(expression: str, size: int) -> bool:
    """Whether the expression takes at most a moment for an answer of `size` characters."""
    form = _form(expression)
    if form is None:
        return False
    passes, alternatives = form
    # Beyond these the answer is no anyway, and floats do not reach farther.
    return float(max(size, 2)) ** min(passes, 16) * 2.0 ** min(alternatives, 64) <= STEPS
