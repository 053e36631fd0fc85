"""CustomResourceDefinitions: checked, completed, and turned into served kinds."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from crossfade_lab.cluster.kinds import defined
from crossfade_lab.cluster.statuses import Cause, invalid

__all__ = ["accepted", "checked"]

_APPROVAL = "api-approved.kubernetes.io"


def checked(definition: Mapping[str, Any]) -> None:
    """Status 422 with every mistake that would keep the definition from being served."""
    causes = list(_mistakes(definition))
    if causes:
        name = definition["metadata"].get("name", "")
        raise invalid("CustomResourceDefinition", "apiextensions.k8s.io", name, causes)


def _mistakes(definition: Mapping[str, Any]) -> Iterator[Cause]:
    spec = definition.get("spec") or {}
    names, group = spec.get("names") or {}, spec.get("group", "")
    wanted = f"{names.get('plural', '')}.{group}"
    name = definition["metadata"].get("name")
    if name != wanted:
        text = f'Invalid value: "{name}": must be spec.names.plural+"."+spec.group'
        yield Cause("metadata.name", text)
    for key in ("plural", "kind"):
        if not names.get(key):
            yield Cause(f"spec.names.{key}", "Required value", "FieldValueRequired")
    if spec.get("scope") not in ("Namespaced", "Cluster"):
        yield Cause("spec.scope", "Required value", "FieldValueRequired")
    yield from _version_mistakes(spec)
    annotations = definition["metadata"].get("annotations") or {}
    if re.search(r"(^|\.)(k8s|kubernetes)\.io$", group) and _APPROVAL not in annotations:
        text = f"Required value: protected groups must have approval annotation {_APPROVAL!r}"
        yield Cause(f"metadata.annotations[{_APPROVAL}]", text, "FieldValueRequired")


def _version_mistakes(spec: Mapping[str, Any]) -> Iterator[Cause]:
    versions = spec.get("versions") or []
    if sum(bool(v.get("storage")) for v in versions) != 1:
        text = "Invalid value: must have exactly one version marked as storage version"
        yield Cause("spec.versions", text)
    if spec.get("preserveUnknownFields"):
        text = "Invalid value: true: must be false in order to use defaults in the schema"
        yield Cause("spec.preserveUnknownFields", text)
    for index, version in enumerate(versions):
        if not (version.get("schema") or {}).get("openAPIV3Schema"):
            text = "Required value: schemas are required"
            field = f"spec.versions[{index}].schema.openAPIV3Schema"
            yield Cause(field, text, "FieldValueRequired")


def accepted(definition: dict[str, Any], now: str) -> dict[str, Any]:
    """The definition with names completed and its Established condition, served at once."""
    first = defined(definition)[0] if definition["spec"].get("versions") else None
    spec = {"conversion": {"strategy": "None"}, **definition["spec"]}
    if first is not None:
        spec["names"] = {
            "listKind": first.list_kind,
            "singular": first.singular,
            **spec["names"],
        }
    stored = [v["name"] for v in spec["versions"] if v.get("storage")]
    conditions = [
        _condition("NamesAccepted", "NoConflicts", "no conflicts found", now),
        _condition(
            "Established", "InitialNamesAccepted", "the initial names have been accepted", now
        ),
    ]
    status = {
        "conditions": (definition.get("status") or {}).get("conditions") or conditions,
        "acceptedNames": spec["names"],
        "storedVersions": stored,
    }
    return {**definition, "spec": spec, "status": status}


def _condition(sort: str, reason: str, message: str, now: str) -> dict[str, str]:
    return {
        "type": sort,
        "status": "True",
        "lastTransitionTime": now,
        "reason": reason,
        "message": message,
    }
