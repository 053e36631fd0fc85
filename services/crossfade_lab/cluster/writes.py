"""Every way to change an object: create, replace, patch, apply, delete.

All of them end in `_commit`: what may change, schema, admission, generation, ownership, store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from crossfade_lab.cluster import definitions, statuses
from crossfade_lab.cluster.admission import Hook
from crossfade_lab.cluster.kinds import Catalogue, defined
from crossfade_lab.cluster.ownership import Owner, applied, owners_of, recorded, written
from crossfade_lab.cluster.requests import How, Target, checked
from crossfade_lab.cluster.schemas import mistakes
from crossfade_lab.cluster.shaping import (
    generated,
    name_mistakes,
    now,
    refuse_undeclared,
    shaped,
    with_generation,
)
from crossfade_lab.cluster.statuses import Cause, Status
from crossfade_lab.cluster.storage import Store

__all__ = ["Writer"]

Object = dict[str, Any]


class Writer:
    """Changes objects in the store by the API server's rules."""

    def __init__(self, store: Store, catalogue: Catalogue, admission: Sequence[Hook]) -> None:
        self._store = store
        self._catalogue = catalogue
        self._admission = admission

    def create(self, at: Target, body: Any, how: How) -> Object:
        """The new object; Status 404 without its namespace, 409 if it exists."""
        body = checked(at, body)
        metadata = dict(body["metadata"])
        name = metadata.get("name") or generated(metadata)
        if not name:
            text = "Required value: name or generateName is required"
            cause = Cause("metadata.name", text, "FieldValueRequired")
            raise statuses.invalid(at.kind.kind, at.kind.group, "", [cause])
        if metadata.pop("resourceVersion", None):
            text = "resourceVersion should not be set on objects to be created"
            raise Status(500, "", text)
        at = Target(at.kind, at.namespace, name)
        self._check_namespace(at)
        return self._commit(at, None, {**body, "metadata": {**metadata, "name": name}}, how)

    def replace(self, at: Target, body: Any, how: How) -> Object:
        """The object after PUT; Status 409 for a stale version or another uid."""
        body = checked(at, body)
        live = self.live(at)
        if at.kind.custom and not body["metadata"].get("resourceVersion"):
            text = "Invalid value: 0x0: must be specified for an update"
            cause = Cause("metadata.resourceVersion", text)
            raise statuses.invalid(at.kind.plural, at.kind.group, at.name, [cause])
        return self._commit(at, live, body, how)

    def patch(self, at: Target, change: Callable[[Object], Any], how: How) -> Object:
        """The object after `change`, which gets it and returns what it should be."""
        live = self.live(at)
        shown = {**live, "apiVersion": at.kind.api_version}
        wanted = change(shown)
        if not isinstance(wanted, dict) or not isinstance(wanted.get("metadata"), dict):
            raise statuses.unprocessable()
        wanted = checked(at, wanted)
        uid = wanted["metadata"].get("uid")
        if uid not in (None, live["metadata"]["uid"]):
            text = f'Invalid value: "{uid}": field is immutable'
            cause = Cause("metadata.uid", text)
            raise statuses.invalid(at.kind.kind, at.kind.group, at.name, [cause])
        return self._commit(at, live, wanted, how)

    def apply(self, at: Target, body: Any, how: How) -> tuple[Object, bool]:
        """The object after server-side apply, and whether it is new."""
        body = checked(at, body)
        self._check_namespace(at)
        live = self._store.get(at.kind.storage, at.key)
        metadata = {"name": at.name, **body["metadata"]}
        wanted = {**body, "metadata": metadata}
        writer = Owner(how.manager, "Apply", at.kind.api_version, now(), frozenset())
        merged, owners = applied(
            owners_of(live), live, wanted, at.kind.schema, writer, force=how.force
        )
        return self._commit(at, live, merged, how, owners), live is None

    def delete(self, at: Target, options: Mapping[str, Any], how: How) -> tuple[Object, bool]:
        """The object as it was last, and whether it is gone; finalizers keep it."""
        live = self.live(at)
        self._check_preconditions(at, live, options.get("preconditions") or {})
        self._admit("DELETE", live, None)
        if how.dry_run:
            return live, True
        metadata = live["metadata"]
        if metadata.get("finalizers"):
            if "deletionTimestamp" in metadata:
                return live, False
            doomed = {
                **metadata,
                "deletionTimestamp": now(),
                "deletionGracePeriodSeconds": 0,
                **(
                    {"generation": metadata["generation"] + 1}
                    if "generation" in metadata
                    else {}
                ),
            }
            return self._store.put(at.kind.storage, at.key, {**live, "metadata": doomed}), False
        return self._dropped(at, live), True

    def live(self, at: Target) -> Object:
        """The object as it is stored; Status 404."""
        found = self._store.get(at.kind.storage, at.key)
        if found is None:
            raise statuses.missing(at.kind.plural, at.kind.group, at.name)
        return found

    def _commit(
        self,
        at: Target,
        live: Object | None,
        wanted: Object,
        how: How,
        owners: list[Owner] | None = None,
    ) -> Object:
        kind = at.kind
        if live is not None:
            self._check_preconditions(at, live, wanted["metadata"])
        if how.strict and kind.custom:
            refuse_undeclared(kind, wanted)
        new = shaped(at, live, wanted)
        self._check_schema(at, new)
        new = with_generation(kind, live, new)
        if kind.kind == "CustomResourceDefinition":
            definitions.checked(new)
            new = definitions.accepted(new, now())
        self._admit("UPDATE" if live else "CREATE", live, new)
        if live is None and self._store.get(kind.storage, at.key):
            raise statuses.exists(kind.plural, kind.group, at.name)
        if owners is None:
            writer = Owner(how.manager, "Update", kind.api_version, now(), frozenset())
            owners = written(owners_of(live), live, new, kind.schema, writer)
        new = _owned(new, live, owners)
        if how.dry_run or (live is not None and _same(live, new)):
            return new if how.dry_run else live or new
        return self._stored(at, new)

    def _stored(self, at: Target, new: Object) -> Object:
        metadata = new["metadata"]
        if "deletionTimestamp" in metadata and not metadata.get("finalizers"):
            self._dropped(at, new)
            return new
        stored = self._store.put(at.kind.storage, at.key, new)
        if at.kind.kind == "CustomResourceDefinition":
            for kind in defined(stored):
                self._store.opened(kind.storage)
                self._catalogue.add(kind)
        return stored

    def _dropped(self, at: Target, live: Object) -> Object:
        last = self._store.drop(at.kind.storage, at.key) or live
        if at.kind.kind == "Namespace":
            self._empty(at.name)
        elif at.kind.kind == "CustomResourceDefinition":
            self._undefine(live)
        return last

    def _empty(self, namespace: str) -> None:
        for place in {kind.storage for kind in self._catalogue if kind.namespaced}:
            for key, _ in self._store.items(place, namespace):
                self._store.drop(place, key)

    def _undefine(self, definition: Object) -> None:
        place = (definition["spec"]["group"], definition["spec"]["names"]["plural"])
        for key, _ in self._store.items(place):
            self._store.drop(place, key)
        self._catalogue.remove(*place)
        self._store.hang_up(place)

    def _admit(self, verb: str, old: Object | None, new: Object | None) -> None:
        for hook in self._admission:
            hook(verb, old, new)

    def _check_namespace(self, at: Target) -> None:
        if at.kind.namespaced and not self._store.get(("", "namespaces"), ("", at.namespace)):
            raise statuses.missing("namespaces", "", at.namespace)

    def _check_preconditions(self, at: Target, live: Object, wanted: Mapping[str, Any]) -> None:
        uid, version = wanted.get("uid"), wanted.get("resourceVersion")
        kind, metadata = at.kind, live["metadata"]
        if uid and uid != metadata["uid"]:
            why = (
                f"Precondition failed: UID in precondition: {uid}, "
                f"UID in object meta: {metadata['uid']}"
            )
            raise statuses.conflict(kind.plural, kind.group, at.name, why)
        if version and version != metadata["resourceVersion"]:
            raise statuses.conflict(kind.plural, kind.group, at.name)

    def _check_schema(self, at: Target, new: Object) -> None:
        causes = [*name_mistakes(at.name)]
        if at.kind.custom:
            causes += mistakes(new, at.kind.schema)
        if causes:
            raise statuses.invalid(at.kind.kind, at.kind.group, at.name, causes)


def _owned(new: Object, live: Object | None, owners: list[Owner]) -> Object:
    entries = recorded(owners)
    before = ((live or {}).get("metadata") or {}).get("managedFields") or []
    if _timeless(entries) == _timeless(before):
        entries = before
    metadata = {**new["metadata"], **({"managedFields": entries} if entries else {})}
    return {**new, "metadata": metadata}


def _timeless(entries: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [{key: value for key, value in e.items() if key != "time"} for e in entries]


def _same(live: Object, new: Object) -> bool:
    return {**live, "apiVersion": ""} == {**new, "apiVersion": ""}
