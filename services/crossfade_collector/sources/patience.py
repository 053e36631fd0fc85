"""Asks once more where a back-end that signs for its callers is too busy, or wants fresh keys.

All of it within the time that one query has. A back-end that takes plain headers is not asked
again: its next reading comes with the next tick.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from crossfade_collector.sources.port import Expired, Identity, NoValue, Request, Throttled

PAUSES = (0.2, 0.6)
"""Seconds before the second and the third try, each up to twice as long, so that readings of
one tick do not come back together."""
WORTHWHILE = 0.1
"""Seconds that a further try needs at least."""


async def patiently(
    request: Request,
    identity: Identity,
    send: Callable[[Request], Awaitable[str]],
    seconds: float,
) -> str:
    """The text of an answer, with this request's proof masked. Raises NoValue."""
    ends = asyncio.get_running_loop().time() + seconds
    pauses, renewed = list(PAUSES), False
    async with asyncio.timeout(seconds):
        while True:
            signed = await identity.signed(request)
            try:
                return signed.masked(await send(signed))
            except Throttled as busy:
                pause = _pause(busy, pauses, ends - asyncio.get_running_loop().time())
                if pause is None:
                    raise _masked(busy, signed) from busy
                await asyncio.sleep(pause)
            except Expired as old:
                if renewed or not identity.renew(signed):
                    raise _masked(old, signed) from old
                renewed = True
            except NoValue as reason:
                raise _masked(reason, signed) from reason


def _pause(busy: Throttled, pauses: list[float], left: float) -> float | None:
    """How long to wait; None where no try is left, or no time for it."""
    if not pauses:
        return None
    own = pauses.pop(0) * random.uniform(1, 2)  # noqa: S311
    pause = max(own, busy.after_seconds or 0.0)
    return pause if pause + WORTHWHILE <= left else None


def _masked(reason: NoValue, signed: Request) -> NoValue:
    return NoValue(reason.absence, signed.masked(reason.detail))
