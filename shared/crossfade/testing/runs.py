"""A whole run as the log would hold it: admission, looks, weights, an end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from crossfade.events import (
    Assessment,
    ChangedObject,
    Event,
    MetricSample,
    Reading,
    Reason,
    StageChange,
    WeightChange,
)

START = datetime(2026, 1, 1, 10, 0, tzinfo=UTC)
NAMESPACE = "ns-production"
NAME = "quickstart-exp"
UID = "0b5f6f0e-5f0e-4a58-9a55-6a4b6d0a9a11"


def iris_document(
    namespace: str = NAMESPACE,
    name: str = NAME,
    iterations: int = 15,
    annotations: dict[str, str] | None = None,
) -> dict[str, Any]:
    """The resolved document of the seed's experiment, in the form of the log."""
    keys = ("request-count", "user-engagement", "mean-latency", "p95-latency", "error-rate")
    units = {"mean-latency": "milliseconds", "p95-latency": "milliseconds"}
    metrics: list[dict[str, Any]] = [
        {
            "apiVersion": "iter8.tools/v2alpha2",
            "kind": "Metric",
            "metadata": {"name": key, "namespace": "iter8-seldon"},
            "spec": {"mock": [{"name": "iris-v1", "level": "1"}]}
            | ({"units": units[key]} if key in units else {}),
        }
        for key in keys
    ]
    criteria = {
        "requestCount": "iter8-seldon/request-count",
        "rewards": [{"metric": "iter8-seldon/user-engagement", "preferredDirection": "High"}],
        "objectives": [
            {"metric": "iter8-seldon/mean-latency", "upperLimit": 2000},
            {"metric": "iter8-seldon/p95-latency", "upperLimit": 5000},
            {"metric": "iter8-seldon/error-rate", "upperLimit": "0.01"},
        ],
    }
    experiment: dict[str, Any] = {
        "apiVersion": "iter8.tools/v2alpha2",
        "kind": "Experiment",
        "metadata": {"name": name, "namespace": namespace, "annotations": annotations or {}},
        "spec": {
            "target": "iris",
            "strategy": {"testingPattern": "A/B", "deploymentPattern": "Progressive"},
            "criteria": criteria,
            "duration": {"intervalSeconds": 10, "iterationsPerLoop": iterations},
            "versionInfo": {
                "baseline": _version("iris-v1", namespace, 0),
                "candidates": [_version("iris-v2", namespace, 1)],
            },
        },
    }
    return {"experiment": experiment, "metrics": metrics}


def _version(name: str, namespace: str, predictor: int) -> dict[str, Any]:
    where = {
        "apiVersion": "machinelearning.seldon.io/v1",
        "kind": "SeldonDeployment",
        "namespace": namespace,
        "name": "iris",
        "fieldPath": f".spec.predictors[{predictor}].traffic",
    }
    return {"name": name, "weightObjRef": where}


