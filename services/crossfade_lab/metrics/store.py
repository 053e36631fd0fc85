"""The embedded Prometheus' memory: series of samples, in integer milliseconds.

Integers matter: rates divide by differences of times, and a float's last bits would show.
A value of None is a staleness marker: from that moment on the series is no longer there.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from crossfade.errors import Malformed

__all__ = ["Matcher", "Series", "Store"]

RETENTION_MS = 2 * 3600 * 1000
# Cutting the front of a list moves the rest, so it is done in pieces.
PIECE = 512


@dataclass(slots=True, eq=False)
class Series:
    """One series' labels (its name is `__name__`) and its samples, times strictly growing."""

    labels: dict[str, str]
    times: list[int] = field(default_factory=list)
    values: list[float | None] = field(default_factory=list)

    def append(self, at_ms: int, value: float | None) -> bool:
        """Keep a sample; False, and nothing kept, where one as late is there already."""
        if self.times and at_ms <= self.times[-1]:
            return False
        self.times.append(at_ms)
        self.values.append(value)
        return True

    def forget(self, before_ms: int) -> None:
        """Drop what is older, in pieces."""
        if len(self.times) >= PIECE and self.times[PIECE - 1] < before_ms:
            old = bisect_left(self.times, before_ms)
            del self.times[:old]
            del self.values[:old]


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on one label: `op` is `=`, `!=`, `=~` or `!~`; expressions are anchored."""

    name: str
    op: str
    value: str

    def test(self) -> Callable[[str], bool]:
        """The condition as a function of the label's value, '' where it is missing."""
        value = self.value
        if self.op == "=":
            return lambda found: found == value
        if self.op == "!=":
            return lambda found: found != value
        matches = _anchored(value).fullmatch
        if self.op == "=~":
            return lambda found: matches(found) is not None
        return lambda found: matches(found) is None


class Store:
    """Every series, found by name first; keeps `retention_ms` of each."""

    def __init__(self, retention_ms: int = RETENTION_MS) -> None:
        self.retention_ms = retention_ms
        self._by_name: dict[str, dict[frozenset[tuple[str, str]], Series]] = {}

    def series(self, labels: Mapping[str, str]) -> Series:
        """The series of exactly these labels, made where it is new."""
        kept = {name: value for name, value in labels.items() if value}
        named = self._by_name.setdefault(kept.get("__name__", ""), {})
        key = frozenset(kept.items())
        if key not in named:
            named[key] = Series(kept)
        return named[key]

    def append(self, labels: Mapping[str, str], at_ms: int, value: float | None) -> bool:
        """Keep one sample, None for a staleness marker; False where it came too late."""
        series = self.series(labels)
        series.forget(at_ms - self.retention_ms)
        return series.append(at_ms, value)

    def forget(self, before_ms: int) -> None:
        """Drop series without a sample since then, and old samples of the others."""
        for name, named in list(self._by_name.items()):
            for key, series in list(named.items()):
                if not series.times or series.times[-1] < before_ms:
                    del named[key]
                else:
                    series.forget(before_ms)
            if not named:
                del self._by_name[name]

    def select(self, matchers: Sequence[Matcher]) -> list[Series]:
        """The series that meet every condition."""
        tests = [(m.name, m.test()) for m in matchers]
        return [
            series
            for series in self._candidates(matchers)
            if all(test(series.labels.get(name, "")) for name, test in tests)
        ]

    def _candidates(self, matchers: Sequence[Matcher]) -> Iterator[Series]:
        exact = [m.value for m in matchers if m.name == "__name__" and m.op == "="]
        names = exact[:1] or list(self._by_name)
        for name in names:
            yield from self._by_name.get(name, {}).values()


@lru_cache(maxsize=512)
def _anchored(expression: str) -> re.Pattern[str]:
    try:
        return re.compile(expression, re.DOTALL)
    except re.error as wrong:  # RE2 takes a few things that Python does not
        raise Malformed(f"regular expression {expression!r}: {wrong}") from wrong
