"""The catalogue of events as text: subject, type, fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crossfade.events import CATALOGUE, Event
from crossfade.events.subjects import QUESTIONS, VERBS


def catalogue() -> str:
    """Every kind with its subject and fields, then the doors."""
    return "\n".join([*_kinds(), *_doors()])


def _kinds() -> Iterator[str]:
    for kind, event in CATALOGUE.items():
        yield f"{kind}"
        yield f"  subject  crossfade.event.{kind}.<namespace>.<name>"
        yield f"  ce-type  crossfade.{kind}.v{event.version}"
        yield f"  {_first(event.__doc__)}"
        yield from _fields(event)
        yield ""


def _fields(event: type[Event]) -> Iterator[str]:
    schema = event.model_json_schema(by_alias=True)
    required = set(schema.get("required", ()))
    for name, field in schema["properties"].items():
        if name in ("namespace", "name"):
            continue  # they travel in the subject
        mark = "" if name in required else " (optional)"
        yield f"    {name:<16} {_type(field)}{mark}"


def _type(field: dict[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(_type(part) for part in field["anyOf"] if part.get("type") != "null")
    if "enum" in field:
        return "|".join(map(str, field["enum"]))
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}))}"
    if isinstance(field.get("additionalProperties"), dict):
        return f"map to {_type(field['additionalProperties'])}"
    return str(field.get("format") or field.get("type") or "anything")


def _doors() -> Iterator[str]:
    yield "commands"
    yield "  crossfade.command.<verb>  durable, fire and forget"
    yield "  crossfade.request.<verb>  answers {accepted, uid, errors: [{field, message}]}"
    yield f"    verbs          {', '.join(VERBS)}"
    yield f"    questions      {', '.join(QUESTIONS)}; change nothing, only at crossfade.request"


def _first(doc: str | None) -> str:
    return (doc or "").strip().partition("\n")[0]
