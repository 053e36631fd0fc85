"""What the candidate of a demo is like: better, or a loser of a given kind."""

from __future__ import annotations

from enum import StrEnum

from crossfade_lab.models.faults import HEALTHY, Faults

__all__ = ["Mode"]


class Mode(StrEnum):
    """`better` is the seed's own; the others lose, each for one reason, or draw."""

    BETTER = "better"
    SLOW = "slow"
    FAILING = "failing"
    WORSE = "worse"
    EQUAL = "equal"

    @property
    def faults(self) -> Faults:
        """What is wrong with the candidate's model.

        Slow: 0.4 s an answer, above a mean-latency limit of 0.2 s. Failing: 8 % of its answers,
        above an error-rate limit of 1 %.
        """
        return _FAULTS.get(self, HEALTHY)

    @property
    def feedback_per_second(self) -> tuple[float, float]:
        """Positive feedback to the baseline and to the candidate, at an interval of 10 s."""
        return _FEEDBACK.get(self, (0.7, 1.0))


_FAULTS = {Mode.SLOW: Faults(delay_seconds=0.4), Mode.FAILING: Faults(failures=0.08)}
_FEEDBACK = {Mode.WORSE: (1.0, 0.7), Mode.EQUAL: (1.0, 1.0)}
