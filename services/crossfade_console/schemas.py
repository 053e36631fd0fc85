"""The shapes of the HTTP API, as JSON Schema within OpenAPI."""

from __future__ import annotations

from typing import Any

from crossfade.events.subjects import VERBS

ACTIONS = tuple(verb for verb in VERBS if verb != "start-experiment")


def _object(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required, "properties": properties}


_TEXT = {"type": "string"}
_MAYBE = {"type": ["string", "null"]}
_SPLIT = {"type": "object", "additionalProperties": {"type": "number"}}
_ERRORS = {"type": "array", "items": _object(["message"], field=_TEXT, message=_TEXT)}
_POLICY = {"enum": ["iter8", "assured"]}
_LEVEL = {"type": "number", "exclusiveMinimum": 0, "maximum": 0.5}
CHANGES = [
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
SCHEMAS: dict[str, Any] = {
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
    "Warning": _object(
        ["code", "level", "where", "reason", "mend"],
        code=_TEXT,
        level={"enum": ["error", "warning", "info"]},
        where=_TEXT,
        reason=_TEXT,
        mend=_TEXT,
    ),
    "Answer": _object(["accepted"], accepted={"type": "boolean"}, uid=_TEXT, errors=_ERRORS),
    "Error": _object(["accepted", "errors"], accepted={"const": False}, errors=_ERRORS),
}
