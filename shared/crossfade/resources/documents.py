"""The resolved document of a run: one Experiment and every Metric that it refers to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict

from crossfade.errors import FieldError, Malformed, NotFound
from crossfade.resources.experiments import (
    Criteria,
    DeploymentPattern,
    Duration,
    Experiment,
    Objective,
    ObjectReference,
    Reward,
    Task,
    TestingPattern,
    Version,
    Weights,
)
from crossfade.resources.metrics import Metric, qualified
from crossfade.resources.parsing import parse_experiment, parse_metric

INTERVAL_SECONDS = 20
ITERATIONS_PER_LOOP = 15
MAX_LOOPS = 1
MAX_CANDIDATE_WEIGHT = 100
MAX_CANDIDATE_WEIGHT_INCREMENT = 10

Policy = Literal["iter8", "assured"]


class Document(BaseModel):
    """What a run is judged by; immutable, with the defaults that the documents leave out."""

    model_config = ConfigDict(frozen=True)

    experiment: Experiment
    metrics: dict[str, Metric]
    """By `namespace/name`."""
    warnings: tuple[str, ...] = ()
    """What was accepted but probably not meant, such as pruned fields."""

    @property
    def name(self) -> str:
        """The experiment's name."""
        return self.experiment.name

    @cached_property
    def namespace(self) -> str:
        """The experiment's namespace."""
        return self.experiment.namespace

    @property
    def target(self) -> str:
        """The key of the target lock."""
        return self.experiment.spec.target

    @cached_property
    def versions(self) -> tuple[Version, ...]:
        """Baseline first, then the candidates in the document's order; empty if not known yet."""
        info = self.experiment.spec.version_info
        return () if info is None else (info.baseline, *(info.candidates or ()))

    @cached_property
    def baseline(self) -> Version:
        """The version that the others are measured against."""
        if not self.versions:
            raise NotFound("No versionInfo in experiment")
        return self.versions[0]

    @cached_property
    def candidates(self) -> tuple[Version, ...]:
        """The versions that might replace the baseline."""
        return self.versions[1:]

    @cached_property
    def criteria(self) -> Criteria:
        """The criteria; empty where the document has none."""
        return self.experiment.spec.criteria or Criteria()

    @cached_property
    def objectives(self) -> tuple[Objective, ...]:
        """The objectives in the document's order."""
        return self.criteria.objectives or ()

    @cached_property
    def judged(self) -> tuple[tuple[Objective, str], ...]:
        """Each objective with the key of its metric."""
        return tuple((one, self.key(one.metric)) for one in self.objectives)

    @cached_property
    def rewards(self) -> tuple[Reward, ...]:
        """The rewards in the document's order; at most one."""
        return self.criteria.rewards or ()

    @cached_property
    def references(self) -> tuple[str, ...]:
        """Every metric to read, once: as written in criteria, then what those refer to."""
        written = as_written(self.criteria)
        return (
            *_unrepeated(written, self.key),
            *self._referred(self.key(ref) for ref in written),
        )

    @property
    def missing(self) -> tuple[str, ...]:
        """`namespace/name` of metrics that a start action has yet to bring."""
        return tuple(k for k in map(self.key, self.references) if k not in self.metrics)

    def key(self, ref: str) -> str:
        """`namespace/name` of a reference, relative to the experiment's namespace."""
        return qualified(ref, self.namespace)

    def metric(self, ref: str) -> Metric:
        """The Metric of a reference, as written or as `namespace/name`; `NotFound` otherwise."""
        try:
            return self.metrics[self.key(ref)]
        except KeyError:
            raise NotFound(f"Unable to find metric {self.key(ref)}") from None

    @property
    def interval_seconds(self) -> int:
        """Seconds from one iteration to the next."""
        return self._duration.interval_seconds or INTERVAL_SECONDS

    @property
    def iterations_per_loop(self) -> int:
        """Iterations until the `loop` action runs."""
        return self._duration.iterations_per_loop or ITERATIONS_PER_LOOP

    @property
    def max_loops(self) -> int:
        """How many loops there are."""
        return self._duration.max_loops or MAX_LOOPS

    @cached_property
    def iterations(self) -> int:
        """Iterations of the whole run."""
        return self.iterations_per_loop * self.max_loops

    @cached_property
    def caps(self) -> tuple[int, int]:
        """Largest weight of a candidate and largest rise per iteration, in percent."""
        weights = self.experiment.spec.strategy.weights or Weights()
        weight, rise = weights.max_candidate_weight, weights.max_candidate_weight_increment
        return (
            MAX_CANDIDATE_WEIGHT if weight is None else weight,
            MAX_CANDIDATE_WEIGHT_INCREMENT if rise is None else rise,
        )

    @property
    def policy(self) -> Policy:
        """Who decides: without `spec.decision` as Iter8 did, with it by proof."""
        return self.decided_by("iter8")

    def decided_by(self, unsaid: Policy) -> Policy:
        """The policy, in an installation where documents without `spec.decision` mean `unsaid`."""
        decision = self.experiment.spec.decision
        return unsaid if decision is None else decision.policy or "assured"

    @property
    def weight_refs(self) -> dict[str, ObjectReference]:
        """Where each version's weight is, by version, with the namespace filled in."""
        found = {v.name: v.weight_obj_ref for v in self.versions if v.weight_obj_ref}
        return {
            name: ref.model_copy(update={"namespace": ref.namespace or self.namespace})
            for name, ref in found.items()
        }

    @cached_property
    def pattern(self) -> TestingPattern:
        """How versions are compared."""
        return self.experiment.spec.strategy.testing_pattern

    @property
    def deployment(self) -> DeploymentPattern:
        """How traffic moves."""
        return self.experiment.spec.strategy.deployment_pattern or DeploymentPattern.PROGRESSIVE

    @property
    def moves_weights(self) -> bool:
        """Whether weights are ever written."""
        return (
            self.deployment is not DeploymentPattern.FIXED_SPLIT
            and self.pattern is not TestingPattern.CONFORMANCE
        )

    @property
    def actions(self) -> Mapping[str, tuple[Task, ...]]:
        """Tasks by action; `start`, `loop` and `finish` are the ones that run."""
        return self.experiment.spec.strategy.actions or {}

    def rollback_on_failure(self, objective: Objective) -> bool:
        """Whether missing this objective rolls back; absent, only a BlueGreen deployment does."""
        if objective.rollback_on_failure is None:
            return self.deployment is DeploymentPattern.BLUE_GREEN
        return objective.rollback_on_failure

    def asks_the_same(self, other: Document) -> bool:
        """Whether both would be the same run: specs alike, whatever the cluster added to them."""
        return self.experiment.spec == other.experiment.spec and {
            key: metric.spec for key, metric in self.metrics.items()
        } == {key: metric.spec for key, metric in other.metrics.items()}

    def to_json(self) -> dict[str, Any]:
        """Plain JSON in the form that `start-experiment` takes."""
        return {
            "experiment": self.experiment.dump(),
            "metrics": [metric.dump() for metric in self.metrics.values()],
        }

    @classmethod
    def from_json(cls, body: Mapping[str, Any]) -> Self:
        """The document of an earlier `to_json`; it was admitted then and is only parsed now."""
        if not isinstance(body.get("experiment"), Mapping):
            raise Malformed([FieldError("experiment", "is missing; it has to be given")])
        metrics = [parse_metric(metric) for metric in body.get("metrics") or ()]
        return cls(
            experiment=parse_experiment(body["experiment"]), metrics={m.key: m for m in metrics}
        )

    @property
    def _duration(self) -> Duration:
        return self.experiment.spec.duration or Duration()

    def _referred(self, start: Iterable[str]) -> Iterator[str]:
        """Keys that Metrics refer to, nearest first, each once."""
        waiting = [self.key(ref) for ref in as_written(self.criteria)]
        seen = set(start)
        for key in waiting:
            metric = self.metrics.get(key)
            fresh = [k for k in (metric.referred if metric else ()) if k not in seen]
            for referred in dict.fromkeys(fresh):
                seen.add(referred)
                waiting.append(referred)
                yield referred


def as_written(criteria: Criteria) -> list[str]:
    """Metric references of the criteria: request count, rewards, indicators, objectives."""
    count = [criteria.request_count] if criteria.request_count else []
    rewards = [reward.metric for reward in criteria.rewards or ()]
    objectives = [objective.metric for objective in criteria.objectives or ()]
    return [*count, *rewards, *(criteria.indicators or ()), *objectives]


def _unrepeated(refs: Iterable[str], key: Callable[[str], str]) -> tuple[str, ...]:
    first: dict[str, str] = {}
    for ref in refs:
        first.setdefault(key(ref), ref)
    return tuple(first.values())
