"""What the API server itself fills into new objects of the built-in kinds."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from crossfade_lab.cluster.kinds import Kind

__all__ = ["filled"]

Object = dict[str, Any]


def filled(kind: Kind, item: Object) -> Object:
    """The object with the defaults that clients look at; pods are left as they are."""
    fill = _FILLINGS.get((kind.group, kind.kind))
    return fill(item) if fill else item


def _namespace(item: Object) -> Object:
    return {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}, **item}


def _secret(item: Object) -> Object:
    plain = item.get("stringData") or {}
    rest = {key: value for key, value in item.items() if key != "stringData"}
    coded = {key: base64.b64encode(str(text).encode()).decode() for key, text in plain.items()}
    if coded:
        rest["data"] = {**(rest.get("data") or {}), **coded}
    return {"type": "Opaque", **rest}


def _service(item: Object) -> Object:
    spec = {"type": "ClusterIP", "sessionAffinity": "None", **(item.get("spec") or {})}
    if isinstance(spec.get("ports"), list):
        spec["ports"] = [
            {"protocol": "TCP", "targetPort": port.get("port"), **port}
            for port in spec["ports"]
        ]
    return {**item, "spec": spec, "status": item.get("status") or {"loadBalancer": {}}}


def _deployment(item: Object) -> Object:
    spec = {"replicas": 1, "revisionHistoryLimit": 10, **(item.get("spec") or {})}
    return {**item, "spec": spec, "status": _counted(item)}


def _job(item: Object) -> Object:
    spec = {"backoffLimit": 6, "completions": 1, "parallelism": 1, **(item.get("spec") or {})}
    return {**item, "spec": spec, "status": _counted(item)}


def _counted(item: Object) -> Object:
    """The status of a built-in kind: a number that is zero is left out of it."""
    status = item.get("status") or {}
    return {key: value for key, value in status.items() if type(value) is not int or value}


_FILLINGS: Mapping[tuple[str, str], Callable[[Object], Object]] = {
    ("", "Namespace"): _namespace,
    ("", "Secret"): _secret,
    ("", "Service"): _service,
    ("apps", "Deployment"): _deployment,
    ("batch", "Job"): _job,
}
