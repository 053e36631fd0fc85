"""The status block of an Experiment: what `kubectl get experiment` and iter8ctl read.

Frozen values; a change is a new value (`marked`, `changed`), `dump()` is the JSON to write.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import StrictBool, WithJsonSchema

from crossfade.domain import quantities
from crossfade.resources.fields import Count, Int32, Quantity, Resource
from crossfade.resources.metrics import Metric


class Stage(StrEnum):
    """How far a run is; it never goes back."""

    WAITING = "Waiting"
    INITIALIZING = "Initializing"
    RUNNING = "Running"
    FINISHING = "Finishing"
    COMPLETED = "Completed"


class ConditionType(StrEnum):
    """The three questions that a status answers, in the order in which they are created."""

    COMPLETED = "Completed"
    FAILED = "Failed"
    TARGET_ACQUIRED = "TargetAcquired"


Moment = Annotated[str, WithJsonSchema({"type": "string", "format": "date-time"})]
"""RFC 3339, whole seconds, UTC."""


class Condition(Resource):
    """One answer, with when and why it was last given."""

    type: ConditionType
    status: Literal["True", "False", "Unknown"]
    last_transition_time: Moment | None = None
    reason: str | None = None
    message: str | None = None


class WeightData(Resource):
    """A version's weight in percent."""

    name: str
    value: Int32


class VersionMetric(Resource):
    """A metric's reading for one version; without a value it is unknown."""

    value: Quantity | None = None
    max: Quantity | None = None
    min: Quantity | None = None
    sample_size: Int32 | None = None


class AggregatedMetric(Resource):
    """A metric's readings by version."""

    max: Quantity | None = None
    min: Quantity | None = None
    data: dict[str, VersionMetric]


class Block(Resource):
    """What every part of an analysis says about itself."""

    provenance: str
    timestamp: Moment
    message: str | None = None


class BuiltinHists(Block):
    """Latency histograms and return codes that `metrics/collect` gathered."""

    data: Any


class AggregatedMetrics(Block):
    """Readings by metric, under the reference as written in the criteria."""

    data: dict[str, AggregatedMetric]


class VersionAssessments(Block):
    """By version, one answer for each objective in the document's order."""

    data: dict[str, tuple[StrictBool, ...]]


class Winner(Resource):
    """Whether there is a winner, and which."""

    winner_found: StrictBool
    winner: str | None = None


class WinnerAssessment(Block):
    """The winner as of the last iteration."""

    data: Winner


class WeightsAnalysis(Block):
    """The split that the analysis asks for; empty for Conformance."""

    data: tuple[WeightData, ...]


class Analysis(Resource):
    """The last analysis; there is no history in a status."""

    aggregated_builtin_hists: BuiltinHists | None = None
    aggregated_metrics: AggregatedMetrics | None = None
    version_assessments: VersionAssessments | None = None
    winner_assessment: WinnerAssessment | None = None
    weights: WeightsAnalysis | None = None


class MetricInfo(Resource):
    """A Metric as it was when the run began."""

    name: str
    metric_obj: Metric


class ExperimentStatus(Resource):
    """The status as v2alpha2 has it."""

    conditions: tuple[Condition, ...] | None = None
    init_time: Moment | None = None
    start_time: Moment | None = None
    last_update_time: Moment | None = None
    stage: Stage | None = None
    completed_iterations: Count | None = None
    current_weight_distribution: tuple[WeightData, ...] | None = None
    analysis: Analysis | None = None
    version_recommended_for_promotion: str | None = None
    message: str | None = None
    metrics: tuple[MetricInfo, ...] | None = None

    @classmethod
    def fresh(cls, now: datetime) -> Self:
        """The status of an experiment seen for the first time."""
        at = moment(now)
        return cls(
            conditions=tuple(
                Condition(type=kind, status="False", last_transition_time=at)
                for kind in ConditionType
            ),
            init_time=at,
            last_update_time=at,
            stage=Stage.WAITING,
            completed_iterations=0,
        )

    def condition(self, kind: ConditionType) -> Condition | None:
        """The condition of this type."""
        return next((c for c in self.conditions or () if c.type is kind), None)

    def marked(
        self, kind: ConditionType, status: bool, reason: str, message: str, now: datetime
    ) -> Self:
        """With this condition answered anew, and `message` telling so as upstream does."""
        answer = Condition(
            type=kind,
            status="True" if status else "False",
            last_transition_time=moment(now),
            reason=reason,
            message=message,
        )
        kept = self.conditions or ()
        placed = tuple(answer if c.type is kind else c for c in kept)
        told = f"{reason}: {message}" if message else reason
        return self.changed(
            conditions=placed if answer in placed else (*kept, answer), message=told
        )

    def changed(self, **fields: Any) -> Self:
        """With some fields replaced, named as attributes."""
        return self.model_copy(update=fields)


def moment(at: datetime) -> str:
    """A moment as Kubernetes writes one: `2021-06-22T15:20:18Z`."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def readings(values: dict[str, dict[str, float | None]]) -> dict[str, AggregatedMetric]:
    """Readings by metric and version as the data of `aggregatedMetrics`; absent stays absent."""
    return {
        metric: AggregatedMetric(
            data={
                version: VersionMetric()
                if value is None
                else VersionMetric(value=quantities.canonical(value))
                for version, value in by_version.items()
            }
        )
        for metric, by_version in values.items()
    }


def split_data(split: dict[str, int]) -> tuple[WeightData, ...]:
    """A split as `currentWeightDistribution` and `analysis.weights.data` write it."""
    return tuple(WeightData(name=name, value=value) for name, value in split.items())
