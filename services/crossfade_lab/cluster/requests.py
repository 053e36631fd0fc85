"""What a request is about: which kind, which object, in which way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from crossfade_lab.cluster.kinds import Catalogue, Kind
from crossfade_lab.cluster.statuses import Status, bad_request, no_resource

__all__ = ["How", "Target", "checked", "flag", "how", "target"]


@dataclass(frozen=True, slots=True)
class Target:
    """A kind and, where the path names them, a namespace, an object and a part of it."""

    kind: Kind
    namespace: str = ""
    name: str = ""
    part: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Where the object lies in the store."""
        return (self.namespace if self.kind.namespaced else "", self.name)


@dataclass(frozen=True, slots=True)
class How:
    """How to write: on whose behalf, for real or not, over whose claims."""

    manager: str = "unknown"
    dry_run: bool = False
    force: bool = False
    strict: bool = False


def target(catalogue: Catalogue, path: str) -> Target | None:
    """What the path addresses, None for a path outside the API; Status 404 inside it."""
    steps = path.strip("/").split("/")
    if steps[0] == "api" and len(steps) > 2:
        group, version, rest = "", steps[1], steps[2:]
    elif steps[0] == "apis" and len(steps) > 3:
        group, version, rest = steps[1], steps[2], steps[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    kind = catalogue.at(group, version, rest[0])
    if kind is None or len(rest) > 3 or (namespace and not kind.namespaced):
        raise _unknown(catalogue, group, version)
    name, part = [*rest[1:], "", ""][:2]
    if part not in _parts(kind):
        raise no_resource()
    return Target(kind, namespace, name, part)


def _parts(kind: Kind) -> tuple[str, ...]:
    more = ("finalize",) if kind.kind == "Namespace" else ()
    return ("", *(("status",) if kind.status else ()), *more)


def _unknown(catalogue: Catalogue, group: str, version: str) -> Status:
    # The real server words it by who would have answered: itself, or the definitions' part of it.
    kinds = catalogue.served().get(group, {}).get(version, [])
    if kinds and not kinds[0].custom:
        return no_resource()
    return Status(404, "", "404 page not found")


def flag(query: Mapping[str, str], key: str) -> bool:
    """Whether a parameter is set, in any of the ways that Go reads as true."""
    return query.get(key) in ("true", "True", "TRUE", "t", "T", "1")


def how(query: Mapping[str, str], agent: str) -> How:
    """The options of a write; Status 400 for a dryRun that is not `All`."""
    dry = query.get("dryRun", "")
    if dry not in ("", "All"):
        raise bad_request(f'dryRun: Unsupported value: "{dry}": supported values: "All"')
    manager = query.get("fieldManager") or agent.split("/", 1)[0] or "unknown"
    return How(
        manager, dry == "All", flag(query, "force"), query.get("fieldValidation") == "Strict"
    )


def checked(at: Target, body: Any) -> dict[str, Any]:
    """The body, with metadata at least; Status 400 where it is something else than the path says.

    Also for metadata that no client library could read.
    """
    if not isinstance(body, dict):
        raise bad_request("the body of the request is not an object")
    said = (body.get("apiVersion") or at.kind.api_version, body.get("kind") or at.kind.kind)
    if said != (at.kind.api_version, at.kind.kind):
        raise _mismatch(at.kind, *said)
    metadata = body.get("metadata") or {}
    _check_form(at.kind, body, metadata)
    if at.kind.namespaced and (metadata.get("namespace") or at.namespace) != at.namespace:
        text = (
            "the namespace of the provided object does not match the namespace sent on the "
            "request"
        )
        raise bad_request(text)
    if at.name and (metadata.get("name") or at.name) != at.name:
        text = (
            f"the name of the object ({metadata['name']}) does not match the name on the URL "
            f"({at.name})"
        )
        raise bad_request(text)
    return {**body, "metadata": metadata}


def _check_form(kind: Kind, body: dict[str, Any], metadata: Any) -> None:
    if not isinstance(metadata, dict):
        raise bad_request("metadata: expected an object")
    for key, (fits, wanted) in _FORMS.items():
        if metadata.get(key) is not None and not fits(metadata[key]):
            raise bad_request(f"metadata.{key}: expected {wanted}")
    for key in () if kind.custom else _OBJECTS:
        if not isinstance(body.get(key), dict | None):
            raise bad_request(f"{key}: expected an object")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


def _is_list_of(sort: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(isinstance(v, sort) for v in value)


_OBJECTS = ("spec", "status", "data", "stringData", "source", "involvedObject")
_FORMS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(
        ("name", "generateName", "namespace", "uid", "resourceVersion"), (_is_text, "a string")
    ),
    **dict.fromkeys(("labels", "annotations"), (_is_texts, "an object of strings")),
    "finalizers": (_is_list_of(str), "a list of strings"),
    "ownerReferences": (_is_list_of(dict), "a list of objects"),
    "managedFields": (_is_list_of(dict), "a list of objects"),
}


def _mismatch(kind: Kind, api_version: Any, name: Any) -> Status:
    if api_version != kind.api_version:
        text = (
            f"the API version in the data ({api_version}) does not match the expected API "
            f"version ({kind.api_version})"
        )
        return bad_request(text)
    return bad_request(
        f"the kind in the data ({name}) does not match the expected ({kind.kind})"
    )
