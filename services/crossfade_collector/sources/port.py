"""What a source is asked, what is sent for it, and the one way in which it fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from yarl import URL

from crossfade.errors import CrossfadeError
from crossfade.events.samples import Absence
from crossfade.resources import Metric

LONGEST_DETAIL = 300
"""Characters of a detail text; enough to act on, small enough for a sample of many readings."""


class NoValue(CrossfadeError):
    """There is no number, for one reason of the closed list.

    `detail` is for people; it is cut only after secrets are masked, lest half of one remain.
    """

    def __init__(self, absence: Absence, detail: str) -> None:
        super().__init__(f"{absence}: {detail}")
        self.absence: Absence = absence
        self.detail = detail


class Throttled(NoValue):
    """The back-end is asked too fast, or cannot answer now; `after_seconds` if it says when."""

    def __init__(self, detail: str, after_seconds: float | None = None) -> None:
        super().__init__("http-status", detail)
        self.after_seconds = after_seconds


class Expired(NoValue):
    """The back-end no longer takes the credentials; fresh ones may do."""

    def __init__(self, detail: str) -> None:
        super().__init__("unauthorized", detail)


@dataclass(frozen=True, slots=True)
class Question:
    """One metric of one version at one instant. `values` fill the templates."""

    uid: str
    iteration: int
    version: str
    metric: Metric
    values: Mapping[str, str]
    at: datetime
    elapsed_seconds: int


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent; equal requests are sent once. `secrets` are masked wherever text comes out."""

    method: str
    url: URL
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: str | None = field(default=None, repr=False)
    insecure: bool = False
    authority: str | None = field(default=None, repr=False)
    """PEM of the certificates to trust in place of the system's."""
    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    provider: str = ""
    """Whose way of saying no is understood: `cloudwatch`, `google`, any other for none."""
    identity: Identity | None = field(default=None, repr=False)
    """Who proves who asks, just before it is sent."""

    def masked(self, text: str) -> str:
        """The text with every secret replaced by `***`, the longest first."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text


class Identity(Protocol):
    """Proves to a back-end who asks; equal ones prove the same."""

    async def signed(self, request: Request) -> Request:
        """The request with its proof, which is masked too. Raises NoValue."""
        ...

    def renew(self, refused: Request) -> bool:
        """Whether there may be fresher credentials; the next request is signed with those.

        Of many that were refused at once, the first one has them fetched.
        """
        ...


class MetricSource(Protocol):
    """Answers a question with a finite number."""

    async def read(self, question: Question) -> float:
        """The number. Raises NoValue with the reason where there is none."""
        ...


def shortened(text: str, limit: int = LONGEST_DETAIL) -> str:
    """The text on one line, cut to `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
