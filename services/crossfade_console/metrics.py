"""`/metrics`: the views as Prometheus families with bounded labels, dropped after the end.

They are projected from the log, so after a restart they are right before the console is ready.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from crossfade.runtime.clock import Clock
from crossfade.telling import objective_states
from crossfade.telling.numbers import short
from crossfade.telling.objectives import chances
from crossfade_console.projection import Projection, Run
from crossfade_console.views import phase

PHASES = (
    "waiting",
    "starting",
    "running",
    "paused",
    "waiting_approval",
    "insufficient_data",
    "finishing",
    "completed",
)
OUTCOMES = ("promoted", "rolled-back", "inconclusive", "failed", "aborted")
BUCKETS = (60.0, 300.0, 900.0, 3600.0, 4 * 3600.0, 24 * 3600.0, 3 * 86400.0, 7 * 86400.0)
RUN = ["namespace", "experiment"]


class ProjectedMetrics:
    """A collector over the projection; every scrape is one pass."""

    def __init__(self, projection: Projection, clock: Clock, keep: timedelta) -> None:
        self.projection, self.clock, self.keep = projection, clock, keep
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def text(self) -> bytes:
        """The exposition."""
        return generate_latest(self.registry)

    def describe(self) -> list[Metric]:
        """Nothing to check at registration."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The families."""
        now = self.clock()
        runs = [r for r in self.projection.latest() if self._shown(r, now)]
        yield from _states(runs)
        yield from _traffic(runs)
        yield from _numbers(runs)
        yield from _judgements(runs)
        yield from _ages(runs, now)
        yield from self._fleet(now)

    def _shown(self, run: Run, now: datetime) -> bool:
        ended = run.known.ended_at
        return ended is None or now - ended <= self.keep

    def _fleet(self, now: datetime) -> Iterator[Metric]:
        p = self.projection
        by_phase = GaugeMetricFamily(
            "crossfade_experiments", "Open experiments by phase.", labels=["phase"]
        )
        counted = dict.fromkeys(PHASES[:-1], 0)
        for run in p.latest():
            if not run.known.over:
                counted[phase(run.known)] += 1
        for name, count in counted.items():
            by_phase.add_metric([name], count)
        yield by_phase
        finished = CounterMetricFamily(
            "crossfade_experiments_finished", "Ended runs by outcome.", labels=["outcome"]
        )
        for outcome in sorted({*OUTCOMES, *p.finished}):
            finished.add_metric([outcome], p.finished[outcome])
        yield finished
        yield _durations(p.durations)
        errors = CounterMetricFamily(
            "crossfade_backend_errors", "Readings without a value by reason.", labels=["kind"]
        )
        for kind, count in sorted(p.absences.items()):
            errors.add_metric([kind], count)
        yield errors
        events = CounterMetricFamily("crossfade_events", "Events folded since the start.")
        events.add_metric([], p.version)
        yield events


def _states(runs: list[Run]) -> Iterator[Metric]:
    info = GaugeMetricFamily(
        "crossfade_experiment_info",
        "What an experiment is about.",
        labels=[*RUN, "target", "pattern", "policy"],
    )
    phases = GaugeMetricFamily(
        "crossfade_experiment_phase", "1 for the present phase.", labels=[*RUN, "phase"]
    )
    looks = GaugeMetricFamily(
        "crossfade_experiment_iteration", "Looks taken so far.", labels=RUN
    )
    wanted = GaugeMetricFamily("crossfade_experiment_iterations", "Looks planned.", labels=RUN)
    for run in runs:
        known, who = run.known, _who(run)
        info.add_metric([*who, known.target, known.pattern, known.policy], 1)
        for name in PHASES:
            phases.add_metric([*who, name], phase(known) == name)
        looks.add_metric(who, known.iteration)
        wanted.add_metric(who, known.of)
    yield from (info, phases, looks, wanted)


def _traffic(runs: list[Run]) -> Iterator[Metric]:
    weights = GaugeMetricFamily(
        "crossfade_weight_percent",
        "Weight of a version, as asked for and as observed.",
        labels=[*RUN, "version", "kind"],
    )
    shares = GaugeMetricFamily(
        "crossfade_traffic_share_ratio",
        "Share of the requests that a version really got.",
        labels=[*RUN, "version"],
    )
    for run in runs:
        who = _who(run)
        for version in run.known.versions:
            for kind, split in (("desired", run.known.asked), ("observed", run.known.split)):
                if version in split:
                    weights.add_metric([*who, version, kind], split[version])
        for version, share in run.history.measured.items():
            shares.add_metric([*who, version], share / 100)
    yield from (weights, shares)


def _numbers(runs: list[Run]) -> Iterator[Metric]:
    values = GaugeMetricFamily(
        "crossfade_metric_value",
        "Latest value of a metric.",
        labels=[*RUN, "version", "metric"],
    )
    samples = GaugeMetricFamily(
        "crossfade_metric_samples",
        "Requests that a version has served in this run.",
        labels=[*RUN, "version"],
    )
    for run in runs:
        known, who = run.known, _who(run)
        for metric, by_version in known.values.items():
            for version, value in by_version.items():
                values.add_metric([*who, version, short(metric)], value)
        for version, count in known.values.get(known.requests, {}).items():
            samples.add_metric([*who, version], count)
    yield from (values, samples)


def _judgements(runs: list[Run]) -> Iterator[Metric]:
    margins = GaugeMetricFamily(
        "crossfade_objective_margin",
        "Distance to the limit as a share of it; negative beyond it.",
        labels=[*RUN, "version", "metric"],
    )
    verdicts = GaugeMetricFamily(
        "crossfade_objective_verdict",
        "1 at the present standing of an objective; the others are not there.",
        labels=[*RUN, "version", "metric", "verdict"],
    )
    best = GaugeMetricFamily(
        "crossfade_reward_best_probability",
        "Probability that a version is the best one.",
        labels=[*RUN, "version"],
    )
    decisions = CounterMetricFamily(
        "crossfade_decisions", "Assessments by verdict.", labels=[*RUN, "decision"]
    )
    for run in runs:
        who = _who(run)
        for state in objective_states(run.known):
            key = [*who, state.version, short(state.metric)]
            if state.margin is not None:
                margins.add_metric(key, state.margin)
            verdicts.add_metric([*key, state.standing], 1)
        for version, chance in chances(run.known).items():
            best.add_metric([*who, version], chance)
        for decision, count in run.decisions.items():
            decisions.add_metric([*who, decision], count)
    yield from (margins, verdicts, best, decisions)


def _ages(runs: list[Run], now: datetime) -> Iterator[Metric]:
    ages = GaugeMetricFamily(
        "crossfade_sample_age_seconds", "Age of the latest sample of an open run.", labels=RUN
    )
    incidents = GaugeMetricFamily(
        "crossfade_incidents_open", "Open incidents of a run.", labels=RUN
    )
    for run in runs:
        if run.known.over:
            continue
        if run.known.sampled_at is not None:
            age = (now - run.known.sampled_at).total_seconds()
            ages.add_metric(_who(run), max(age, 0.0))
        incidents.add_metric(_who(run), len(run.known.troubles))
    yield from (ages, incidents)


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


def _who(run: Run) -> list[str]:
    return [run.known.namespace, run.known.name]
