"""What all runs together tell Prometheus: a few families that do not grow with them."""

from __future__ import annotations

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
from crossfade_console.tallies import Tally

OUTCOMES = ("promoted", "kept", "rolled-back", "inconclusive", "no-data", "failed", "aborted")
"""All are there from the start, at 0: what first appears with a 1 has not increased."""


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
        told = "From admission to the end."
        yield _histogram(
            "crossfade_experiment_duration_seconds", told, self.projection.durations
        )
        told = "Of that, how long a run was paused or waited for an approval."
        yield _histogram(
            "crossfade_experiment_waiting_human_seconds", told, self.projection.waits
        )
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


def _histogram(name: str, told: str, tally: Tally) -> Metric:
    family = HistogramMetricFamily(name, told)
    family.add_metric([], tally.buckets(), tally.seconds)
    return family
