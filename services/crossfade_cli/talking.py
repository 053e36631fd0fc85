"""A short talk with the broker: never waits for one that is not there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from crossfade.errors import Unreachable

if TYPE_CHECKING:
    from crossfade.runtime.commanding import NatsCommander
    from crossfade.runtime.connecting import Connection
    from crossfade.runtime.journal import Journal
    from crossfade.runtime.publishing import NatsPublisher
    from crossfade.runtime.runs import Runs
    from crossfade.settings import BusSettings
    from crossfade_actuator.ledger import Ledger

NATS_PORT = 4222
KNOCK_SECONDS = 2.0
OPEN_SECONDS = 4.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Talk:
    """Everything that a command may read or ask."""

    connection: Connection
    ledger: Ledger
    runs: Runs
    journal: Journal
    commander: NatsCommander
    publisher: NatsPublisher


@asynccontextmanager
async def talking(settings: BusSettings) -> AsyncIterator[Talk]:
    """A talk. Raises Unreachable in a few seconds where no broker answers."""
    await knock(settings)
    from crossfade.events import subjects
    from crossfade.runtime.commanding import NatsCommander
    from crossfade.runtime.connecting import connection
    from crossfade.runtime.journal import Journal
    from crossfade.runtime.publishing import NatsPublisher
    from crossfade.runtime.runs import Runs
    from crossfade.runtime.stores import NatsStore
    from crossfade_actuator.ledger import Ledger

    opened = connection(settings, "cli")
    await _open(opened)
    store, publisher = NatsStore(opened, subjects.RUNS), NatsPublisher(opened, "cli")
    try:
        yield Talk(
            opened,
            Ledger(store, publisher),
            Runs(store),
            Journal(opened),
            NatsCommander(opened),
            publisher,
        )
    finally:
        await opened.leave()


async def knock(settings: BusSettings) -> None:
    """Return if anybody listens at any of the broker's addresses. Raises Unreachable."""
    for url in settings.url.split(","):
        parts = urlsplit(url if "://" in url else f"nats://{url}")
        try:
            async with asyncio.timeout(KNOCK_SECONDS):
                _, writer = await asyncio.open_connection(
                    parts.hostname or "127.0.0.1", parts.port or NATS_PORT
                )
        except (OSError, TimeoutError):
            continue
        writer.close()
        return
    from crossfade.runtime.connecting import without_secrets

    where = without_secrets(settings.url)
    raise Unreachable(f"the broker at {where} does not answer: is it running?")


async def _open(opened: Connection) -> None:
    from crossfade.runtime.connecting import without_secrets

    opening = asyncio.ensure_future(opened.open())
    done, _ = await asyncio.wait({opening}, timeout=OPEN_SECONDS)
    if not done:
        opening.cancel()
        where = without_secrets(opened.settings.url)
        raise Unreachable(
            f"the broker at {where} listens, but there is no connection: {opened.said}"
        )
    await opening


def now(what: Coroutine[Any, Any, T]) -> T:
    """Run one command to its end."""
    return asyncio.run(what)
