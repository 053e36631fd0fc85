"""The HTTP API in its own words: OpenAPI 3.1."""

from __future__ import annotations

from typing import Any

from crossfade.events.subjects import VERBS

ACTIONS = tuple(verb for verb in VERBS if verb != "start-experiment")

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
            "/api/events": {"get": _stream("Rows that changed, as server-sent events `rows`.")},
            "/api/experiments/{namespace}/{name}": {"get": _one(), "parameters": _NAMED},
            "/api/experiments/{namespace}/{name}/events": {
                "get": _stream("The run's view at every change, as server-sent events `run`."),
                "parameters": [*_NAMED, _UID],
            },
            "/api/experiments/{namespace}/{name}/log": {"get": _log(), "parameters": _NAMED},
            "/api/experiments/{namespace}/{name}/document": {
                "get": _document(),
                "parameters": [*_NAMED, _UID],
            },
            "/api/experiments/{namespace}/{name}/replay": {
                "get": _replay(parameters=_CHANGES),
                "post": _replay(requestBody=_takes("Replay")),
                "parameters": [*_NAMED, _UID],
            },
            "/api/experiments/{namespace}/{name}/actions": {
                "post": _act(),
                "parameters": _NAMED,
            },
        },
        "components": {
            "schemas": _SCHEMAS,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _json(schema: dict[str, Any], told: str) -> dict[str, Any]:
    return {"description": told, "content": {"application/json": {"schema": schema}}}


def _list() -> dict[str, Any]:
    rows = {"type": "array", "items": {"$ref": "#/components/schemas/Row"}}
    body = {"type": "object", "required": ["experiments"], "properties": {"experiments": rows}}
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
            "404": _json({"$ref": "#/components/schemas/Error"}, "No such experiment."),
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
                "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
            }
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
            "404": _json({"$ref": "#/components/schemas/Error"}, "Not in the log (yet)."),
        },
    }


def _stream(told: str) -> dict[str, Any]:
    content = {"text/event-stream": {"schema": {"type": "string"}}}
    return {"summary": told, "responses": {"200": {"description": told, "content": content}}}


def _act() -> dict[str, Any]:
    return {
        "summary": "Ask for something",
        "security": [{"token": []}],
        "requestBody": _takes("Action"),
        "responses": {
            "202": _json({"$ref": "#/components/schemas/Answer"}, "Valid and recorded."),
            "401": _json({"$ref": "#/components/schemas/Error"}, "Not signed in."),
            "409": _json({"$ref": "#/components/schemas/Error"}, "Shown state is stale."),
            "422": _json({"$ref": "#/components/schemas/Answer"}, "Refused, by field."),
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
            "422": _json({"$ref": "#/components/schemas/Error"}, "Refused, by field."),
            "429": _json({"$ref": "#/components/schemas/Error"}, "Another one is computed."),
            "503": _json({"$ref": "#/components/schemas/Error"}, "No analyzer answers."),
        },
    }


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties}


_TEXT = {"type": "string"}
_MAYBE = {"type": ["string", "null"]}
_SPLIT = {"type": "object", "additionalProperties": {"type": "number"}}
_ERRORS = {"type": "array", "items": _object(["message"], field=_TEXT, message=_TEXT)}
_POLICY = {"enum": ["iter8", "assured"]}
_LEVEL = {"type": "number", "exclusiveMinimum": 0, "maximum": 0.5}
_CHANGES = [
    {"name": "policy", "in": "query", "schema": _POLICY},
    {"name": "alpha", "in": "query", "schema": _LEVEL},
    {
        "name": "limit",
        "in": "query",
        "description": "`metric=value`; repeatable.",
        "schema": {"type": "array", "items": _TEXT},
        "explode": True,
    },
    {"name": "minEffect", "in": "query", "description": "Of the reward.", "schema": _TEXT},
    {"name": "earlyStop", "in": "query", "schema": {"type": "boolean"}},
]
_COURSE = _object(
    ["name", "stoppedAt", "verdict", "winner", "exposure", "askedExposure", "moments"],
    name=_TEXT,
    stoppedAt={"type": ["integer", "null"], "description": "Null where it would still go on."},
    looks={"type": "integer"},
    verdict=_TEXT,
    winner=_MAYBE,
    exposure={"type": "number", "description": "Mean share of the candidates, in percent."},
    askedExposure={"type": "number", "description": "As these rules themselves asked for."},
    served={"type": ["number", "null"], "description": "Requests of the candidates till then."},
    reason=_TEXT,
    moments={
        "type": "array",
        "items": _object(
            ["iteration", "inForce", "asked", "verdict"],
            iteration={"type": "integer"},
            inForce={"type": "number"},
            asked={"type": "number"},
            verdict=_TEXT,
            chance={"type": ["number", "null"]},
        ),
    },
)
_PLACE = _object(
    ["position", "waiting", "holder", "ahead"],
    position={"type": "integer", "description": "0 holds the target, 1 is next in line."},
    waiting={"type": "integer", "description": "How many wait for the target in all."},
    holder={"type": "string", "description": "`namespace/name`; empty where nobody is."},
    ahead={"type": "string", "description": "The run just ahead, as `namespace/name`."},
)
_SCHEMAS: dict[str, Any] = {
    "Place": _PLACE,
    "Replay": _object(
        [],
        change=_object(
            [],
            policy=_POLICY,
            alpha=_LEVEL,
            limits={"type": "object", "additionalProperties": {"type": ["number", "string"]}},
            minEffect={"type": ["number", "string"]},
            earlyStop={"type": "boolean"},
        ),
    ),
    "Course": _COURSE,
    "Replayed": _object(
        ["accepted", "uid", "ran", "asked"],
        accepted={"const": True},
        uid=_TEXT,
        ran={"oneOf": [{"$ref": "#/components/schemas/Course"}, {"type": "null"}]},
        asked={"$ref": "#/components/schemas/Course"},
    ),
    "Row": _object(
        ["namespace", "name", "uid", "phase", "headline", "split"],
        namespace=_TEXT,
        name=_TEXT,
        uid=_TEXT,
        phase=_TEXT,
        stage=_TEXT,
        outcome=_MAYBE,
        tone={"enum": ["good", "bad", "warn", "calm"]},
        headline=_TEXT,
        iteration={"type": "integer"},
        of={"type": "integer"},
        split=_SPLIT,
        target=_TEXT,
        queue={"oneOf": [{"$ref": "#/components/schemas/Place"}, {"type": "null"}]},
        startedAt=_MAYBE,
        updatedAt=_MAYBE,
        endedAt=_MAYBE,
    ),
    "Whole": _object(
        ["view", "points", "lines"],
        view={"type": "object"},
        points={"type": "array", "items": {"type": "object"}},
        lines={"type": "array", "items": {"type": "object"}},
    ),
    "Action": _object(
        ["verb", "confirm"],
        verb={"enum": list(ACTIONS)},
        confirm={"const": True},
        uid=_TEXT,
        version=_TEXT,
        reason=_TEXT,
        expected=_object([], epoch={"type": "integer"}, stage=_TEXT),
    ),
    "Answer": _object(["accepted"], accepted={"type": "boolean"}, uid=_TEXT, errors=_ERRORS),
    "Error": _object(["errors"], errors=_ERRORS),
}
