"""The ledger: every run's state under compare-and-set, and the events it still has to say.

A fact changes a state by `crossfade.domain.lifecycle.step` and nothing else. What a step wants to
say is stored with the step and said afterwards, so a crash between the two repeats the saying.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import orjson
from pydantic import TypeAdapter

from crossfade.domain.facts import Fact
from crossfade.domain.lifecycle import step
from crossfade.domain.runs import Announcement, RunState
from crossfade.errors import Conflict, NotFound
from crossfade.events import CATALOGUE, Event, subjects
from crossfade.resources import Document
from crossfade.runtime.service import Publisher, Store

ATTEMPTS = 20
_CODEC: TypeAdapter[RunState] = TypeAdapter(RunState)


def encode(state: RunState) -> bytes:
    """A state as JSON."""
    return _CODEC.dump_json(state)


def decode(value: bytes) -> RunState:
    """The state of an earlier `encode`."""
    return _CODEC.validate_json(value)


@dataclass(frozen=True, slots=True)
class Ledger:
    """Reads and changes the states of runs."""

    store: Store
    publisher: Publisher

    async def load(self, uid: str) -> RunState:
        """The state of a run. Raises NotFound."""
        entry = await self.store.get(subjects.state_key(uid))
        if entry is None:
            raise NotFound(f"no run {uid}")
        return decode(entry.value)

    async def open_runs(self) -> list[str]:
        """The uids of runs that have not been settled to their very end."""
        return [key.partition(".")[2] for key in await self.store.keys("open.*")]

    async def latest(self, namespace: str, name: str) -> RunState | None:
        """The latest run of an experiment's name."""
        entry = await self.store.get(subjects.name_key(namespace, name))
        if entry is None:
            return None
        try:
            return await self.load(entry.value.decode())
        except NotFound:
            return None

    async def enrol(self, state: RunState, document: Document | None) -> None:
        """Begin to keep a run; doing it again changes nothing.

        The order matters: what a reader of the later keys needs is there before them.
        """
        if document is not None:
            await self.keep_document(state.uid, state.revision, document)
        await self._put_once(subjects.open_key(state.uid), b"")
        await self._put_once(subjects.state_key(state.uid), encode(state))
        name = subjects.name_key(state.namespace, state.name)
        entry = await self.store.get(name)
        if entry is None or entry.value != state.uid.encode():
            await self.store.put(name, state.uid.encode(), entry.revision if entry else 0)

    async def keep_document(self, uid: str, revision: int, document: Document) -> None:
        """Keep a document for ever under its revision; the first one kept counts."""
        key = subjects.document_key(uid, revision)
        await self._put_once(key, orjson.dumps(document.to_json()))

    async def keep_next(self, uid: str, after: int, document: Document) -> int:
        """The revision, later than `after`, that the document is kept under.

        One that asks for the same is taken for it: whoever kept it died before saying so.
        """
        for revision in range(after + 1, after + 1 + ATTEMPTS):
            await self.keep_document(uid, revision, document)
            entry = await self.store.get(subjects.document_key(uid, revision))
            if entry is None:
                raise Conflict(f"revision {revision} of {uid} went away")
            if Document.from_json(orjson.loads(entry.value)).asks_the_same(document):
                return revision
        raise Conflict(f"the document of {uid} changes faster than it can be kept")

    async def apply(self, uid: str, fact: Fact) -> RunState:
        """The state after a fact, stored; a fact that is known already changes nothing."""
        return await self.change(uid, lambda state: step(state, fact))

    async def change(self, uid: str, how: Callable[[RunState], RunState]) -> RunState:
        """Change a state by a pure function. Raises NotFound, Conflict after many tries."""
        key = subjects.state_key(uid)
        for _ in range(ATTEMPTS):
            entry = await self.store.get(key)
            if entry is None:
                raise NotFound(f"no run {uid}")
            before = decode(entry.value)
            after = how(before)
            if after is before:
                return before
            try:
                await self.store.put(key, encode(after), entry.revision)
            except Conflict:
                continue
            return after
        raise Conflict(f"{key} changes faster than it can be written")

    async def say(self, state: RunState) -> RunState:
        """Say what stands in the outbox, then take it out."""
        if not state.outbox:
            return state
        for announcement in state.outbox:
            await self.publisher.say(event_of(state, announcement))
        said = state.outbox
        return await self.change(state.uid, lambda now: _without(now, said))

    async def close(self, uid: str) -> None:
        """The run is settled: nobody needs to look after it any more, nor acts for it."""
        # Whoever died while it acted gave its lease back to nobody.
        await self.store.delete(subjects.lease_key(uid))
        await self.store.delete(subjects.open_key(uid))

    async def _put_once(self, key: str, value: bytes) -> None:
        if await self.store.get(key) is None:
            try:
                await self.store.put(key, value, 0)
            except Conflict:
                return


def event_of(state: RunState, announcement: Announcement) -> Event:
    """An announcement as the event of its kind, addressed to the run's experiment."""
    body = {key: value for key, value in announcement.body.items() if value is not None}
    return CATALOGUE[announcement.kind].from_json(body).about(state.namespace, state.name)


def _without(state: RunState, said: tuple[Announcement, ...]) -> RunState:
    left = tuple(a for a in state.outbox if a not in said)
    return state if left == state.outbox else replace(state, outbox=left)
