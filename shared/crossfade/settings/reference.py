"""The page of settings, made from the code."""

from __future__ import annotations

import json
from pathlib import Path

from crossfade.settings.loading import Settings, variable


def reference() -> str:
    """Every setting as a page of Markdown: variable, type, default, what it means."""
    lines = ["# Settings", "", *_PREAMBLE]
    for section, field in Settings.model_fields.items():
        group = field.default
        lines += ["", f"## {section}", "", field.description or "", "", *_COLUMNS]
        for name, setting in type(group).model_fields.items():
            default = getattr(group, name)
            told = " ".join((setting.description or "").split()).replace("|", "\\|")
            lines.append(f"| `{variable(section, name)}` | {_shown(default)} | {told} |")
    return "\n".join(lines) + "\n"


_PREAMBLE = (
    "Crossfade reads its settings from the environment. This page is made from the code; "
    "a test keeps it so.",
    "A variable whose section or field does not exist stops the start. Fields that say JSON "
    "take a JSON value.",
)
_COLUMNS = ("| Variable | Default | Meaning |", "|---|---|---|")


def _shown(default: object) -> str:
    if default is None:
        return "not set"
    return f"`{json.dumps(default)}`" if not isinstance(default, Path) else f"`{default}`"
