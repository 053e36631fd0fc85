"""The pull loop that replaces FastStream 0.7.8's.

The original waits for a whole batch before it fetches again, spins where the consumer is missing,
and blocks its event loop once the client is closed (upstream #2563, #3091). It also creates a
missing durable with defaults, whatever `declare` says. This one keeps a window of messages in
work, backs off in trouble, binds and never creates. nats-py's `fetch` is left out as well: it
hands a message over only when its batch is complete or the next one comes, up to its timeout
later. Private methods of both are used by name, so the versions are pinned and
`tests/bus/test_pulling.py` kills the consumer and the connection.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import nats.errors
import nats.js.errors
import orjson
from faststream.nats.subscriber.usecases import PullStreamSubscriber
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from crossfade.runtime.lanes import Lanes, lane_of

log = logging.getLogger(__name__)

WINDOW = 128
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0
LATE_SECONDS = 0.5
HEARTBEAT, EMPTY, EXPIRED = "100", "404", "408"
keep_alive_seconds = 10.0
pulses: dict[str, float] = {}
"""When each durable was last known to answer, on the monotonic clock."""


def install(ack_wait_seconds: float) -> None:
    """Replace FastStream's pull loop in this process."""
    global keep_alive_seconds
    keep_alive_seconds = ack_wait_seconds / 3
    PullStreamSubscriber._create_subscription = _bind  # type: ignore[method-assign]
    PullStreamSubscriber._consume_pull = _pull  # type: ignore[method-assign]


async def _bind(self: PullStreamSubscriber) -> None:
    if self.subscription:
        return
    options = self.extra_options
    self.subscription = await self.jetstream.pull_subscribe_bind(
        durable=options["durable"],
        stream=options["stream"],
        inbox_prefix=options["inbox_prefix"],
    )
    self.add_task(self._consume_pull, func_kwargs={"cb": self.consume})


async def _pull(self: PullStreamSubscriber, cb: Callable[[Msg], Awaitable[Any]]) -> None:
    name = f"{self.extra_options['stream']}/{self.extra_options['durable']}"
    window, pause = Window(WINDOW, cb), FIRST_PAUSE
    alive = asyncio.ensure_future(window.keep_alive())
    pulses[name] = time.monotonic()  # it answered when it was bound, just now
    try:
        while self.running and self.subscription:
            free = await window.room()
            try:
                async for message in _ask(self.subscription, free, self.pull_sub.timeout or 5):
                    window.start(message)
            except (nats.errors.Error, ConnectionError) as error:
                log.debug("pull failed", extra={"durable": name, "error": repr(error)})
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE, pause * 2)
                continue
            if self.connection.is_connected:
                pulses[name], pause = time.monotonic(), FIRST_PAUSE
    finally:
        await window.drain()
        alive.cancel()


async def _ask(
    pull: JetStreamContext.PullSubscription, batch: int, seconds: float
) -> AsyncIterator[Msg]:
    """Each message the moment it comes, until one request is used up or has expired."""
    request = {"batch": batch, "expires": round(seconds * 1_000_000_000)}
    await pull._nc.publish(pull._nms, orjson.dumps(request), pull._deliver)
    end = time.monotonic() + seconds + LATE_SECONDS
    while batch and (left := end - time.monotonic()) > 0:
        try:
            message = await pull._sub.next_msg(left)
        except (nats.errors.TimeoutError, TimeoutError):
            return
        status = (message.headers or {}).get("Status")
        if status in (EMPTY, EXPIRED):
            return
        if status is None:
            batch -= 1
            yield message
        elif status != HEARTBEAT:
            raise nats.js.errors.APIError.from_msg(message)


class Window:
    """At most `size` messages in work at once, one a lane, each kept alive until it is settled."""

    def __init__(self, size: int, work: Callable[[Msg], Awaitable[Any]]) -> None:
        self.size = size
        self.work = work
        self.lanes = Lanes()
        self.tasks: dict[asyncio.Task[None], Msg] = {}

    async def room(self) -> int:
        """How many more may start; waits until at least one may."""
        while len(self.tasks) >= self.size:
            await asyncio.wait(self.tasks, return_when=asyncio.FIRST_COMPLETED)
        return self.size - len(self.tasks)

    def start(self, message: Msg) -> None:
        """Begin one, or queue it in its lane."""
        task = asyncio.ensure_future(self._run(message))
        self.tasks[task] = message
        task.add_done_callback(lambda done: self.tasks.pop(done, None))

    async def _run(self, message: Msg) -> None:
        # Tasks take their first step in the order of their creation, so lanes keep the stream's.
        async with self.lanes.enter(lane_of(message)):
            await self.work(message)

    async def keep_alive(self) -> None:
        """Tell the broker, well within ack_wait, that what waits or is in work is still ours."""
        while True:
            await asyncio.sleep(keep_alive_seconds)
            for message in list(self.tasks.values()):
                if not message._ackd:
                    with suppress(nats.errors.Error):
                        await message.in_progress()

    async def drain(self) -> None:
        """Wait for those in work, a little; what is left is redelivered later."""
        with suppress(asyncio.CancelledError):
            if self.tasks:
                await asyncio.wait(list(self.tasks), timeout=LONGEST_PAUSE)
