"""What came of the requests that were sent."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field

__all__ = ["RECENT", "Counts"]

RECENT = 200


@dataclass(slots=True)
class Counts:
    """One answer, one count: sent = ok + failed + lost + those still under way.

    `failed`: a model was asked to fail and says so. `lost`: no answer in time, or any other that
    is not 200; `losses` keeps the last few in words. `unsent`: there was nobody to send it to.
    """

    sent: int = 0
    ok: int = 0
    failed: int = 0
    lost: int = 0
    unsent: int = 0
    by_model: Counter[str] = field(default_factory=Counter)
    recent: deque[str] = field(default_factory=lambda: deque(maxlen=RECENT))
    losses: deque[str] = field(default_factory=lambda: deque(maxlen=20))

    def answered(self, model: str, *, meant: bool) -> None:
        """`model` answered: well, or badly and `meant` so."""
        if meant:
            self.failed += 1
        else:
            self.ok += 1
        self.by_model[model] += 1
        self.recent.append(model)

    def lose(self, why: str) -> None:
        """A request was lost."""
        self.lost += 1
        self.losses.append(why)

    def share_of_recent(self, model: str) -> float:
        """The share, 0 to 1, of the last 200 answers that `model` gave; 0 without answers."""
        return self.recent.count(model) / len(self.recent) if self.recent else 0.0
