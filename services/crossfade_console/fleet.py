"""What all runs together tell Prometheus: a few families that do not grow with them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector, CollectorRegistry

from crossfade.telling.phases import phase
from crossfade_console.projection import Projection
from crossfade_console.series import PHASES

OUTCOMES = ("promoted", "rolled-back", "inconclusive", "failed", "aborted")
BUCKETS = (60.0, 300.0, 900.0, 3600.0, 4 * 3600.0, 24 * 3600.0, 3 * 86400.0, 7 * 86400.0)


def fleet_text(projection: Projection) -> bytes:
    """The exposition of all runs together."""
    registry = CollectorRegistry()
    registry.register(_Fleet(projection))
    return generate_latest(registry)


@dataclass(frozen=True, eq=False, slots=True)
class _Fleet(Collector):
    projection: Projection

    def describe(self) -> list[Metric]:
        """Nothing to check at registration."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The families."""
        yield self._phases()
        yield self._finished()
        yield _durations(self.projection.durations)
        errors = CounterMetricFamily(
            "crossfade_backend_errors", "Readings without a value by reason.", labels=["kind"]
        )
        for kind, count in sorted(self.projection.absences.items()):
            errors.add_metric([kind], count)
        yield errors
        events = CounterMetricFamily("crossfade_events", "Events folded since the start.")
        events.add_metric([], self.projection.version)
        yield events

    def _phases(self) -> Metric:
        family = GaugeMetricFamily(
            "crossfade_experiments", "Open experiments by phase.", labels=["phase"]
        )
        counted = dict.fromkeys(PHASES[:-1], 0)
        for run in self.projection.latest():
            if not run.known.over:
                counted[phase(run.known)] += 1
        for name, count in counted.items():
            family.add_metric([name], count)
        return family

    def _finished(self) -> Metric:
        family = CounterMetricFamily(
            "crossfade_experiments_finished", "Ended runs by outcome.", labels=["outcome"]
        )
        finished = self.projection.finished
        for outcome in sorted({*OUTCOMES, *finished}):
            family.add_metric([outcome], finished[outcome])
        return family


def _durations(seconds: list[float]) -> Metric:
    family = HistogramMetricFamily(
        "crossfade_experiment_duration_seconds", "From admission to the end."
    )
    ordered = sorted(seconds)
    buckets = [(str(limit), float(_upto(ordered, limit))) for limit in BUCKETS]
    family.add_metric([], [*buckets, ("+Inf", float(len(ordered)))], sum(ordered))
    return family


def _upto(ordered: list[float], limit: float) -> int:
    return bisect_left(ordered, limit + 1e-9)
