"""What of a written object is taken: its author's part, by the schema; the rest is the server's."""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from crossfade_lab.cluster import statuses
from crossfade_lab.cluster.fillings import filled
from crossfade_lab.cluster.kinds import Kind
from crossfade_lab.cluster.requests import Target
from crossfade_lab.cluster.schemas import defaulted, pruned, undeclared
from crossfade_lab.cluster.statuses import Cause

__all__ = [
    "generated",
    "name_mistakes",
    "now",
    "refuse_undeclared",
    "shaped",
    "with_generation",
]

Object = dict[str, Any]
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NAME_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    f"for validation is '{_NAME.pattern}')"
)
_KEPT = ("uid", "creationTimestamp", "generation", "deletionTimestamp", "selfLink")
_EMPTY_IS_ABSENT = ("labels", "annotations", "finalizers", "ownerReferences", "managedFields")


def refuse_undeclared(kind: Kind, wanted: Object) -> None:
    """Status 400 that names every field which the schema does not declare."""
    # 1.20 drops unknown fields without a word; newer servers refuse them to a kubectl that asks.
    unknown = [f'unknown field "{f}"' for f in undeclared(wanted, kind.schema, embedded=True)]
    if unknown:
        raise statuses.bad_request(
            f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: '
            f"strict decoding error: {', '.join(unknown)}"
        )


def name_mistakes(name: str) -> Iterator[Cause]:
    """What is wrong with an object's name: nothing, or one thing."""
    if not _NAME.fullmatch(name) or len(name) > 253:
        yield Cause("metadata.name", f'Invalid value: "{name}": {_NAME_RULE}')


def now() -> str:
    """This second, as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def generated(metadata: Mapping[str, Any]) -> str:
    """A name made from `generateName`, or '' without one."""
    prefix = metadata.get("generateName")
    return f"{prefix}{secrets.token_hex(3)[:5]}" if prefix else ""


def shaped(at: Target, live: Object | None, wanted: Object) -> Object:
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
        metadata["creationTimestamp"] = now()
    else:
        metadata |= {key: live["metadata"][key] for key in _KEPT if key in live["metadata"]}
        metadata["resourceVersion"] = live["metadata"]["resourceVersion"]
    return metadata


def with_generation(kind: Kind, live: Object | None, new: Object) -> Object:
    """The object one generation on, if what its author asks for has changed."""
    if not kind.generation:
        return new
    before = (live or {}).get("metadata", {}).get("generation", 0)
    left_out = ("metadata", "apiVersion", *(("status",) if kind.status else ()))
    changed = live is None or any(
        live.get(key) != new.get(key) for key in live.keys() | new.keys() if key not in left_out
    )
    return {**new, "metadata": {**new["metadata"], "generation": before + changed}}