@dataclass(frozen=True, slots=True)
class IrisRun:
    """The seed's experiment with numbers that anybody can follow; `winner` None rolls back."""

    namespace: str = NAMESPACE
    name: str = NAME
    uid: str = UID
    iterations: int = 15
    start: datetime = START
    promoted: bool = True
    annotations: dict[str, str] | None = None

    def events(self, upto: int | None = None) -> list[tuple[datetime, Event]]:
        """The events with the moments at which the log stored them; the end unless `upto`."""
        looks = self.iterations if upto is None else upto
        found = [*self.beginning()]
        for iteration in range(1, looks + 1):
            found += self.look(iteration)
        return [*found, *(self.ending() if upto is None else ())]

    def beginning(self) -> Iterator[tuple[datetime, Event]]:
        """From admission to Running."""
        told = (
            ("Waiting", "ExperimentInitialized", "Experiment status initialized"),
            ("Initializing", "StageAdvanced", "Advanced to Initializing"),
            ("Initializing", "TrialReading", "reading every metric once"),
        )
        for i, (stage, reason, message) in enumerate(told):
            yield self._at(i - 4), self._stage(stage, reason, message)
        yield (
            self._at(-1),
            self._say(WeightChange(uid=self.uid, cause="found", observed=self.split(0))),
        )
        running = self._stage("Running", "StageAdvanced", "Advanced to Running")
        document = iris_document(self.namespace, self.name, self.iterations, self.annotations)
        yield self._at(0), running.model_copy(update={"document": document})

    def look(self, iteration: int) -> list[tuple[datetime, Event]]:
        """Sample, assessment and, where the split moves, the weight change of one iteration."""
        at, now, then = 10 * iteration, self.split(iteration - 1), self.split(iteration)
        final = iteration == self.iterations
        ahead = "iris-v2" if self.promoted else "iris-v1"
        engaged = 1.43 if self.promoted else 0.71
        last = "promote" if self.promoted else "rollback"
        judged = Assessment(
            uid=self.uid,
            iteration=iteration,
            split=then,
            winner=ahead,
            recommended=ahead,
            verdict=last if final else "continue",
            final=final,
            reasons=(
                Reason(
                    code="best-reward",
                    text=f"{ahead} has the most user-engagement "
                    f"({0.2 * max(engaged, 1):.3g} against {0.2 * min(engaged, 1):.3g}) "
                    "and meets every objective",
                ),
            ),
        )
        found: list[tuple[datetime, Event]] = [
            (self._at(at), self._say(self._sample(iteration, now, engaged))),
            (self._at(at + 0.02), self._say(judged)),
        ]
        if then != now:
            moved = WeightChange(
                uid=self.uid,
                iteration=iteration,
                before=now,
                asked=then,
                observed=then,
                objects=(
                    ChangedObject(
                        kind="SeldonDeployment",
                        namespace=self.namespace,
                        name="iris",
                        resource_version=str(40 + iteration),
                    ),
                ),
                latency_seconds=0.02,
            )
            found.append((self._at(at + 0.05), self._say(moved)))
        return found

    def ending(self) -> Iterator[tuple[datetime, Event]]:
        """The end, after the last look."""
        at = 10 * self.iterations + 1
        outcome = "promoted" if self.promoted else "rolled-back"
        ahead = "iris-v2" if self.promoted else "iris-v1"
        yield self._at(at), self._stage("Finishing", "StageAdvanced", "Advanced to Finishing")
        done = self._stage("Completed", "ExperimentCompleted", "Experiment Completed")
        how = {"outcome": outcome, "winner": ahead, "recommended": ahead}
        yield self._at(at + 1), done.model_copy(update=how | {"iteration": self.iterations})

    def split(self, iteration: int) -> dict[str, int]:
        """The split after an iteration: ten more for the candidate each time, 95 at most."""
        share = min(5 + 10 * iteration, 95) if self.promoted else max(50 - 10 * iteration, 5)
        return {"iris-v1": 100 - share, "iris-v2": share}

    def _sample(self, iteration: int, split: dict[str, int], engaged: float) -> MetricSample:
        noise = (iteration * 7 % 5 - 2) / 100
        numbers = {
            "request-count": self._requests(iteration),
            "user-engagement": (0.2 + noise / 10, (0.2 + noise / 10) * (engaged + noise)),
            "mean-latency": (18.4 + noise * 30, 16.1 + noise * 40),
            "p95-latency": (48.0 + noise * 90, 45.2 - noise * 90),
            "error-rate": (0.0011, 0.0016),
        }
        readings = tuple(
            Reading(version=version, metric=f"iter8-seldon/{metric}", value=value)
            for metric, pair in numbers.items()
            for version, value in zip(("iris-v1", "iris-v2"), pair, strict=True)
        )
        return MetricSample(
            uid=self.uid,
            iteration=iteration,
            of=self.iterations,
            at=self._at(10 * iteration),
            elapsed_seconds=10 * iteration,
            split=split,
            readings=readings,
        )

    def _requests(self, iteration: int) -> tuple[float, float]:
        """Requests served so far: two hundred an interval, by the split in force and some luck."""
        shares = [self.split(i)["iris-v2"] + (i * 5 % 7 - 3) for i in range(iteration)]
        candidate = float(sum(2 * max(share, 0) for share in shares))
        return 200.0 * iteration - candidate, candidate

    def _stage(self, stage: str, reason: str, message: str) -> StageChange:
        change = StageChange(uid=self.uid, stage=stage, reason=reason, message=message)
        return change.about(self.namespace, self.name)

    def _say(self, event: Event) -> Event:
        return event.about(self.namespace, self.name)

    def _at(self, seconds: float) -> datetime:
        return self.start + timedelta(seconds=seconds)
