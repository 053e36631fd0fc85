"""How clients find out what is served: /api, /apis, resource lists, OpenAPI v3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crossfade_lab.cluster.kinds import Catalogue, Kind

__all__ = ["VERSION", "document"]

VERSION = {
    "major": "1",
    "minor": "20",
    "gitVersion": "v1.20.2",
    "gitCommit": "crossfade-lab",
    "gitTreeState": "clean",
    "buildDate": "2021-01-13T13:20:00Z",
    "goVersion": "go1.15.5",
    "compiler": "gc",
    "platform": "linux/amd64",
}
_CLIENTS = "serverAddressByClientCIDRs"


def document(catalogue: Catalogue, path: str, address: str) -> dict[str, Any] | None:
    """The discovery document at the path, or None where there is none."""
    steps = path.strip("/").split("/")
    if steps == ["api"]:
        cidrs = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
        return {"kind": "APIVersions", "versions": ["v1"], _CLIENTS: cidrs}
    if steps == ["apis"]:
        groups = [_group(g, v) for g, v in catalogue.served().items() if g]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    if steps[:2] == ["openapi", "v3"]:
        return _openapi(catalogue, steps[2:])
    return _resources(catalogue, steps)


def _resources(catalogue: Catalogue, steps: Sequence[str]) -> dict[str, Any] | None:
    served = catalogue.served()
    if steps[0] == "api" and len(steps) == 2 and steps[1] in served[""]:
        return _resource_list(steps[1], served[""][steps[1]])
    if steps[0] != "apis" or len(steps) not in (2, 3) or steps[1] not in served:
        return None
    versions = served[steps[1]]
    if len(steps) == 2:
        return {"kind": "APIGroup", "apiVersion": "v1", **_group(steps[1], versions)}
    if steps[2] not in versions:
        return None
    return _resource_list("/".join(steps[1:]), versions[steps[2]])


def _group(group: str, versions: Mapping[str, Any]) -> dict[str, Any]:
    listed = [{"groupVersion": f"{group}/{v}", "version": v} for v in _by_priority(versions)]
    return {"name": group, "versions": listed, "preferredVersion": listed[0]}


def _by_priority(versions: Mapping[str, Any]) -> list[str]:
    # v1 before v1beta1 before v1alpha3, as Kubernetes orders them.
    return sorted(versions, key=lambda v: ("alpha" in v, "beta" in v, v))


def _resource_list(group_version: str, kinds: Sequence[Kind]) -> dict[str, Any]:
    resources = [entry for kind in kinds for entry in _entries(kind)]
    named = {"kind": "APIResourceList", "groupVersion": group_version, "resources": resources}
    return {**named, "apiVersion": "v1"} if "/" in group_version else named


def _entries(kind: Kind) -> list[dict[str, Any]]:
    entry: dict[str, Any] = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": list(kind.verbs),
    }
    if kind.short_names:
        entry["shortNames"] = list(kind.short_names)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    if not kind.status:
        return [entry]
    status = {
        "name": f"{kind.plural}/status",
        "singularName": "",
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": ["get", "patch", "update"],
    }
    return [entry, status]


def _openapi(catalogue: Catalogue, steps: Sequence[str]) -> dict[str, Any] | None:
    roots = {kind.root.strip("/") for kind in catalogue}
    if not steps:
        paths = {r: {"serverRelativeURL": f"/openapi/v3/{r}?hash=lab"} for r in sorted(roots)}
        return {"paths": paths}
    root = "/".join(steps)
    if root not in roots:
        return None
    kinds = [kind for kind in catalogue if kind.root == f"/{root}"]
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": VERSION["gitVersion"]},
        "paths": {_item_path(kind): {"patch": _patch(kind)} for kind in kinds},
        "components": {"schemas": {_schema_name(kind): _schema(kind) for kind in kinds}},
    }


def _item_path(kind: Kind) -> str:
    scope = "/namespaces/{namespace}" if kind.namespaced else ""
    return f"{kind.root}{scope}/{kind.plural}/{{name}}"


def _gvk(kind: Kind) -> dict[str, str]:
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}


def _patch(kind: Kind) -> dict[str, Any]:
    # kubectl ≥ 1.27 refuses to validate on the server unless it finds fieldValidation here.
    names = ("dryRun", "fieldManager", "fieldValidation", "force")
    return {
        "x-kubernetes-action": "patch",
        "x-kubernetes-group-version-kind": _gvk(kind),
        "parameters": [
            {"name": name, "in": "query", "schema": {"type": "string"}} for name in names
        ],
        "responses": {"200": {"description": "OK"}},
    }


def _schema_name(kind: Kind) -> str:
    group = ".".join(reversed(kind.group.split("."))) if kind.group else "core"
    return f"{group}.{kind.version}.{kind.kind}"


def _schema(kind: Kind) -> dict[str, Any]:
    base = {"type": "object", **kind.schema}
    properties = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
        **(base.get("properties") or {}),
    }
    return {**base, "properties": properties, "x-kubernetes-group-version-kind": [_gvk(kind)]}
