"""Which series a PromQL query reads, and the query that asks whether they are still written.

The answer to an instant query is dated by the query, not by its samples, so the age of the samples
has to be asked for: `count_over_time` over the last seconds is empty where there were none. It also
tells how many samples a query's own windows hold. Only selectors are looked for here; the query
itself is Prometheus' to understand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MOST_SELECTORS = 20
TOKEN = re.compile(
    r"""
    (?P<skip>\s+|\#[^\n]*)
    | (?P<text>"(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*' | `[^`]*`)
    | (?P<number>[0-9][\w.]*)
    | (?P<name>[A-Za-z_:][\w:]*)
    | (?P<sign>.)
    """,
    re.VERBOSE | re.DOTALL,
)
WITH_LABELS = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
WORDS = WITH_LABELS | frozenset(
    {"and", "or", "unless", "atan2", "bool", "offset", "inf", "nan"}
)
AGGREGATORS = frozenset({
    "avg", "bottomk", "count", "count_values", "group", "limitk", "limit_ratio", "max", "min",
    "quantile", "stddev", "stdvar", "sum", "topk",
})  # fmt: skip
WINDOW = re.compile(r"\s*+(\[\s*+\w++\s*+\])")
MOVED = re.compile(r"\s*+(?:offset\b|@)", re.IGNORECASE)
CLOSING = {"(": ")", "[": "]", "{": "}"}

Token = tuple[str, str, int]
"""Kind, text and place."""


def freshness(query: str, seconds: int) -> str | None:
    """A query with a result as long as some series of `query` has a sample of the last seconds.

    None where no series is named, or more than `MOST_SELECTORS`.
    """
    found = list(dict.fromkeys(selectors(query)))
    if not found or len(found) > MOST_SELECTORS:
        return None
    return " or ".join(f"count(count_over_time({one}[{seconds}s]))" for one in found)


def scrapes(query: str) -> str | None:
    """A query for the most samples that a series of `query` has in the window it is read over.

    None where nothing is read over a window, or over more than `MOST_SELECTORS`.
    """
    found = list(dict.fromkeys(_windows(query)))
    if not found or len(found) > MOST_SELECTORS:
        return None
    return f"max({' or '.join(f'count_over_time({one})' for one in found)})"


def _windows(query: str) -> Iterator[str]:
    """The selectors with their range, but of subqueries and of other moments."""
    for place, end in _places(query):
        window = WINDOW.match(query, end)
        if window is not None and not MOVED.match(query, window.end()):
            yield query[place:end] + window[1]


def selectors(query: str) -> Iterator[str]:
    """The vector selectors of a query, without range, offset and moment, in its order."""
    return (query[place:end] for place, end in _places(query))


def _places(query: str) -> Iterator[tuple[int, int]]:
    """Where each vector selector begins and ends."""
    tokens = [t for t in _tokens(query) if t[0] != "skip"]
    at = 0
    while at < len(tokens):
        kind, text, place = tokens[at]
        following = tokens[at + 1][1] if at + 1 < len(tokens) else ""
        if text == "[" or (text.lower() in WITH_LABELS and following == "("):
            at = _past(tokens, at if text == "[" else at + 1)
        elif text == "{" or (kind == "name" and following == "{"):
            at = _past(tokens, at if text == "{" else at + 1)
            _, last, end = tokens[at - 1]
            yield place, end + len(last)
        else:
            if kind == "name" and _is_metric(text, following):
                yield place, place + len(text)
            at += 1


def _is_metric(name: str, following: str) -> bool:
    """Whether a name stands for series: no function, no operator, no aggregation."""
    lower, after = name.lower(), following.lower()
    if after == "(" or lower in WORDS:
        return False
    return lower not in AGGREGATORS or after not in ("by", "without")


def _past(tokens: list[Token], opening: int) -> int:
    """The place after the bracket that closes this one; the end where none does."""
    opens = tokens[opening][1]
    depth = 0
    for at in range(opening, len(tokens)):
        depth += (tokens[at][1] == opens) - (tokens[at][1] == CLOSING[opens])
        if depth == 0:
            return at + 1
    return len(tokens)


def _tokens(query: str) -> Iterator[Token]:
    for found in TOKEN.finditer(query):
        yield str(found.lastgroup), found.group(), found.start()
