"""From the environment to `Settings`; a misspelt variable stops the start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from difflib import get_close_matches

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from crossfade.errors import FieldError, Malformed
from crossfade.settings.notifying import NotifierSettings
from crossfade.settings.sections import (
    UNTOLD,
    ActuatorSettings,
    AnalyzerSettings,
    BusSettings,
    ClusterSettings,
    CollectorSettings,
    HealthSettings,
    LogSettings,
)
from crossfade.settings.showing import ConsoleSettings

PREFIX = "CROSSFADE_"
_JSON = """found no JSON; right would be such as '["one", "two"]' or '{"key": "value"}'"""


class Settings(BaseSettings):
    """All of Crossfade's settings."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
    )

    bus: BusSettings = BusSettings()
    """The broker."""
    log: LogSettings = LogSettings()
    """Logs."""
    health: HealthSettings = HealthSettings()
    """Health and metrics of services."""
    cluster: ClusterSettings = ClusterSettings()
    """The Kubernetes API."""
    collector: CollectorSettings = CollectorSettings()
    """The collector."""
    analyzer: AnalyzerSettings = AnalyzerSettings()
    """The analyzer."""
    actuator: ActuatorSettings = ActuatorSettings()
    """The actuator."""
    notifier: NotifierSettings = NotifierSettings()
    """The notifier."""
    console: ConsoleSettings = ConsoleSettings()
    """The console."""


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process. Raises Malformed with every mistake by variable."""
    present = os.environ if environment is None else environment  # noqa: TID251
    unknown = [name for name in present if name.startswith(PREFIX) and not _has_section(name)]
    if unknown:
        raise Malformed(FieldError(name, _advice()) for name in sorted(unknown))
    try:
        return Settings()
    except ValidationError as error:
        raise Malformed(
            FieldError(variable(*map(str, e["loc"])), _told(e))
            for e in error.errors(include_url=False)
        ) from error
    except SettingsError as error:
        raise Malformed(FieldError(name, _JSON) for name in _unread(present, error)) from error


def _unread(present: Mapping[str, str], error: SettingsError) -> list[str]:
    """The variables that hold the text which is no JSON: pydantic names their section only."""
    text = getattr(error.__cause__, "doc", None)
    return sorted(n for n, held in present.items() if n.startswith(PREFIX) and held == text)


def _told(error: ErrorDetails) -> str:
    """A mistake with what was found; never a whole section or a stray, which may be secrets."""
    found, message = error["input"], error["msg"]
    if error["type"] == "extra_forbidden":
        return _no_such(*map(str, error["loc"]))
    untold = error["type"] == UNTOLD or isinstance(found, dict)
    return message if untold else f"found {found!r}: {message}"


def _no_such(section: str, field: str, *_: str) -> str:
    """What the section has instead: what looks most like the field, or all of it."""
    fields = list(type(Settings.model_fields[section].default).model_fields)
    near = get_close_matches(field, fields, n=1) or fields
    right = ", ".join(variable(section, name) for name in near)
    return f"no such setting; right would be {'one of ' if len(near) > 1 else ''}{right}"


def variable(*path: str) -> str:
    """The environment variable of a setting, from section and field."""
    return PREFIX + "__".join(part.upper() for part in path)


def _has_section(name: str) -> bool:
    section = name.removeprefix(PREFIX).partition("__")[0].lower()
    # CROSSFADE_TEST_… steers the test suite and CROSSFADE_ATTEMPT is told to actions.
    return section in Settings.model_fields or section.startswith(("test", "attempt"))


def _advice() -> str:
    sections = ", ".join(variable(s) for s in Settings.model_fields)
    return f"no such section; settings start with one of {sections}"
