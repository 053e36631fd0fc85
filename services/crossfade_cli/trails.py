"""What a live view remembers of the looks before the last: weights and values, drawn small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from crossfade.events import Event, MetricSample
from crossfade.telling import Known

__all__ = ["Look", "Trail", "sparkline"]

LOOKS = 240
STEPS = "▁▂▃▄▅▆▇█"


@dataclass(slots=True)
class Look:
    """The split after a look, and the values that it read."""

    split: Mapping[str, int] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(slots=True)
class Trail:
    """The looks of one run, the newest last; the oldest are forgotten."""

    looks: dict[int, Look] = field(default_factory=dict)
    measured: dict[str, float] = field(default_factory=dict)
    """The share of the requests since the look before, in percent, by version."""

    def take(self, event: Event, known: Known) -> None:
        """Remember one more event; `known` has it already."""
        if isinstance(event, MetricSample) and event.iteration:
            before = self.looks[max(self.looks)].values if self.looks else {}
            counts = known.values.get(known.requests, {})
            self.measured = _shares(before.get(known.requests, {}), counts)
        self.looks[known.iteration] = Look(known.split, known.values)
        if len(self.looks) > LOOKS:
            del self.looks[min(self.looks)]

    def weights(self, version: str) -> list[float | None]:
        """A version's weight after each look, in percent."""
        return [look.split.get(version) for look in self.looks.values()]

    def values(self, metric: str, version: str) -> list[float | None]:
        """What was read of a metric at each look; None where there was no value."""
        looked = [look for at, look in self.looks.items() if at]
        return [look.values.get(metric, {}).get(version) for look in looked]


def sparkline(
    values: Sequence[float | None],
    width: int,
    low: float | None = None,
    high: float | None = None,
) -> str:
    """The values as a line of blocks, the newest at its end; blanks where there is none.

    Without `low` and `high` it spans what is drawn; what never changes lies in the middle.
    """
    drawn = values[-width:]
    known = [value for value in drawn if value is not None]
    if not known:
        return ""
    bottom = min(known) if low is None else low
    reach = (max(known) if high is None else high) - bottom
    return "".join(" " if v is None else _step(v - bottom, reach) for v in drawn)


def _step(above: float, reach: float) -> str:
    if reach <= 0:
        return STEPS[len(STEPS) // 2 - 1]
    return STEPS[min(max(round(above / reach * (len(STEPS) - 1)), 0), len(STEPS) - 1)]


def _shares(before: Mapping[str, float], now: Mapping[str, float]) -> dict[str, float]:
    """Shares of what came since; empty after a reset or where nothing came."""
    fresh = {version: count - before.get(version, 0.0) for version, count in now.items()}
    whole = sum(fresh.values())
    if whole <= 0 or min(fresh.values()) < 0:
        return {}
    return {version: 100 * count / whole for version, count in fresh.items()}
