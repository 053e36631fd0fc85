"""Bodies in Kubernetes' protobuf, which `kubectl create` and `kubectl auth can-i` send.

Only the kinds that these commands make here, and only their fields; answers are always JSON.
Field numbers are those of k8s.io/api and k8s.io/apimachinery.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from crossfade_lab.cluster.statuses import bad_request, unsupported

__all__ = ["MAGIC", "decoded"]

MAGIC = b"k8s\x00"
Fields = Mapping[int, tuple[str, Any]]

# How a field is read: "text", "bytes", "whole", "flag", "texts" (repeated), "text map",
# "bytes map", or the fields of a message.
_META: Fields = {
    1: ("name", "text"),
    2: ("generateName", "text"),
    3: ("namespace", "text"),
    5: ("uid", "text"),
    6: ("resourceVersion", "text"),
    11: ("labels", "text map"),
    12: ("annotations", "text map"),
    14: ("finalizers", "texts"),
}
_ATTRIBUTES = ("namespace", "verb", "group", "version", "resource", "subresource", "name")
_RESOURCE: Fields = {at: (name, "text") for at, name in enumerate(_ATTRIBUTES, 1)}
_KINDS: Mapping[str, Fields] = {
    "Namespace": {1: ("metadata", _META), 2: ("spec", {1: ("finalizers", "texts")})},
    "ConfigMap": {
        1: ("metadata", _META),
        2: ("data", "text map"),
        3: ("binaryData", "bytes map"),
        4: ("immutable", "flag"),
    },
    "Secret": {
        1: ("metadata", _META),
        2: ("data", "bytes map"),
        3: ("type", "text"),
        4: ("stringData", "text map"),
        5: ("immutable", "flag"),
    },
    "SelfSubjectAccessReview": {
        1: ("metadata", _META),
        2: ("spec", {1: ("resourceAttributes", _RESOURCE)}),
    },
    "DeleteOptions": {
        1: ("gracePeriodSeconds", "whole"),
        2: ("preconditions", {1: ("uid", "text"), 2: ("resourceVersion", "text")}),
        4: ("propagationPolicy", "text"),
        5: ("dryRun", "texts"),
    },
}
_ENVELOPE: Fields = {
    1: ("type", {1: ("apiVersion", "text"), 2: ("kind", "text")}),
    2: ("raw", ""),
}


def decoded(body: bytes) -> dict[str, Any]:
    """The object in the body; Status 415 for a kind that is not read here, 400 for rubbish."""
    try:
        envelope = _message(body.removeprefix(MAGIC), _ENVELOPE)
        named = envelope["type"]
        fields = _KINDS.get(named["kind"])
        if fields is None:
            raise unsupported([f"JSON and YAML for {named['kind']} (kubectl apply -f)"])
        return {**named, **_message(envelope.get("raw", b""), fields)}
    except (IndexError, KeyError, UnicodeDecodeError) as error:
        raise bad_request("the body is not Kubernetes protobuf") from error


def _message(raw: bytes, fields: Fields) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for number, value in _entries(raw):
        name, sort = fields.get(number, ("", None))
        if sort is None or value == b"":
            continue  # what is not read here, and Go's empty strings
        if sort == "texts":
            found.setdefault(name, []).append(value.decode())
        elif sort in ("text map", "bytes map"):
            key, held = _pair(value)
            text = held.decode() if sort == "text map" else base64.b64encode(held).decode()
            found.setdefault(name, {})[key] = text
        else:
            found[name] = _single(value, sort)
    return found


def _single(value: Any, sort: Any) -> Any:
    if isinstance(sort, Mapping):
        return _message(value, sort)
    if sort == "flag":
        return bool(value)
    return value.decode() if sort == "text" else value


def _pair(raw: bytes) -> tuple[str, bytes]:
    parts = dict(_entries(raw))
    return parts.get(1, b"").decode(), parts.get(2, b"")


def _entries(raw: bytes) -> Iterator[tuple[int, Any]]:
    """Field numbers and their values: whole numbers or bytes."""
    at = 0
    while at < len(raw):
        tag, at = _varint(raw, at)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, at = _varint(raw, at)
            yield number, value
        elif wire == 2:
            length, at = _varint(raw, at)
            yield number, raw[at : at + length]
            at += length
        else:
            raise IndexError(f"wire type {wire}")


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
