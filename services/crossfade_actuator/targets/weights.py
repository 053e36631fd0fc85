"""Weights of a document in the cluster: read, rehearsed, and written by compare-and-set.

One JSON Patch an object carries all its weights. It tests the object's uid, each neighbour's
identity and each old weight before it adds a new one, so it survives operators' status updates
and refuses late duplicates, reorders, promotions and other people's edits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from crossfade.domain.splits import is_split
from crossfade.errors import Conflict, NotFound, Permanent
from crossfade.resources import DeploymentPattern, Document, ObjectReference
from crossfade_actuator.api import Rejected
from crossfade_actuator.targets.fieldpaths import (
    MISSING,
    FieldPath,
    InvalidTarget,
    look_up,
    parse,
    pointer,
)
from crossfade_actuator.targets.identities import guards
from crossfade_actuator.targets.observations import Carrier, Observed, Place

Operations = list[dict[str, Any]]


class TargetChanged(Permanent):
    """The object is gone, or is no longer the one whose weights we move."""


class FoughtOver(Conflict):
    """Somebody else wrote the weights in between."""

    fought_over = True

    def __init__(self, message: str, split: Mapping[str, int]) -> None:
        super().__init__(message)
        self.split = dict(split)


class Objects(Protocol):
    """Reads and patches any object; the cluster."""

    async def get(self, ref: ObjectReference) -> dict[str, Any]:
        """The object."""
        ...

    async def patch(
        self, ref: ObjectReference, operations: Operations, *, dry_run: bool = False
    ) -> dict[str, Any]:
        """The object after the patch; Rejected where a test failed."""
        ...


@dataclass(frozen=True, slots=True)
class Weights:
    """Moves the weights of documents."""

    cluster: Objects

    async def read(self, document: Document) -> Observed:
        """The split as it stands. Raises InvalidTarget, NotFound, Forbidden, Unreachable."""
        carriers = tuple(
            [
                Carrier(ref, places, await self.cluster.get(ref))
                for ref, places in _grouped(document)
            ]
        )
        return Observed(_split(document, carriers), carriers)

    async def rehearse(self, document: Document) -> None:
        """Write the present weights in a server-side dry run: rights and webhooks speak up now."""
        observed = await self.read(document)
        for carrier in observed.carriers:
            operations = _operations(carrier, observed.split, {}, everything=True)
            try:
                await self.cluster.patch(carrier.ref, operations, dry_run=True)
            except Conflict:
                continue  # somebody wrote meanwhile: not our concern before the start

    async def write(
        self, document: Document, observed: Observed, wanted: Mapping[str, int]
    ) -> Observed:
        """The split after the write, read back.

        Raises FoughtOver, TargetChanged, Rejected, Unreachable. Objects are patched one by one:
        after a failure in between the next look finds what is done and does the rest.
        """
        if not is_split(wanted):
            raise InvalidTarget(
                f"found weights {dict(wanted)}; right are 0…100 that sum to 100"
            )
        for carrier in observed.carriers:
            operations = _operations(carrier, observed.split, wanted)
            if operations:
                await self._patch(document, carrier, operations, wanted)
        after = await self.read(document)
        if after.split != dict(wanted):
            raise FoughtOver(_fight(wanted, after.split), after.split)
        return after

    def comparable(self, before: Observed, after: Observed) -> bool:
        """Whether the same objects carried the weights, each beside the neighbours it had."""
        return [(c.uid, _identities(c)) for c in before.carriers] == [
            (c.uid, _identities(c)) for c in after.carriers
        ]

    async def _patch(
        self,
        document: Document,
        carrier: Carrier,
        operations: Operations,
        wanted: Mapping[str, int],
    ) -> None:
        try:
            await self.cluster.patch(carrier.ref, operations)
        except NotFound as error:
            raise TargetChanged(f"{_named(carrier.ref)} is gone") from error
        except Rejected as error:
            await self._classify(document, carrier, wanted, error)

    async def _classify(
        self,
        document: Document,
        carrier: Carrier,
        wanted: Mapping[str, int],
        error: Rejected,
    ) -> None:
        """A refused patch: done already, another object, somebody else's write, or a real no."""
        try:
            found = await self.cluster.get(carrier.ref)
        except NotFound:
            raise TargetChanged(f"{_named(carrier.ref)} is gone") from error
        now = Carrier(carrier.ref, carrier.places, found)
        if now.uid != carrier.uid or _identities(now) != _identities(carrier):
            raise TargetChanged(f"{_named(carrier.ref)} is no longer what it was") from error
        held = {place.version: now.weight(place) for place in now.places}
        before = {place.version: carrier.weight(place) for place in carrier.places}
        if all(held[version] == wanted[version] for version in held):
            return
        if held == before:
            raise error
        split = (await self.read(document)).split
        raise FoughtOver(_fight(wanted, split), split) from error


