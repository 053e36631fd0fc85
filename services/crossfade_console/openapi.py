"""The HTTP API in its own words: OpenAPI 3.1."""

from __future__ import annotations

from typing import Any

from crossfade_console.schemas import CHANGES, SCHEMAS

_ERROR = {"$ref": "#/components/schemas/Error"}
_NAMED = [
    {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
    for name in ("namespace", "name")
]
_UID = {
    "name": "uid",
    "in": "query",
    "description": "A run of that name other than the latest.",
    "schema": {"type": "string"},
}


def document(version: str) -> dict[str, Any]:
    """The OpenAPI document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Crossfade console",
            "version": version,
            "description": "Every experiment as its events tell it. Reading needs no sign-in; "
            "actions need the console's token as a bearer token.",
        },
        "paths": {
            "/api/experiments": {"get": _list()},
            "/api/events": {"get": _rows()},
            "/api/experiments/{namespace}/{name}": {"get": _one(), "parameters": _NAMED},
            "/api/experiments/{namespace}/{name}/events": {
                "get": _follow(),
                "parameters": [*_NAMED, _UID],
            },
            "/api/experiments/{namespace}/{name}/log": {"get": _log(), "parameters": _NAMED},
            "/api/experiments/{namespace}/{name}/document": {
                "get": _document(),
                "parameters": [*_NAMED, _UID],
            },
            "/api/experiments/{namespace}/{name}/warnings": {
                "get": _warnings(),
                "parameters": [*_NAMED, _UID],
            },
            "/api/experiments/{namespace}/{name}/replay": {
                "get": _replay(parameters=CHANGES),
                "post": _replay(requestBody=_takes("Replay")),
                "parameters": [*_NAMED, _UID],
            },
            "/api/experiments/{namespace}/{name}/actions": {
                "post": _act(),
                "parameters": _NAMED,
            },
        },
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _json(schema: dict[str, Any], told: str) -> dict[str, Any]:
    return {"description": told, "content": {"application/json": {"schema": schema}}}


def _list() -> dict[str, Any]:
    rows = {"type": "array", "items": {"$ref": "#/components/schemas/Row"}}
    cursor = {"type": "string", "description": "For `after` of `/api/events`."}
    parts = {"experiments": rows, "cursor": cursor}
    body = {"type": "object", "required": list(parts), "properties": parts}
    filters = [
        {"name": "phase", "in": "query", "schema": {"type": "string"}},
        {"name": "namespace", "in": "query", "schema": {"type": "string"}},
    ]
    return {
        "summary": "The latest run of every experiment",
        "parameters": filters,
        "responses": {"200": _json(body, "The last changed first.")},
    }


def _one() -> dict[str, Any]:
    return {
        "summary": "One run whole, with its history and its log",
        "parameters": [_UID],
        "responses": {
            "200": _json({"$ref": "#/components/schemas/Whole"}, "The run."),
            "404": _json(_ERROR, "No such experiment."),
        },
    }


def _log() -> dict[str, Any]:
    whose = {
        "name": "id",
        "in": "query",
        "description": "Only the event with that id.",
        "schema": {"type": "string"},
    }
    return {
        "summary": "Every retained event of the experiment, one JSON object a line",
        "parameters": [whose],
        "responses": {
            "200": {
                "description": "The events in the log's order.",
                "content": {
                    "application/x-ndjson": {"schema": {"type": "string"}},
                    "application/json": {"schema": {"type": "object"}},
                },
            },
            "404": _json(_ERROR, "No such experiment, or no such event."),
        },
    }


def _document() -> dict[str, Any]:
    form = {"name": "form", "in": "query", "schema": {"enum": ["json", "yaml"]}}
    parts = {"experiment": {"type": "object"}, "metrics": {"type": "array"}}
    body = {"type": "object", "required": list(parts), "properties": parts}
    told = _json(body, "The experiment and its metrics; as YAML, documents for kubectl.")
    told["content"]["text/plain"] = {"schema": {"type": "string"}}
    return {
        "summary": "The document that the run is judged by",
        "parameters": [form],
        "responses": {
            "200": told,
            "404": _json(_ERROR, "Not in the log (yet)."),
            "422": _json(_ERROR, "Neither form."),
            "503": _json(_ERROR, "The log was not read in time."),
        },
    }


def _warnings() -> dict[str, Any]:
    found = {"type": "array", "items": {"$ref": "#/components/schemas/Warning"}}
    body = {"type": "object", "required": ["warnings"], "properties": {"warnings": found}}
    return {
        "summary": "What lint says of the document that the run is judged by",
        "responses": {
            "200": _json(body, "The worst first."),
            "404": _json(_ERROR, "Not in the log (yet)."),
            "503": _json(_ERROR, "The log was not read in time."),
        },
    }


def _rows() -> dict[str, Any]:
    after = {
        "name": "after",
        "in": "query",
        "description": "A `cursor` of the list; a Last-Event-ID goes before. Absent: from now on.",
        "schema": {"type": "string"},
    }
    told = "Rows that changed, as server-sent events `rows`; all of them to an unknown cursor."
    return {"parameters": [after], **_stream(told)}


def _stream(told: str) -> dict[str, Any]:
    content = {"text/event-stream": {"schema": {"type": "string"}}}
    return {"summary": told, "responses": {"200": {"description": told, "content": content}}}


def _follow() -> dict[str, Any]:
    made = _stream("The run's view at every change, as server-sent events `run`.")
    made["responses"]["404"] = _json(_ERROR, "No such experiment.")
    return made


def _act() -> dict[str, Any]:
    return {
        "summary": "Ask for something",
        "security": [{"token": []}],
        "requestBody": _takes("Action"),
        "responses": {
            "202": _json({"$ref": "#/components/schemas/Answer"}, "Valid and recorded."),
            "400": _json(_ERROR, "Not JSON, or no object."),
            "401": _json(_ERROR, "Not signed in."),
            "404": _json(_ERROR, "No such experiment."),
            "409": _json(_ERROR, "Shown state is stale."),
            "422": _json({"$ref": "#/components/schemas/Answer"}, "Refused, by field."),
            "429": _json(_ERROR, "Too many wrong tokens from there; wait a minute."),
            "503": _json(_ERROR, "Nobody answers to the verb."),
        },
    }


def _takes(name: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{name}"}
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _replay(**asked: Any) -> dict[str, Any]:
    return {
        "summary": "When the run would have stopped under other rules, beside what happened",
        **asked,
        "responses": {
            "200": _json({"$ref": "#/components/schemas/Replayed"}, "Both courses."),
            "400": _json(_ERROR, "Not JSON, or no object."),
            "404": _json(_ERROR, "No such experiment."),
            "422": _json(_ERROR, "Refused, by field."),
            "429": _json(_ERROR, "Another one is computed."),
            "503": _json(_ERROR, "No analyzer answers."),
        },
    }
