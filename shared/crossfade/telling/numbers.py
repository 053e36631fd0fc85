"""Numbers and names as people read them."""

from __future__ import annotations

from datetime import timedelta


def number(value: float | None) -> str:
    """A number as short as it can be told apart; `–` for none."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 1e4 else f"{value:.4g}"


def quantity(value: float | None, written: str | None) -> str:
    """A number with its unit; a time far below its unit in a smaller one: `23.8 ns`."""
    if value is None:
        return number(None)
    suffix = unit(written).strip()
    tiny = 0 < abs(value) < SMALL
    while tiny and suffix in _SMALLER and abs(value) < 1:
        value, suffix = value * 1000, _SMALLER[suffix]
    return f"{number(value)} {suffix}".rstrip()


def short(metric: str) -> str:
    """A metric's name without its namespace."""
    return metric.rpartition("/")[2]


def within(text: str, most: int) -> str:
    """A text of at most so many characters; what is cut off is marked."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def brief(name: str, most: int) -> str:
    """A name of at most so many characters, with both its ends: versions differ in either."""
    if len(name) <= most:
        return name
    end = most // 2
    return f"{name[: most - end - 1]}…{name[-end:]}"


def spoken(metric: str) -> str:
    """A metric's name as words: `user engagement`."""
    return short(metric).replace("-", " ").replace("_", " ")


def unit(written: str | None) -> str:
    """A unit as a suffix with its blank: ` ms`."""
    if not written:
        return ""
    return f" {_UNITS.get(written.lower(), written)}"


SMALL = 0.01
"""Of a unit of time: below it, people read a smaller unit more easily."""
_UNITS = {"microseconds": "µs", "milliseconds": "ms", "seconds": "s", "percent": "%"}
_SMALLER = {"s": "ms", "ms": "µs", "µs": "ns"}


def split(weights: dict[str, int]) -> str:
    """A split in one line: `iris-v1 40 : iris-v2 60`."""
    return " : ".join(f"{version} {weight}" for version, weight in weights.items())


def duration(seconds: float) -> str:
    """A duration in its two largest units: `2 m 30 s`."""
    left = int(timedelta(seconds=max(seconds, 0)).total_seconds())
    parts: list[str] = []
    for size, name in ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")):
        amount, left = divmod(left, size)
        if amount or (name == "s" and not parts):
            parts.append(f"{amount} {name}")
    return " ".join(parts[:2])
