"""The reference of settings, generated from their docstrings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo

from crossfade.settings import Section, Settings, variable


def reference() -> str:
    """Every variable with its type, default and sentence, as Markdown."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield "# Settings"
    yield ""
    yield "Environment variables; a misspelt one stops the start."
    for name, field in Settings.model_fields.items():
        section = field.default
        assert isinstance(section, Section)
        yield ""
        yield f"## {name}: {_sentence(field)}"
        yield ""
        yield "| Variable | Default | What it does |"
        yield "|---|---|---|"
        for key, inner in type(section).model_fields.items():
            default = _default(inner)
            yield f"| `{variable(name, key)}` | {default} | {_sentence(inner)} |"


def _default(field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=True)
    if value is None:
        return "–"
    return f"`{value if isinstance(value, str) else json.dumps(value, default=str)}`"


def _sentence(field: FieldInfo) -> str:
    return " ".join((field.description or "").split()).replace("|", "\\|")
