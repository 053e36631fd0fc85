"""Calls that block, such as a vendor's library that looks for credentials.

Each runs in a thread beside the loop, never twice at a time, and is waited for only so long. The
thread itself cannot be stopped; the libraries have time limits of their own.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from time import monotonic
from typing import Generic, TypeVar

from crossfade_collector.sources.port import NoValue

T = TypeVar("T")

THREADS = 4
KEPT_SECONDS = 10.0


@dataclass(slots=True, eq=False)
class Kept(Generic[T]):
    """What a blocking call gives, its failure included, asked anew after `seconds`.

    The call raises nothing but NoValue.
    """

    call: Callable[[], T]
    what: str
    """Whom it waits for, in words."""
    threads: ThreadPoolExecutor
    timeout_seconds: float
    seconds: float = KEPT_SECONDS
    clock: Callable[[], float] = monotonic
    since: float = -math.inf
    future: asyncio.Future[T] | None = field(default=None, repr=False)

    async def value(self) -> T:
        """What the call gave, at most `seconds` ago. Raises NoValue."""
        future = self.future
        if future is None or (future.done() and self.clock() - self.since >= self.seconds):
            future = asyncio.get_running_loop().run_in_executor(self.threads, self.call)
            # Read by every waiter below, or by nobody if they are all cancelled.
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            self.future, self.since = future, self.clock()
        try:
            async with asyncio.timeout(self.timeout_seconds):
                return await asyncio.shield(future)
        except TimeoutError as error:
            waited = f"{self.what} gave no answer within {self.timeout_seconds:g} s"
            raise NoValue("timeout", waited) from error

    def forget(self) -> None:
        """Ask anew the next time, unless an answer is on its way."""
        self.since = -math.inf
