"""The Experiment of `iter8.tools/v2alpha2`, field by field, with the additions of Crossfade.

Absent stays absent: defaults live in `Document`, never in the spec, as upstream keeps them.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, StrictBool

from crossfade.resources.fields import Count, Percent, Positive, Quantity, Resource, number

API_VERSION: Final = "iter8.tools/v2alpha2"

Chance = Annotated[float, Field(strict=True, gt=0, lt=1)]
"""A probability that is neither impossible nor certain."""


class TestingPattern(StrEnum):
    """How versions are compared."""

    __test__ = False

    CANARY = "Canary"
    A_B = "A/B"
    A_B_N = "A/B/N"
    CONFORMANCE = "Conformance"


class DeploymentPattern(StrEnum):
    """How traffic moves."""

    FIXED_SPLIT = "FixedSplit"
    PROGRESSIVE = "Progressive"
    BLUE_GREEN = "BlueGreen"


class Direction(StrEnum):
    """Which value of a reward is the better one."""

    HIGH = "High"
    LOW = "Low"


class ObjectMeta(Resource):
    """Metadata of a resource; whatever else an API server writes is kept."""

    model_config = ConfigDict(extra="allow")

    name: str | None = None
    namespace: str | None = None
    uid: str | None = None
    generation: int | None = None
    resource_version: str | None = None
    annotations: dict[str, str] | None = None
    labels: dict[str, str] | None = None
    creation_timestamp: str | None = None


class Variable(Resource):
    """A name and its text, for templates of metrics and tasks."""

    name: str
    value: str


class ObjectReference(Resource):
    """The object, and the path in it, that holds a version's weight."""

    api_version: str | None = None
    kind: str | None = None
    name: str | None = None
    namespace: str | None = None
    field_path: str | None = None
    resource_version: str | None = None
    uid: str | None = None


class Version(Resource):
    """One version of the application."""

    name: str
    variables: tuple[Variable, ...] | None = None
    weight_obj_ref: ObjectReference | None = None

    @property
    def values(self) -> dict[str, str]:
        """The variables as a mapping; the last of a name wins."""
        return {v.name: v.value for v in self.variables or ()}


class VersionInfo(Resource):
    """The baseline and its candidates."""

    baseline: Version
    candidates: tuple[Version, ...] | None = None


class Task(Resource):
    """One step of an action: a known `task` or a `run` script, with an optional condition."""

    task: str | None = None
    run: str | None = None
    if_: str | None = Field(default=None, alias="if")
    with_: dict[str, Any] | None = Field(default=None, alias="with")

    @property
    def inputs(self) -> dict[str, Any]:
        """What the task is given; empty where the document gives nothing."""
        return self.with_ or {}


class Weights(Resource):
    """Caps on a candidate's weight, in percent, and on its rise per iteration."""

    max_candidate_weight: Percent | None = None
    max_candidate_weight_increment: Percent | None = None


class Strategy(Resource):
    """The type of experiment and what runs at its start, loops and end."""

    testing_pattern: TestingPattern
    deployment_pattern: DeploymentPattern | None = None
    actions: dict[str, tuple[Task, ...]] | None = None
    weights: Weights | None = None


class Objective(Resource):
    """Inclusive limits on a metric."""

    metric: str
    upper_limit: Quantity | None = None
    lower_limit: Quantity | None = None
    rollback_on_failure: StrictBool | None = Field(default=None, alias="rollback_on_failure")
    min_samples: Positive | None = None
    """Requests that must have been seen before the objective counts as decided."""
    burden: Literal["prove", "monitor"] | None = None
    """Whether the objective has to be proved, or only must not be violated."""
    margin: Quantity | None = None
    """What is tolerated beyond the limit; with `relativeTo`, beyond the baseline's value."""
    relative_to: Literal["baseline"] | None = None
    """Compares with the baseline's value in place of a fixed limit."""

    @cached_property
    def upper(self) -> float | None:
        """The upper limit as a number; asked for at every sample."""
        return number(self.upper_limit)

    @cached_property
    def lower(self) -> float | None:
        """The lower limit as a number."""
        return number(self.lower_limit)


class Reward(Resource):
    """The metric that the better version does better in."""

    metric: str
    preferred_direction: Direction
    min_effect: Quantity | None = None
    """The smallest advantage worth a promotion; negative asks for no more than non-inferiority."""


class Criteria(Resource):
    """What is measured and what decides; `strength` is reserved upstream and kept as it is."""

    request_count: str | None = None
    rewards: tuple[Reward, ...] | None = None
    indicators: tuple[str, ...] | None = None
    objectives: tuple[Objective, ...] | None = None
    strength: Any = None


class Duration(Resource):
    """How long and in which steps."""

    interval_seconds: Positive | None = None
    iterations_per_loop: Positive | None = None
    max_loops: Positive | None = None


class OnNoData(Resource):
    """What to do when metrics stay away: hold the split, or roll back after some iterations."""

    action: Literal["hold", "rollback"]
    after: Positive | None = None
    """Iterations in a row without a single value before it is done (default 3)."""


class Deadlines(Resource):
    """Seconds that a phase may last."""

    initializing: Positive | None = None
    actions: Positive | None = None
    converging: Positive | None = None
    approval: Positive | None = None


class Decision(Resource):
    """How evidence becomes a verdict; an addition of Crossfade (architecture §4)."""

    policy: Literal["iter8", "assured"] | None = None
    alpha: Chance | None = None
    """Chance of promoting a version that does not deserve it."""
    rollback_alpha: Chance | None = None
    """Chance of an alarm against a version that is within its limits."""
    futility: Annotated[float, Field(strict=True, ge=0, lt=1)] | None = None
    """Predictive probability below which a candidate gets no more traffic; 0 never gives up."""
    soak: Count | None = None
    """Iterations that a winner has to hold before it is promoted."""
    early_stop: StrictBool | None = None
    on_no_data: OnNoData | None = None
    gates: tuple[Literal["start", "promote"], ...] | None = None
    """Points at which a person has to approve."""
    deadlines: Deadlines | None = None


class ExperimentSpec(Resource):
    """What the author of an experiment asks for."""

    target: Annotated[str, Field(min_length=1)]
    strategy: Strategy
    criteria: Criteria | None = None
    duration: Duration | None = None
    version_info: VersionInfo | None = None
    decision: Decision | None = None


class Experiment(Resource):
    """A progressive experiment that compares versions of an application."""

    api_version: Literal["iter8.tools/v2alpha2"] = API_VERSION
    kind: Literal["Experiment"] = "Experiment"
    metadata: ObjectMeta
    spec: ExperimentSpec
    status: dict[str, Any] | None = None
    """As the cluster has it; `status.ExperimentStatus` reads it."""

    @property
    def name(self) -> str:
        """The name in its namespace."""
        return self.metadata.name or ""

    @property
    def namespace(self) -> str:
        """The namespace; `default` where the document names none."""
        return self.metadata.namespace or "default"
