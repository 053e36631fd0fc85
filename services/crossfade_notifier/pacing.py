"""A channel's pace: deliveries a second, small bursts, pauses that it is told to make."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0


def _now() -> float:
    return asyncio.get_running_loop().time()


@dataclass(slots=True)
class Pace:
    """A token bucket with a hold; all times are the loop's."""

    per_second: float = 1.0
    burst: float = 3.0
    first_pause_seconds: float = FIRST_PAUSE_SECONDS
    longest_pause_seconds: float = LONGEST_PAUSE_SECONDS
    _tokens: float = field(default=0.0, init=False)
    _at: float = field(default=-1.0, init=False)
    _held_until: float = field(default=0.0, init=False)
    _pause: float = field(default=0.0, init=False)

    def wait_seconds(self) -> float:
        """Seconds until the next delivery may begin; 0 for now."""
        now = _now()
        self._refill(now)
        lacking = max(0.0, 1.0 - self._tokens) / self.per_second
        return max(lacking, self._held_until - now, 0.0)

    def spend(self) -> None:
        """One delivery begins."""
        self._refill(_now())
        self._tokens -= 1.0

    def hold(self, seconds: float) -> None:
        """Deliver nothing for so long, as the far side asked."""
        self._held_until = max(self._held_until, _now() + seconds)

    def stumble(self) -> float:
        """Hold after a failure without advice: twice as long each time, a minute at most."""
        pause = self._pause or self.first_pause_seconds
        self.hold(pause)
        self._pause = min(pause * 2, self.longest_pause_seconds)
        return pause

    def recover(self) -> None:
        """A delivery went well: the next failure starts small again."""
        self._pause = 0.0

    def _refill(self, now: float) -> None:
        if self._at < 0:
            self._tokens = self.burst
        else:
            self._tokens = min(self.burst, self._tokens + (now - self._at) * self.per_second)
        self._at = now
