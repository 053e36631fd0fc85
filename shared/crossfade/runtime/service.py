"""What a service hands to the chassis, as plain values.

A service lists its `Subscription`s. Each names what it listens to and a handler that takes one
message and returns a `Reaction`: the events that follow, the state to keep, the schedules to set.
The chassis publishes the events, then writes the state, then the schedules, then acknowledges:
in that order a crash anywhere repeats the handler, and derived ids make the repeat harmless.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from crossfade.errors import Retryable
from crossfade.events import Event

Handler = Callable[[Any], Awaitable["Reaction | None"]]


@dataclass(frozen=True, slots=True)
class Entry:
    """A stored value and the revision to give when replacing it."""

    value: bytes
    revision: int


class Store(Protocol):
    """Small values by key with compare-and-set; see `crossfade.testing.MemoryStore`."""

    async def get(self, key: str) -> Entry | None:
        """The value, or None. Raises Unreachable."""
        ...

    async def put(self, key: str, value: bytes, revision: int) -> int:
        """The new revision, if `revision` (0: absent) is still the stored one; else Conflict."""
        ...

    async def delete(self, key: str) -> None:
        """Forget a key; an absent one is no error."""
        ...

    async def keys(self, pattern: str = ">") -> list[str]:
        """The keys that match a subject pattern, such as `*.state`."""
        ...


@dataclass(frozen=True, slots=True)
class Write:
    """A state to keep in the service's own bucket; `revision` as in `Store.put`."""

    key: str
    value: bytes
    revision: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """A clock for one experiment: a tick every `interval_seconds`; None stops it."""

    namespace: str
    name: str
    interval_seconds: int | None
    body: bytes = b"{}"


@dataclass(frozen=True, slots=True)
class Reaction:
    """What follows from one message."""

    events: Sequence[Event] = ()
    writes: Sequence[Write] = ()
    schedules: Sequence[Schedule] = ()


NOTHING = Reaction()


@dataclass(frozen=True, slots=True)
class Tick:
    """The clock of an experiment struck; a hint, never a proof, of the time."""

    namespace: str
    name: str
    at: datetime
    body: bytes


@dataclass(frozen=True, slots=True)
class Command:
    """Something asked of Crossfade through the queue. `id` is the same at every redelivery."""

    verb: str
    id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Subscription:
    """A handler and what it listens to: an Event class, `Tick`, `Command` or `Deadline`."""

    listens_to: type[Any]
    handler: Handler


@dataclass(frozen=True, slots=True)
class Deadline:
    """The second clock struck; every few seconds, for the actuator."""

    at: datetime


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that a service set aside, with its reason; `id` is the message's own."""

    service: str
    id: str
    subject: str
    reason: str
    sequence: int
    namespace: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A door that answers: `verb` and a function from the body to the JSON of the reply."""

    verb: str
    answer: Callable[[bytes], Awaitable[Mapping[str, Any]]]


class Service(Protocol):
    """What the chassis runs."""

    @property
    def name(self) -> str:
        """`collector`, `analyzer`, `actuator`, `notifier`, `console`."""
        ...

    def subscriptions(self) -> Sequence[Subscription]:
        """What this service listens to."""
        ...

    def requests(self) -> Sequence[Request]:
        """The doors it answers at."""
        ...

    def loops(self) -> Sequence[Callable[[], Awaitable[None]]]:
        """What it does besides, each until cancelled."""
        ...

    async def close(self) -> None:
        """Give back what it holds: sessions, children."""
        ...


@runtime_checkable
class Noticing(Protocol):
    """A service that may be ready and still have something to say to whoever looks."""

    def notice(self) -> str | None:
        """One line for `/readyz`, or None; it makes nothing unready."""
        ...


def on(listens_to: type[Any], handler: Handler) -> Subscription:
    """Call `handler` with each message of that kind."""
    return Subscription(listens_to, handler)


@dataclass(frozen=True, slots=True)
class Delivery:
    """How the message in hand came: how often it was tried, when it was stored, its cause."""

    attempt: int = 1
    stored_at: datetime | None = None
    cause: str = ""
    trace: str = ""


delivery: ContextVar[Delivery] = ContextVar("delivery", default=Delivery())  # noqa: B039


class OutOfOrder(Retryable):
    """An earlier iteration has not passed yet; this one waits a little for it."""


HOLE_PATIENCE = 4


def wait_for_earlier(iteration: int, seen: int) -> None:
    """Raises OutOfOrder where iterations are missing before this one, a few times at most.

    After `HOLE_PATIENCE` deliveries the hole is accepted: events carry absolute values.
    """
    if iteration > seen + 1 and delivery.get().attempt <= HOLE_PATIENCE:
        raise OutOfOrder(f"iteration {iteration} came while {seen} is the last one seen")


class Publisher(Protocol):
    """Says events outside a handler: from a loop, or in the midst of a long piece of work."""

    async def say(self, event: Event) -> None:
        """Return once the log has the event. Raises Unreachable after the bus's own retries."""
        ...


class Commander(Protocol):
    """Asks Crossfade for something, as buttons and the command line do."""

    async def request(self, verb: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answer of `crossfade.request.<verb>`. Raises Unreachable where nobody answers."""
        ...


@dataclass(frozen=True, slots=True)
class Logged:
    """An event as the log keeps it. `pending` events follow before the present is reached."""

    event: Event
    sequence: int
    at: datetime
    pending: int


class EventLog(Protocol):
    """Reads the log from its start, without anybody noticing."""

    def follow(
        self,
        *,
        kinds: Sequence[str] = (),
        namespace: str = "",
        name: str = "",
        live: bool = True,
    ) -> AsyncIterator[Logged]:
        """Events in the log's order, then, if `live`, those to come; empty filters mean all."""
        ...
