"""What was read of the objects that carry a document's weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from crossfade.events import ChangedObject
from crossfade.resources import ObjectReference
from crossfade_actuator.targets.fieldpaths import MISSING, FieldPath, InvalidTarget, look_up
from crossfade_actuator.targets.identities import ABSENT_MEANS_ZERO, ALONE_MEANS_ALL


@dataclass(frozen=True, slots=True)
class Place:
    """Where one version's weight stands."""

    version: str
    path: FieldPath


@dataclass(frozen=True, slots=True)
class Carrier:
    """One object, as read, and the weights that it carries."""

    ref: ObjectReference
    places: tuple[Place, ...]
    found: dict[str, Any]

    @property
    def uid(self) -> str:
        """The object's own identity."""
        return str(self.found["metadata"]["uid"])

    def weight(self, place: Place) -> int:
        """A version's weight in percent. Raises InvalidTarget where there is no integer."""
        value = look_up(self.found, place.path.tokens)
        if value is MISSING or value is None:
            return self._absent(place)
        if isinstance(value, bool) or not isinstance(value, int):
            text = f"{place.path.tokens[-1]} is {value!r}, not an integer"
            raise InvalidTarget(f"{text}: {self._named(place)}")
        return value

    def present(self, place: Place) -> bool:
        """Whether the field is there at all."""
        return look_up(self.found, place.path.tokens) not in (MISSING, None)

    def _absent(self, place: Place) -> int:
        kind, parent = str(self.ref.kind), look_up(self.found, place.path.tokens[:-1])
        field = place.path.tokens[-1]
        if parent is MISSING or kind not in ABSENT_MEANS_ZERO:
            raise InvalidTarget(f"{field} is not found: {self._named(place)}")
        element = place.path.element
        siblings = look_up(self.found, element[:-1]) if element else ()
        alone = kind in ALONE_MEANS_ALL and isinstance(siblings, list) and len(siblings) == 1
        return 100 if alone else 0

    def _named(self, place: Place) -> str:
        """A field as its author may look for it."""
        ref, path = self.ref, place.path.written
        return f"{path} of {ref.kind} {ref.namespace}/{ref.name}, the weight of {place.version}"

    def described(self) -> ChangedObject:
        """The object at the version read, for the event log."""
        meta = self.found["metadata"]
        return ChangedObject(
            kind=str(self.ref.kind),
            namespace=str(meta.get("namespace") or ""),
            name=str(meta["name"]),
            resource_version=str(meta.get("resourceVersion") or ""),
        )


@dataclass(frozen=True, slots=True)
class Observed:
    """A split as it stands in the cluster, with the objects that carry it."""

    split: dict[str, int]
    carriers: tuple[Carrier, ...]

    @property
    def objects(self) -> tuple[ChangedObject, ...]:
        """The objects at the versions read."""
        return tuple(carrier.described() for carrier in self.carriers)
