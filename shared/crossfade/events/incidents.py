"""Incidents: trouble that people should know of, from opening to closing."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from crossfade.events.event import Event


class Incident(Event):
    """Trouble with one run (`stale-data`, `weights-fought-over`, …) or, with uid `-`, a service."""

    kind: ClassVar[str] = "incident"

    what_happened: str = Field(alias="what")
    state: Literal["opened", "closed"] = "opened"
    text: str
    detail: dict[str, Any] = Field(default_factory=dict)

    @property
    def what(self) -> str:
        """The trouble's name and whether it began or ended."""
        return f"{self.what_happened}/{self.state}"