def _grouped(document: Document) -> Iterator[tuple[ObjectReference, tuple[Place, ...]]]:
    by: dict[tuple[str, ...], tuple[ObjectReference, list[Place]]] = {}
    for version, ref in document.weight_refs.items():
        key = tuple(map(str, (ref.api_version, ref.kind, ref.namespace, ref.name)))
        by.setdefault(key, (ref, []))[1].append(Place(version, parse(ref.field_path or "")))
    for ref, places in by.values():
        yield ref, tuple(places)


def _split(document: Document, carriers: tuple[Carrier, ...]) -> dict[str, int]:
    known = {p.version: c.weight(p) for c in carriers for p in c.places}
    names = [version.name for version in document.versions]
    unknown = [name for name in names if name not in known]
    if len(unknown) == 1:
        known[unknown[0]] = 100 - sum(known.values())
    elif (
        unknown and len(names) > 1 and document.deployment is not DeploymentPattern.FIXED_SPLIT
    ):
        text = "insufficient number of weightObjRef specified"
        raise InvalidTarget(f"unable to read version weights; {text}")
    return {name: known[name] for name in names if name in known}


def _operations(
    carrier: Carrier,
    old: Mapping[str, int],
    wanted: Mapping[str, int],
    *,
    everything: bool = False,
) -> Operations:
    """The patch of one object; empty where nothing in it changes."""
    changed = [p for p in carrier.places if everything or wanted[p.version] != old[p.version]]
    if not changed:
        return []
    tests: Operations = [{"op": "test", "path": "/metadata/uid", "value": carrier.uid}]
    adds: Operations = []
    for place in carrier.places:
        tests += _tests(carrier, place, old)
        weight = old[place.version] if everything else wanted[place.version]
        adds.append({"op": "add", "path": place.path.pointer, "value": weight})
    return [*tests, *adds]


def _tests(carrier: Carrier, place: Place, old: Mapping[str, int]) -> Operations:
    value = old[place.version] if carrier.present(place) else None
    return [
        *_identity(carrier, place.path),
        {"op": "test", "path": place.path.pointer, "value": value},
    ]


def _identity(carrier: Carrier, path: FieldPath) -> Operations:
    element = path.element
    if element is None:
        return []
    found = look_up(carrier.found, element)
    if found is MISSING or not isinstance(found, Mapping):
        return []
    return guards(str(carrier.ref.kind), found, pointer(element))


def _identities(carrier: Carrier) -> list[Operations]:
    return [_identity(carrier, place.path) for place in carrier.places]


def _named(ref: ObjectReference) -> str:
    return f"{ref.kind} {ref.namespace}/{ref.name}"


def _fight(wanted: Mapping[str, int], found: Mapping[str, int]) -> str:
    def text(split: Mapping[str, int]) -> str:
        return ", ".join(f"{name} {weight} %" for name, weight in split.items())

    return f"somebody else moved the weights: wanted {text(wanted)}, found {text(found)}"
