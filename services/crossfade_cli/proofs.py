"""The evidence of an assessment as a table: what is proved, what not yet, and what is lacking."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from crossfade.telling.numbers import duration, number

Entry = Mapping[str, Any]
TITLES = ("candidate", "claim", "standing", "estimate", "between", "limit", "seen", "to go")


def evidence(entries: Sequence[Entry]) -> RenderableType | None:
    """A row for each claim, and under the table what would let one prove more."""
    if not entries:
        return None
    table = Table(*TITLES, box=None, header_style="dim", padding=(0, 2))
    for entry in entries:
        table.add_row(*_cells(entry))
    return Group(table, *(Text(f"  {text}", "dim") for text in _lacking(entries)))


def _cells(entry: Entry) -> Iterator[str | Text]:
    yield str(entry.get("candidate") or "")
    yield str(entry.get("claim") or entry.get("metric") or "")
    yield _standing(entry)
    yield _number(entry, "estimate")
    bounds = [_number(entry, key) for key in ("low", "high")]
    yield " … ".join(bounds) if any(bounds) else ""
    yield _limit(entry)
    yield _amount(entry, "n")
    yield _amount(entry, "nMore")


def _standing(entry: Entry) -> Text:
    if entry.get("violated"):
        return Text("violated", "red")
    if entry.get("proved"):
        return Text("proved", "green")
    if entry.get("kind") == "descriptive":
        return Text("descriptive only", "dim")
    return Text("watched" if entry.get("monitored") else "not yet", "yellow")


def _limit(entry: Entry) -> str:
    parts = (("≥", "lower"), ("≤", "upper"))
    return " ".join(f"{sign} {_number(entry, key)}" for sign, key in parts if key in entry)


def _number(entry: Entry, key: str) -> str:
    value = entry.get(key)
    return number(float(value)) if isinstance(value, int | float) else ""


def _amount(entry: Entry, key: str) -> str:
    """Requests as a number; what is counted over time as a time."""
    value = entry.get(key)
    if entry.get("per") == "seconds" and isinstance(value, int | float):
        return duration(float(value))
    return _number(entry, key)


def _lacking(entries: Sequence[Entry]) -> list[str]:
    told = (
        f"{entry.get('claim')}: {entry['lacks']} is missing; {entry.get('why', '')}"
        for entry in entries
        if entry.get("lacks")
    )
    return list(dict.fromkeys(told))
