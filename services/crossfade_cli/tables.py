"""Tables as iter8ctl draws them, to the byte; source: iter8-v2alpha2 §6.4 (Go's tablewriter).

A cell is wrapped at 30 characters or at its longest word, balanced by least squared slack; a line
that is a number is aligned right, each line for itself; headings are upper case and centred.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest

WRAP = 30
TOO_LONG = 100_000
_NUMBER = re.compile(r"-?(?:\d{1,3}(?:,\d{3})*|\d+)(?:\.\d+)?%?")
_DOT = re.compile(r"(?<!\d)\.|\.(?!\d)")

Lines = list[str]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The table as text, without a newline at its end."""
    heads = [_DOT.sub(" ", head.replace("_", " ")).upper().strip() for head in header]
    cells = [[wrapped(cell) for cell in row] for row in rows]
    both = list(zip(rows, cells, strict=True))
    widths = [
        max([len(head), *(_width(row[at], lines[at]) for row, lines in both)])
        for at, head in enumerate(heads)
    ]
    ruler = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    drawn = [ruler, _line([_centred(h, w) for h, w in zip(heads, widths, strict=True)]), ruler]
    for row in cells:
        drawn += [_line(parts) for parts in _aligned(row, widths)]
        drawn.append(ruler)
    return "\n".join(drawn)


def wrapped(cell: str) -> Lines:
    """The lines of a cell."""
    words = cell.split()
    if not words:
        return [""]
    limit = max(WRAP, *(len(word) for word in words))
    breaks = _breaks(words, limit)
    lines, at = [], 0
    while at < len(words):
        lines.append(" ".join(words[at : breaks[at]]))
        at = breaks[at]
    return lines


def _width(cell: str, lines: Lines) -> int:
    """A wrapped cell is as wide as the limit, even where none of its lines is."""
    return max([min(WRAP, len(cell)), *map(len, lines)])


def _breaks(words: Sequence[str], limit: int) -> list[int]:
    """For each word that begins a line, the word that begins the next one."""
    count = len(words)
    best, cost = [count] * count, [0] * count
    for start in reversed(range(count)):
        if _length(words[start:]) <= limit:
            continue
        options = [
            (_slack(words[start:end], limit) + cost[end], end)
            for end in range(start + 1, count)
        ]
        cost[start], best[start] = min(options)
    return best


def _slack(words: Sequence[str], limit: int) -> int:
    length = _length(words)
    return (limit - length) ** 2 + (TOO_LONG if length > limit else 0)


def _length(words: Sequence[str]) -> int:
    return len(" ".join(words))


def _aligned(row: Sequence[Lines], widths: Sequence[int]) -> list[Lines]:
    return [
        [
            line.rjust(width) if _NUMBER.fullmatch(line) else line.ljust(width)
            for line, width in zip(lines, widths, strict=True)
        ]
        for lines in zip_longest(*row, fillvalue="")
    ]


def _centred(text: str, width: int) -> str:
    gap = width - len(text)
    return " " * (gap // 2) + text + " " * (gap - gap // 2)


def _line(parts: Sequence[str]) -> str:
    return "|" + "|".join(f" {part} " for part in parts) + "|"
