"""Every way to change an object: create, replace, patch, apply, delete.

All of them end in `_commit`: what may change, schema, admission, generation, ownership, store.
"""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from crossfade_lab.cluster import definitions, statuses
from crossfade_lab.cluster.admission import Hook
from crossfade_lab.cluster.fillings import filled
from crossfade_lab.cluster.kinds import Catalogue, Kind, defined
from crossfade_lab.cluster.ownership import Owner, applied, owners_of, recorded, written
from crossfade_lab.cluster.requests import How, Target, check_identity
from crossfade_lab.cluster.schemas import defaulted, mistakes, pruned, undeclared
from crossfade_lab.cluster.statuses import Cause, Status
from crossfade_lab.cluster.storage import Store

__all__ = ["Writer"]

Object = dict[str, Any]
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAME_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    f"for validation is '{_NAME.pattern}')"
)
_KEPT = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "selfLink")
_EMPTY_IS_ABSENT = ("labels", "annotations", "finalizers", "ownerReferences", "managedFields")


class Writer:
    """Changes objects in the store by the API server's rules."""

    def __init__(self, store: Store, catalogue: Catalogue, admission: Sequence[Hook]) -> None:
        self._store = store
        self._catalogue = catalogue
        self._admission = admission

    def create(self, at: Target, body: Any, how: How) -> Object:
        """The new object; Status 404 without its namespace, 409 if it exists."""
        check_identity(at, body)
        metadata = dict(body.get("metadata") or {})
        name = metadata.get("name") or _generated(metadata)
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
        check_identity(at, body)
        live = self.live(at)
        if at.kind.custom and not (body.get("metadata") or {}).get("resourceVersion"):
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
        check_identity(at, wanted)
        uid = wanted["metadata"].get("uid")
        if uid not in (None, live["metadata"]["uid"]):
            text = f'Invalid value: "{uid}": field is immutable'
            cause = Cause("metadata.uid", text)
            raise statuses.invalid(at.kind.kind, at.kind.group, at.name, [cause])
        return self._commit(at, live, wanted, how)

    def apply(self, at: Target, body: Any, how: How) -> tuple[Object, bool]:
        """The object after server-side apply, and whether it is new."""
        check_identity(at, body)
        self._check_namespace(at)
        live = self._store.get(at.kind.storage, at.key)
        metadata = {"name": at.name, **(body.get("metadata") or {})}
        wanted = {**body, "metadata": metadata}
        writer = Owner(how.manager, "Apply", at.kind.api_version, _now(), frozenset())
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
                "deletionTimestamp": _now(),
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
            _refuse_undeclared(kind, wanted)
        new = _shaped(at, live, wanted)
        self._check_schema(at, new)
        new = _generation(kind, live, new)
        if kind.kind == "CustomResourceDefinition":
            definitions.checked(new)
            new = definitions.accepted(new, _now())
        self._admit("UPDATE" if live else "CREATE", live, new)
        if live is None and self._store.get(kind.storage, at.key):
            raise statuses.exists(kind.plural, kind.group, at.name)
        if owners is None:
            writer = Owner(how.manager, "Update", kind.api_version, _now(), frozenset())
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
        causes = [*_name_mistakes(at.name)]
        if at.kind.custom:
            causes += mistakes(new, at.kind.schema)
        if causes:
            raise statuses.invalid(at.kind.kind, at.kind.group, at.name, causes)


def _refuse_undeclared(kind: Kind, wanted: Object) -> None:
    # 1.20 drops unknown fields without a word; newer servers refuse them to a kubectl that asks.
    unknown = [f'unknown field "{f}"' for f in undeclared(wanted, kind.schema, embedded=True)]
    if unknown:
        raise statuses.bad_request(
            f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: '
            f"strict decoding error: {', '.join(unknown)}"
        )


def _name_mistakes(name: str) -> Iterator[Cause]:
    if not _NAME.fullmatch(name) or len(name) > 253:
        yield Cause("metadata.name", f'Invalid value: "{name}": {_NAME_RULE}')


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _generated(metadata: Mapping[str, Any]) -> str:
    prefix = metadata.get("generateName")
    return f"{prefix}{secrets.token_hex(3)[:5]}" if prefix else ""


def _shaped(at: Target, live: Object | None, wanted: Object) -> Object:
    """What may be written here: status apart from the rest, unknown fields dropped."""
    kind = at.kind
    new = {**wanted, "apiVersion": kind.api_version, "kind": kind.kind}
    new["metadata"] = _metadata(at, live, wanted["metadata"])
    if at.part == "status" and live is not None:
        new = {**live, "apiVersion": kind.api_version, "status": wanted.get("status")}
    elif kind.status:
        new["status"] = (live or {}).get("status")
    if kind.status and new["status"] is None:
        del new["status"]
    if kind.custom:
        return dict(defaulted(pruned(new, kind.schema, embedded=True), kind.schema))
    return filled(kind, new)


def _metadata(at: Target, live: Object | None, wanted: Mapping[str, Any]) -> Object:
    metadata = {
        key: value
        for key, value in wanted.items()
        if key not in _KEPT and not (key in _EMPTY_IS_ABSENT and not value)
    }
    metadata["name"] = at.name
    if at.kind.namespaced:
        metadata["namespace"] = at.namespace
    if live is None:
        metadata["uid"] = str(uuid.uuid4())
        metadata["creationTimestamp"] = _now()
    else:
        metadata |= {key: live["metadata"][key] for key in _KEPT if key in live["metadata"]}
        metadata["resourceVersion"] = live["metadata"]["resourceVersion"]
    return metadata


def _generation(kind: Kind, live: Object | None, new: Object) -> Object:
    if not kind.generation:
        return new
    before = (live or {}).get("metadata", {}).get("generation", 0)
    left_out = ("metadata", "apiVersion", *(("status",) if kind.status else ()))
    changed = live is None or any(
        live.get(key) != new.get(key) for key in live.keys() | new.keys() if key not in left_out
    )
    return {**new, "metadata": {**new["metadata"], "generation": before + changed}}


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
