"""What is wrong with a model on purpose: slower, or failing at an even pace."""

from __future__ import annotations

import math
from dataclasses import dataclass

from crossfade.errors import FieldError, Malformed

__all__ = ["HEALTHY", "Faults", "Pacer"]


@dataclass(frozen=True, slots=True)
class Faults:
    """`delay_seconds` is added to every answer; `failures` is the share answered with 500."""

    delay_seconds: float = 0.0
    failures: float = 0.0

    def __post_init__(self) -> None:
        errors = []
        if not 0 <= self.delay_seconds <= 60:
            wanted = "must be between 0 and 60 seconds"
            errors.append(FieldError("delay_seconds", f"{wanted}, found {self.delay_seconds}"))
        if not 0 <= self.failures <= 1:
            wanted = "must be a share between 0 and 1"
            errors.append(FieldError("failures", f"{wanted}, found {self.failures}"))
        if errors:
            raise Malformed(errors)


HEALTHY = Faults()


class Pacer:
    """Says which requests fail: a share of them, evenly spaced, the same ones in every run.

    Of the first n requests, `share` × n fail to the nearest whole number, so a short run shows the
    share as exactly as a long one.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._asked = 0

    def fails(self) -> bool:
        """Whether the next request is one of those that fail."""
        before = math.floor(self._asked * self._share + 0.5)
        self._asked += 1
        return math.floor(self._asked * self._share + 0.5) > before
