"""Doors: what is asked over request and reply is examined, queued and answered, and nothing more.

Accepted means valid and recorded; what fails later is a stage-change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from crossfade.domain.runs import RunState
from crossfade.errors import Conflict, FieldError, Malformed, NotFound
from crossfade.resources import Document, split_body
from crossfade.runtime.clock import Clock
from crossfade_actuator.admission import (
    Admission,
    Catalog,
    find_run,
    named,
    own_uid,
    uid_of,
    with_uid,
)
from crossfade_actuator.ledger import Ledger
from crossfade_actuator.repeating import carrying, made_for, request_of
from crossfade_actuator.verbs import check


class Queue(Protocol):
    """The command queue."""

    async def command(self, verb: str, body: bytes, id: str) -> None:  # noqa: A002
        """Keep a command, once per id."""
        ...


@dataclass(frozen=True, slots=True)
class Doors:
    """Answers a start and every other verb."""

    ledger: Ledger
    admission: Admission
    queue: Queue
    clock: Clock

    async def start(self, body: bytes) -> Mapping[str, Any]:
        """Validate, make the resource where there is a cluster, queue, and answer with the uid."""
        document = await self.admission.examine(body)
        warnings = list(document.warnings)
        request = request_of(orjson.loads(body))
        known = await self.known(document, body, request)
        if known is not None:
            return {"accepted": True, "uid": known.uid, "errors": [], "warnings": warnings}
        uid, resource = await self.identity(document, body, request)
        await self.queue.command("start-experiment", with_uid(body, uid, resource), uid)
        return {"accepted": True, "uid": uid, "errors": [], "warnings": warnings}

    async def ask(self, verb: str, body: bytes) -> Mapping[str, Any]:
        """Queue what is asked of a run, if it may be asked now, and answer which run it is."""
        namespace, name, uid, whole = named(body)
        state = await find_run(self.ledger, namespace, name, uid)
        check(verb, state, whole)
        asked = orjson.dumps(whole | {"uid": state.uid, "epoch": state.epoch})
        await self.queue.command(verb, asked, f"{state.uid}/{state.epoch}/{verb}")
        return {"accepted": True, "uid": state.uid, "errors": []}

    async def known(self, document: Document, body: bytes, request: str) -> RunState | None:
        """The run that this very request began, ended or not; else the open one of this name.

        Raises Malformed where either was asked for other things.
        """
        uid = await self._repeated(document, body, request)
        try:
            state = await self.ledger.load(uid) if uid else None
        except NotFound:
            state = None
        if state is None:
            return await self.admission.open_run(document)
        if state.revision:  # one that was refused has no document
            first = await self.admission.runs.document(uid, 1)
            if first.experiment.spec != document.experiment.spec:
                told = f"was given before, with another document that runs or ran as {uid}"
                raise Malformed([FieldError("requestId", told)])
        return state

    async def _repeated(self, document: Document, body: bytes, request: str) -> str:
        """The uid that this request has or would have; empty where it has none yet."""
        catalog = self.admission.catalog
        experiment, _ = split_body(orjson.loads(body))
        if not request or own_uid(experiment):
            return ""
        if catalog is None:
            return uid_of(experiment, request)
        found = await catalog.get_experiment(document.namespace, document.name)
        return own_uid(found) if found is not None and made_for(found, request) else ""

    async def identity(
        self, document: Document, body: bytes, request: str
    ) -> tuple[str, Mapping[str, Any] | None]:
        """The uid of a start, and the resource where one was made for it."""
        catalog = self.admission.catalog
        experiment, _ = split_body(orjson.loads(body))
        if catalog is None or own_uid(experiment):
            return uid_of(experiment, request or self.clock().isoformat()), None
        wanted = carrying(experiment, request)
        try:
            made = await catalog.create_experiment(wanted)
        except Conflict:
            made = await _again(self.ledger, catalog, document, wanted)
        return str(made["metadata"]["uid"]), made


async def _again(
    ledger: Ledger, catalog: Catalog, document: Document, experiment: Mapping[str, Any]
) -> Mapping[str, Any]:
    """The resource for a name that is taken: the one that no run has seen yet, or a new one.

    One whose run has ended gives way: what it said stays in the log, and the new run gets a uid of
    its own. Raises Conflict where somebody else creates and deletes at the same time.
    """
    found = await catalog.get_experiment(document.namespace, document.name)
    if found is None:
        raise Conflict(f"experiment {document.name} came and went; ask again")
    uid = str(found["metadata"]["uid"])
    try:
        ended = await ledger.load(uid)
    except NotFound:
        return found
    if not ended.over:
        raise Malformed([FieldError("metadata.name", f"running as {uid}")])
    await catalog.delete_experiment(document.namespace, document.name, uid)
    return await catalog.create_experiment(experiment)
