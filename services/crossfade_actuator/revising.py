"""Revising: the document of a run that goes on, as somebody changed it or its start action left it.

Revisions only ever grow. An Experiment's generation says which of two states of it is the newer
one, so an edit that is delivered late, or once more, changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from crossfade.domain.facts import Deleted, Edited, Fact, Readmitted
from crossfade.domain.runs import Phase, RunState
from crossfade.errors import Malformed
from crossfade.resources import Document, Metric, condition_of, split_body
from crossfade_actuator.admission import Admission, metadata_of, parsed, plan_of

UNFINISHED = (Phase.WAITING, Phase.STARTING, Phase.ADMITTING)
"""Where a start action may still bring what is missing."""


@dataclass(frozen=True, slots=True)
class Revising:
    """Admits the document of a run again, and keeps it under its next revision."""

    admission: Admission

    async def edit(self, state: RunState, body: bytes) -> RunState:
        """The run under a new revision of its document, if it asks for anything else now.

        Metrics stay as they were when the run began (v2alpha2 §3.5), new ones are looked up.
        """
        experiment, given = split_body(parsed(body))
        present = await self._present(state)
        if not _newer(experiment, present):
            return state
        kept = _but(present.metrics.values(), given)
        started = state.phase not in UNFINISHED
        document = await self._admitted(experiment, [*given, *kept], started=started)
        same = present.asks_the_same(document)
        if same and not state.refused:
            return state
        revision = state.revision if same else await self._kept(state, document)
        plan = plan_of(document, self.admission.settings)
        return await self.admission.ledger.apply(state.uid, Edited(self._now(), revision, plan))

    async def readmit(self, state: RunState) -> Fact:
        """The document as the start action left it; this time everything has to be there.

        Metrics that were the cluster's are read again: upstream takes its copy at this moment,
        and a start action may have brought or changed them (v2alpha2 §3.2, steps 8 and 9).
        Raises Unreachable.
        """
        present = await self._present(state)
        experiment = await self._experiment(state, present)
        if experiment is None:
            return Deleted(self._now())
        try:
            document = await self._admitted(experiment, self._given(present), started=True)
        except Malformed as error:
            reason, message = condition_of(error.errors)
            return Readmitted(self._now(), state.revision, reason=reason, fault=message)
        if present.asks_the_same(document):
            return Readmitted(self._now(), state.revision)
        revision = await self._kept(state, document)
        plan = plan_of(document, self.admission.settings)
        return Readmitted(self._now(), revision, plan)

    async def _experiment(self, state: RunState, present: Document) -> Mapping[str, Any] | None:
        """The resource as it is now, None where it is gone; without a cluster what was given."""
        catalog = self.admission.catalog
        if catalog is None:
            return present.experiment.dump()
        found = await catalog.get_experiment(state.namespace, state.name)
        alive = found is not None and str(found["metadata"]["uid"]) == state.uid
        return found if alive else None

    def _given(self, present: Document) -> list[Mapping[str, Any]]:
        """The metrics that came along with the start; those of a cluster have a uid."""
        alone = self.admission.catalog is None
        metrics = present.metrics.values()
        return [m.dump() for m in metrics if alone or m.metadata.uid is None]

    async def _admitted(
        self, experiment: Mapping[str, Any], metrics: Sequence[Any], *, started: bool
    ) -> Document:
        whole = {"experiment": experiment, "metrics": metrics}
        return await self.admission.examine(orjson.dumps(whole), started=started)

    async def _kept(self, state: RunState, document: Document) -> int:
        return await self.admission.ledger.keep_next(state.uid, state.revision, document)

    async def _present(self, state: RunState) -> Document:
        return await self.admission.runs.document(state.uid, state.revision)

    def _now(self) -> float:
        return self.admission.clock().timestamp()


def _newer(experiment: Mapping[str, Any], present: Document) -> bool:
    """Whether this is not the state that the run knows, or an older one."""
    generation = metadata_of(experiment).get("generation")
    known = present.experiment.metadata.generation
    return generation is None or known is None or generation > known


def _but(metrics: Iterable[Metric], given: Sequence[Any]) -> list[Mapping[str, Any]]:
    """The metrics of a run that a body does not bring along itself."""
    named = {_place(metric) for metric in given if isinstance(metric, Mapping)}
    kept = [metric.dump() for metric in metrics]
    return [metric for metric in kept if _place(metric) not in named]


def _place(metric: Mapping[str, Any]) -> tuple[str, str]:
    meta = metadata_of(metric)
    return str(meta.get("namespace") or "default"), str(meta.get("name"))
