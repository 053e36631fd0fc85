"""What lint says of a document, with the rules of every room."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crossfade.linting import Finding
    from crossfade.resources import Document


def linted(document: Document) -> list[Finding]:
    """Every finding, in an installation that is set up as this environment says."""
    from crossfade.linting import lint
    from crossfade.settings import load
    from crossfade_actuator.rehearsing import tasks_that_fail
    from crossfade_analyzer.provability import rules

    return lint(document, (*rules(load().analyzer.default_policy), tasks_that_fail))
