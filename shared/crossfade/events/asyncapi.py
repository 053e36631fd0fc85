"""The events as JSON Schema and as one AsyncAPI document, both made from the catalogue."""

from __future__ import annotations

from typing import Any

from crossfade.events import subjects
from crossfade.events.catalogue import CATALOGUE
from crossfade.events.event import Event

VERSION = "3.0.0"
# They travel in the subject and in `ce-subject`, never in the body.
_NOT_IN_BODIES = ("namespace", "name")
_HEADERS = {
    "ce-specversion": "always 1.0",
    "ce-id": "`<uid>/<iteration>/<kind>[/<what>]`, derived from the fact",
    "ce-type": "`crossfade.<kind>.v<version>`; a reader skips versions it does not know",
    "ce-source": "`/crossfade/<service>`",
    "ce-subject": "`<namespace>/<experiment>`",
    "ce-time": "RFC 3339, UTC",
    "content-type": "application/json",
    "Nats-Msg-Id": "the same as ce-id, so that the broker drops a repeat",
    "traceparent": "W3C trace context",
}


def schema(event: type[Event], refs: str = "#/$defs/{model}") -> dict[str, Any]:
    """The JSON Schema of an event's body, as it travels; `refs` says where models are kept."""
    made = event.model_json_schema(by_alias=True, ref_template=refs)
    kept = {k: v for k, v in made["properties"].items() if k not in _NOT_IN_BODIES}
    return made | {"title": event.__name__, "properties": kept}


def document(version: str) -> dict[str, Any]:
    """An AsyncAPI 3 document of every event, for this version of Crossfade."""
    schemas: dict[str, Any] = {"Headers": _headers()}
    for event in CATALOGUE.values():
        body = schema(event, "#/components/schemas/{model}")
        schemas |= body.pop("$defs", {})
        schemas[event.__name__] = body
    return {
        "asyncapi": VERSION,
        "info": {
            "title": "Crossfade's events",
            "version": version,
            "description": "CloudEvents 1.0 in NATS binary mode, in one JetStream stream, "
            f"{subjects.EVENTS}. A dot in a Kubernetes name is written `_` in a subject.",
        },
        "defaultContentType": "application/json",
        "channels": {kind: _channel(kind, event) for kind, event in CATALOGUE.items()},
        "operations": {kind: _operation(kind) for kind in CATALOGUE},
        "components": {
            "messages": {kind: _message(event) for kind, event in CATALOGUE.items()},
            "schemas": dict(sorted(schemas.items())),
        },
    }


def _channel(kind: str, event: type[Event]) -> dict[str, Any]:
    return {
        "address": f"crossfade.event.{kind}.{{namespace}}.{{experiment}}",
        "description": " ".join((event.__doc__ or "").split()),
        "messages": {kind: {"$ref": f"#/components/messages/{kind}"}},
        "parameters": {
            "namespace": {"description": "The experiment's namespace."},
            "experiment": {"description": "The experiment's name."},
        },
    }


def _operation(kind: str) -> dict[str, Any]:
    return {"action": "send", "channel": {"$ref": f"#/channels/{kind}"}}


def _message(event: type[Event]) -> dict[str, Any]:
    return {
        "name": f"crossfade.{event.kind}.v{event.version}",
        "headers": {"$ref": "#/components/schemas/Headers"},
        "payload": {"$ref": f"#/components/schemas/{event.__name__}"},
    }


def _headers() -> dict[str, Any]:
    told = {name: {"type": "string", "description": says} for name, says in _HEADERS.items()}
    optional = {"traceparent"}
    return {
        "type": "object",
        "properties": told,
        "required": [name for name in _HEADERS if name not in optional],
    }
