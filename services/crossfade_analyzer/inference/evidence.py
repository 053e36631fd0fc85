"""What is remembered of a run: one frozen value that survives JSON to the last bit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from . import detectors, ratio_check
from .batches import Counts
from .claims import ClaimState
from .gauges import GaugeState
from .plan import Plan


class Line(NamedTuple):
    """One claim of one version (the baseline's lines hold counts and an alarm only).

    `seen` is the last valid snapshot and `at` its iteration; a pair's snapshot is the candidate's
    readings, then the baseline's. `stale` counts looks without a batch,
    `batches` those with one. `totals` adds up all
    batches. `rest` is the planned information R, `phi` the dispersion, `prior` the precision of
    the displayed mixture, fixed at the first batch.
    """

    seen: Counts = ()
    at: int = 0
    stale: int = 0
    totals: Counts = ()
    state: ClaimState = ClaimState()
    detector: detectors.Detector = ()
    gauge: GaugeState = GaugeState()
    rest: float = 0.0
    phi: float = 1.0
    prior: float = 0.0
    batches: int = 0


class Traffic(NamedTuple):
    """Requests of each version at its last valid reading, and the forecast per interval."""

    seen: Counts = ()
    at: tuple[int, ...] = ()
    forecast: float | None = None


class Stop(NamedTuple):
    """Why a candidate is out for good: `rejected`, `futile` or `impossible`, by which claim."""

    kind: str
    claim: int
    iteration: int
    worse: bool


@dataclass(frozen=True)
class Evidence:
    """The state of one run after a look; `split` is the one in force at that look."""

    iteration: int
    elapsed: float
    split: tuple[int, ...]
    traffic: Traffic
    lines: tuple[Line, ...]
    ratios: ratio_check.Ratios
    targets: tuple[float, ...]
    stops: tuple[Stop | None, ...]

    @classmethod
    def fresh(cls, plan: Plan) -> Evidence:
        """Evidence before the first look."""
        versions, count = len(plan.versions), len(plan.candidates)
        lines = tuple(_fresh_line(plan, j) for j, _ in plan.slots)
        traffic = Traffic((0.0,) * versions, (0,) * versions, plan.requests_per_interval)
        targets = (40.0,) if count == 1 else (50.0 / count,) * count
        ratios, stops = ratio_check.fresh(versions), (None,) * count
        return cls(0, 0.0, (), traffic, lines, ratios, targets, stops)

    def heading(self, targets: tuple[float, ...], stops: tuple[Stop | None, ...]) -> Evidence:
        """The same evidence, with what the appraisal makes of it."""
        return Evidence(
            iteration=self.iteration,
            elapsed=self.elapsed,
            split=self.split,
            traffic=self.traffic,
            lines=self.lines,
            ratios=self.ratios,
            targets=targets,
            stops=stops,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain dict, lists and numbers; exact through any JSON that round-trips doubles."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Evidence:
        """The value that `to_json` was given."""
        seen, at, forecast = found["traffic"]
        return cls(
            iteration=found["iteration"],
            elapsed=found["elapsed"],
            split=tuple(found["split"]),
            traffic=Traffic(tuple(seen), tuple(at), forecast),
            lines=tuple(_line(line) for line in found["lines"]),
            ratios=tuple(found["ratios"]),
            targets=tuple(found["targets"]),
            stops=tuple(None if stop is None else Stop(*stop) for stop in found["stops"]),
        )


def _fresh_line(plan: Plan, j: int) -> Line:
    claim = plan.claims[j]
    detector = detectors.fresh(len(claim.alternatives)) if claim.proportion else ()
    return Line(detector=detector)


def _plain(value: Any) -> Any:
    """Tuples as lists, all the way down."""
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _line(found: list[Any]) -> Line:
    seen, at, stale, totals, state, detector, gauge, *rest = found
    return Line(
        tuple(seen),
        at,
        stale,
        tuple(totals),
        ClaimState(*state),
        tuple(detector),
        GaugeState(*gauge),
        *rest,
    )
