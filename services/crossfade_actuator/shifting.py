"""Shifting: reads the split of a run as the cluster has it, and brings about the one wanted."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from crossfade.domain.facts import ActionDone, Fact, Fought, Shifted, TargetLost, WeightsRead
from crossfade.domain.runs import RunState, Shift
from crossfade.errors import CrossfadeError, Permanent, Retryable
from crossfade.events import ChangedObject
from crossfade.resources import Document
from crossfade.runtime.clock import Clock

log = logging.getLogger(__name__)


class Observation(Protocol):
    """A split as read from the cluster."""

    @property
    def split(self) -> dict[str, int]:
        """Whole percent by version."""
        ...

    @property
    def objects(self) -> tuple[ChangedObject, ...]:
        """The objects that carry it, each at the version read."""
        ...


class WeightTargets(Protocol):
    """The objects that carry a document's weights."""

    async def read(self, document: Document) -> Any:
        """The split as it stands. Raises Permanent where it cannot be read at all."""
        ...

    async def rehearse(self, document: Document) -> None:
        """Raises Permanent where a write would be refused."""
        ...

    async def write(self, document: Document, observed: Any, wanted: Mapping[str, int]) -> Any:
        """The split after the write, read back. Raises FoughtOver, TargetChanged, Retryable."""
        ...

    def comparable(self, before: Any, after: Any) -> bool:
        """Whether each version's weight stood in the same place both times."""
        ...


@dataclass(frozen=True, slots=True)
class Shifting:
    """What becomes of a look at the weights, as a fact."""

    clock: Clock
    weights: WeightTargets | None = None

    async def weigh(self, document: Document) -> WeightsRead:
        """The split as found, and that it may be written; or what speaks against it."""
        body = document.to_json()
        if self.weights is None:
            if document.moves_weights and any(v.weight_obj_ref for v in document.versions):
                return WeightsRead(self._now(), fault="no cluster to read them from")
            alone = {v.name: 100 if not i else 0 for i, v in enumerate(document.versions)}
            return WeightsRead(self._now(), alone, document=body)
        try:
            observed = await self.weights.read(document)
            if document.moves_weights:
                await self.weights.rehearse(document)
        except Permanent as error:
            return WeightsRead(self._now(), fault=str(error))
        return WeightsRead(self._now(), observed.split, _objects(observed), document=body)

    async def shift(self, state: RunState, document: Document, shift: Shift) -> Fact | None:
        """The wanted split is in force, or why it is not; None where nothing can be written."""
        if self.weights is None:
            return None
        try:
            before = await self.weights.read(document)
        except Permanent as error:
            return TargetLost(self._now(), str(error), readable=False)
        try:
            after = before
            if before.split != shift.split:
                after = await self.weights.write(document, before, shift.split)
        except Retryable as error:
            if not getattr(error, "fought_over", False):
                raise
            return Fought(self._now(), getattr(error, "split", {}), str(error))
        except Permanent as error:
            return TargetLost(self._now(), str(error))
        return self._shifted(state, shift, before, after)

    async def look(self, document: Document) -> Observation | None:
        """The split as it stands; None where that cannot be told, which is nobody's failure."""
        if self.weights is None:
            return None
        try:
            found: Observation = await self.weights.read(document)
        except CrossfadeError as error:
            log.info("weights not readable beside an action", extra={"error": str(error)})
            return None
        return found

    async def acted(
        self, done: ActionDone, before: Observation | None, document: Document
    ) -> ActionDone:
        """An action's end with the split that it left, where the weights stand as they stood.

        A promotion may put another list in their place, in which an index means another version.
        """
        after = await self.look(document) if before is not None else None
        if self.weights is None or after is None or not self.weights.comparable(before, after):
            return done
        return replace(done, observed=after.split, objects=_objects(after))

    def _shifted(
        self, state: RunState, shift: Shift, before: Observation, after: Observation
    ) -> Shifted:
        log.info("weights moved", extra={"run": state.uid, "split": after.split})
        now = self._now()
        return Shifted(
            now,
            shift.iteration,
            state.observed or before.split,
            after.split,
            _objects(after),
            max(0.0, now - shift.since),
        )

    def _now(self) -> float:
        return self.clock().timestamp()


def _objects(observed: Observation) -> tuple[dict[str, str], ...]:
    return tuple(o.model_dump(mode="json", by_alias=True) for o in observed.objects)
