"""What one run tells Prometheus: families, labels and values, in the text format 0.0.4."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from crossfade.telling import objective_states
from crossfade.telling.numbers import short
from crossfade.telling.objectives import chances
from crossfade.telling.phases import phase
from crossfade_console.projection import Run

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


@dataclass(frozen=True, slots=True)
class Family:
    """A name, what it means, and whether it only grows."""

    name: str
    help: str
    type: Literal["gauge", "counter"] = "gauge"

    @property
    def head(self) -> str:
        """The two lines before its samples."""
        return f"# HELP {self.name} {self.help}\n# TYPE {self.name} {self.type}\n"


INFO = Family("crossfade_experiment_info", "What an experiment is about.")
PHASE = Family("crossfade_experiment_phase", "1 for the present phase.")
LOOKS = Family("crossfade_experiment_iteration", "Looks taken so far.")
WANTED = Family("crossfade_experiment_iterations", "Looks planned.")
WEIGHT = Family(
    "crossfade_weight_percent", "Weight of a version, as asked for and as observed."
)
SHARE = Family(
    "crossfade_traffic_share_ratio", "Share of the requests that a version really got."
)
VALUE = Family("crossfade_metric_value", "Latest value of a metric.")
SAMPLES = Family("crossfade_metric_samples", "Requests that a version has served in this run.")
MARGIN = Family(
    "crossfade_objective_margin",
    "Distance to the limit as a share of it; negative beyond it.",
)
VERDICT = Family(
    "crossfade_objective_verdict",
    "1 at the present standing of an objective; the others are not there.",
)
BEST = Family(
    "crossfade_reward_best_probability", "Probability that a version is the best one."
)
DECISIONS = Family("crossfade_decisions_total", "Assessments by verdict.", "counter")
FAMILIES = (
    *(INFO, PHASE, LOOKS, WANTED, WEIGHT, SHARE),
    *(VALUE, SAMPLES, MARGIN, VERDICT, BEST, DECISIONS),
)
"""Those that change by events alone."""
AGE = Family("crossfade_sample_age_seconds", "Age of the latest sample of an open run.")
INCIDENTS = Family("crossfade_incidents_open", "Open incidents of a run.")

Series = tuple[Family, str, float]
"""A family, the labels beside the run's own, with a comma before them, and the value."""


def series(run: Run) -> Iterator[Series]:
    """Every sample of a run that changes by events alone."""
    yield from _state(run)
    yield from _traffic(run)
    yield from _numbers(run)
    yield from _judgements(run)


def _state(run: Run) -> Iterator[Series]:
    known, now = run.known, phase(run.known)
    about = labels(target=known.target, pattern=known.pattern, policy=known.policy)
    yield INFO, f",{about}", 1
    for name in PHASES:
        yield PHASE, f',phase="{name}"', int(name == now)
    yield LOOKS, "", known.iteration
    yield WANTED, "", known.of


def _traffic(run: Run) -> Iterator[Series]:
    for version in run.known.versions:
        who = f",{label('version', version)},kind="
        for kind, split in (("desired", run.known.asked), ("observed", run.known.split)):
            if version in split:
                yield WEIGHT, f'{who}"{kind}"', split[version]
    for version, share in run.history.measured.items():
        yield SHARE, f",{label('version', version)}", share / 100


def _numbers(run: Run) -> Iterator[Series]:
    known = run.known
    for metric, by_version in known.values.items():
        what = label("metric", short(metric))
        for version, value in by_version.items():
            yield VALUE, f",{label('version', version)},{what}", value
    for version, count in known.values.get(known.requests, {}).items():
        yield SAMPLES, f",{label('version', version)}", count


def _judgements(run: Run) -> Iterator[Series]:
    for state in objective_states(run.known):
        key = f",{label('version', state.version)},{label('metric', short(state.metric))}"
        if state.margin is not None:
            yield MARGIN, key, state.margin
        yield VERDICT, f"{key},{label('verdict', state.standing)}", 1
    for version, chance in chances(run.known).items():
        yield BEST, f",{label('version', version)}", chance
    for decision, count in run.decisions.items():
        yield DECISIONS, f",{label('decision', decision)}", count


def label(name: str, value: str) -> str:
    """One label, its value escaped as the text format asks."""
    if "\\" in value or '"' in value or "\n" in value:
        value = value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return f'{name}="{value}"'


def labels(**values: str) -> str:
    """Several labels."""
    return ",".join([label(name, value) for name, value in values.items()])
