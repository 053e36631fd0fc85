"""Admission: lets a run in, once, or says every reason why not.

A run is known by its uid: `metadata.uid` on a cluster, else derived from namespace, name and the
command's id, so that a command delivered twice begins one run. Source: architecture §2, Doors.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import orjson

from crossfade.domain.lifecycle import begin, refuse
from crossfade.domain.runs import Plan, RunState
from crossfade.errors import FieldError, Malformed, NotFound
from crossfade.linting import RULES, Rule
from crossfade.resources import (
    Deadlines,
    Decision,
    Document,
    admit,
    condition_of,
    missing_metrics,
    split_body,
)
from crossfade.resources.mistakes import shown
from crossfade.runtime.clock import Clock
from crossfade.runtime.runs import Runs
from crossfade.settings import ActuatorSettings
from crossfade_actuator.advising import advised
from crossfade_actuator.ledger import Ledger

log = logging.getLogger(__name__)

NAMES = uuid.UUID("6f0c7a9e-5d1b-4a52-9b4e-0d2c1f7ab3c4")
"""The namespace of derived uids."""
APPROVAL_SECONDS = 86_400.0
"""How long a gate waits where the document does not say."""
CHAINED = 5
"""How deep sampleSize may refer to a metric that refers to a metric."""


class Catalog(Protocol):
    """Where Experiments and Metrics may be looked up and made; the cluster."""

    async def get_metric(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        """The Metric, or None."""
        ...

    async def create_experiment(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        """The Experiment as created, with its uid. Raises Conflict where the name is taken."""
        ...

    async def delete_experiment(self, namespace: str, name: str, uid: str) -> None:
        """Delete the Experiment of that uid; one that is gone, or another one, is no error."""
        ...

    async def get_experiment(self, namespace: str, name: str) -> Mapping[str, Any] | None:
        """The Experiment, or None."""
        ...


@dataclass(frozen=True, slots=True)
class Admission:
    """Turns the body of a start into a run."""

    ledger: Ledger
    runs: Runs
    settings: ActuatorSettings
    clock: Clock
    catalog: Catalog | None = None
    rules: Sequence[Rule] = RULES
    """What the document is linted by; nothing is refused for it."""

    async def examine(self, body: bytes, *, started: bool = False) -> Document:
        """The resolved document of a start. Raises Malformed with every mistake by field.

        A start action may bring what is missing; not any more once it has `started`. What lint
        finds is among its warnings.
        """
        whole = parsed(body)
        found = await self._find_metrics(whole)
        on_cluster = self.catalog is not None
        document = admit(whole, find_metric=found, on_cluster=on_cluster, started=started)
        return advised(document, self.rules)

    async def open_run(self, document: Document) -> RunState | None:
        """The run of this name still going on. Raises Malformed if it asks for other things."""
        known = await self.ledger.latest(document.namespace, document.name)
        if known is None or known.over:
            return None
        running = await self.runs.document(known.uid, known.revision)
        if not running.asks_the_same(document):
            raise Malformed([FieldError("metadata.name", f"running as {known.uid}")])
        return known

    async def start(self, document: Document, uid: str) -> RunState:
        """The run, begun now or before; the log keeps what nobody may have been answered."""
        if document.warnings:
            log.warning("started with warnings", extra={"run": uid, "told": document.warnings})
        state = begin(
            uid,
            document.namespace,
            document.name,
            document.target,
            plan_of(document, self.settings),
            self.clock().timestamp(),
        )
        await self.ledger.enrol(state, document)
        return await self.ledger.load(uid)

    async def refuse(self, body: Mapping[str, Any], uid: str, error: Malformed) -> RunState:
        """A run that failed before it began, so that its resource's status can say why."""
        metadata = metadata_of(body)
        reason, message = condition_of(error.errors)
        plan = Plan("", (), 1, 1, 1.0, moves_weights=False)
        state = begin(
            uid,
            str(metadata.get("namespace") or "default"),
            str(metadata.get("name") or ""),
            "",
            plan,
            self.clock().timestamp(),
        )
        refused = refuse(replace(state, revision=0), reason, message, self.clock().timestamp())
        await self.ledger.enrol(refused, None)
        return await self.ledger.load(uid)

    async def _find_metrics(self, body: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        found: dict[str, Mapping[str, Any]] = {}
        if self.catalog is None:
            return found
        experiment, given = split_body(body)
        for _ in range(CHAINED):
            missing = _missing(experiment, [*given, *found.values()], found)
            asked = {key: await self.catalog.get_metric(*key.split("/", 1)) for key in missing}
            news = {key: metric for key, metric in asked.items() if metric is not None}
            if not news:
                break
            found |= news
        return found


def _missing(
    experiment: Mapping[str, Any], given: Sequence[Any], found: Mapping[str, Any]
) -> list[str]:
    try:
        return [key for key in missing_metrics(experiment, given) if key not in found]
    except Malformed:
        return []  # `admit` will list every mistake, this one too


def plan_of(document: Document, settings: ActuatorSettings) -> Plan:
    """What the lifecycle needs to know of a document."""
    names = tuple(version.name for version in document.versions)
    decision = document.experiment.spec.decision or Decision()
    deadlines = decision.deadlines or Deadlines()
    return Plan(
        baseline=names[0] if names else "",
        versions=names,
        iterations=document.iterations,
        iterations_per_loop=document.iterations_per_loop,
        interval_seconds=float(document.interval_seconds),
        # Without a cluster nobody need say where weights stand; then nothing can move them.
        moves_weights=document.moves_weights and bool(document.weight_refs),
        actions=tuple(document.actions),
        gates=tuple(decision.gates or ()),
        approval_seconds=float(deadlines.approval or APPROVAL_SECONDS),
        phase_seconds=settings.phase_seconds,
        action_seconds=settings.action_seconds,
    )


def uid_of(experiment: Mapping[str, Any], command: str) -> str:
    """The uid of a start: the resource's own, else one derived from the command's id."""
    metadata = metadata_of(experiment)
    if own := own_uid(experiment):
        return own
    namespace = metadata.get("namespace") or "default"
    return str(uuid.uuid5(NAMES, f"{namespace}/{metadata.get('name')}/{command}"))


def own_uid(experiment: Mapping[str, Any]) -> str:
    """The uid that an API server gave a resource; empty for one that never was on a cluster."""
    return str(metadata_of(experiment).get("uid") or "")


def metadata_of(experiment: Mapping[str, Any]) -> Mapping[str, Any]:
    """The metadata; empty where something else stands in its place, which admission will say."""
    found = experiment.get("metadata")
    return found if isinstance(found, Mapping) else {}


def parsed(body: bytes) -> dict[str, Any]:
    """The body as an object. Raises Malformed where it is none."""
    try:
        whole = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed([FieldError("", f"the body is not JSON: {error}")]) from error
    if not isinstance(whole, dict):
        found = f"found {shown(whole)}"
        raise Malformed([FieldError("", f"{found}; right would be an Experiment as a mapping")])
    return whole


def with_uid(body: bytes, uid: str, resource: Mapping[str, Any] | None = None) -> bytes:
    """A start's body whose experiment carries its uid, as the queue keeps it."""
    whole = parsed(body)
    experiment, metrics = split_body(whole)
    metadata = {**metadata_of(resource or experiment), "uid": uid}
    return orjson.dumps(
        {"experiment": dict(experiment) | {"metadata": metadata}, "metrics": list(metrics)}
    )


def named(body: bytes) -> tuple[str, str, str, dict[str, Any]]:
    """Namespace, name, uid and the whole body of a verb that is not a start.

    Raises Malformed where it names no run.
    """
    whole = parsed(body)
    name, uid = str(whole.get("name") or ""), str(whole.get("uid") or "")
    if not name and not uid:
        raise Malformed([FieldError("name", "is missing; right is the experiment's name")])
    return str(whole.get("namespace") or "default"), name, uid, whole


async def find_run(ledger: Ledger, namespace: str, name: str, uid: str) -> RunState:
    """The run that a verb speaks of. Raises NotFound, naming what was asked for."""
    state = await ledger.load(uid) if uid else await ledger.latest(namespace, name)
    if state is None:
        raise NotFound(f"no experiment {namespace}/{name} has run here")
    return state
