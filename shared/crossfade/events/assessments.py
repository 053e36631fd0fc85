"""Assessments: what a policy made of one sample."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from crossfade.events.event import Body, Event

Verdict = Literal["continue", "promote", "rollback", "inconclusive", "no-data"]


class Reason(Body):
    """Why: a code for machines and one sentence for people."""

    code: str
    text: str


class Assessment(Event):
    """The split to move to, the verdict, and what both rest on.

    `final` ends the run now; the assessment of the last iteration is always final.
    `analysis` is the block that v2alpha2 shows in `status.analysis`. `policy` is who judged: the
    document may leave that to the installation.
    """

    kind: ClassVar[str] = "assessment"

    revision: int = 1
    split: dict[str, int] = Field(default_factory=dict)
    winner: str | None = None
    recommended: str
    verdict: Verdict
    policy: str = ""
    final: bool = False
    reasons: tuple[Reason, ...] = ()
    analysis: dict[str, Any] = Field(default_factory=dict)
    evidence: tuple[dict[str, Any], ...] = ()
