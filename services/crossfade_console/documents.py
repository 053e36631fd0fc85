"""The document of a run, as its log has it: to be read, copied, applied again, and linted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from aiohttp import web
from pydantic import ValidationError

from crossfade.errors import Malformed
from crossfade.events import StageChange
from crossfade.linting import lint
from crossfade.resources import Document
from crossfade.runtime.service import EventLog
from crossfade_console.answers import answer, find, refusal
from crossfade_console.projection import Projection

READ_SECONDS = 5.0


@dataclass(slots=True)
class Documents:
    """The routes of a run's document; it is read from the log when asked for, and not kept."""

    projection: Projection
    log: EventLog

    def routes(self) -> list[web.RouteDef]:
        """The routes."""
        one = "/api/experiments/{namespace}/{name}"
        return [
            web.get(f"{one}/document", self.document),
            web.get(f"{one}/warnings", self.warnings),
        ]

    async def document(self, request: web.Request) -> web.Response:
        """The experiment with its metrics as JSON, or as YAML that kubectl takes."""
        form = request.query.get("form", "json")
        if form not in ("json", "yaml"):
            told = f"found {form[:40]!r}; right is json or yaml"
            raise refusal(web.HTTPUnprocessableEntity, told, "form")
        body = await self._body(request)
        return answer(body) if form == "json" else web.Response(text=as_yaml(body))

    async def warnings(self, request: web.Request) -> web.Response:
        """What lint says of the document; nothing of one that a later release wrote."""
        body = await self._body(request)
        try:
            found = await asyncio.to_thread(lint, Document.from_json(body))
        except (Malformed, ValidationError):
            found = []
        return answer({"warnings": [finding.to_json() for finding in found]})

    async def _body(self, request: web.Request) -> Mapping[str, Any]:
        """The document of a request's run. Refuses where the log does not give it."""
        known = find(self.projection, request).known
        try:
            async with asyncio.timeout(READ_SECONDS):
                body = await self._last(known.namespace, known.name, known.uid)
        except TimeoutError as error:
            told = f"the log was not read within {READ_SECONDS:g} s"
            raise refusal(web.HTTPServiceUnavailable, told) from error
        if body is None:
            raise refusal(web.HTTPNotFound, "the log keeps no document of this run (yet)")
        return body

    async def _last(self, namespace: str, name: str, uid: str) -> Mapping[str, Any] | None:
        found = None
        kinds = (StageChange.kind,)
        log = self.log.follow(kinds=kinds, namespace=namespace, name=name, live=False)
        async for logged in log:
            event = logged.event
            if isinstance(event, StageChange) and event.uid == uid and event.document:
                found = event.document
        return found


def as_yaml(body: Mapping[str, Any]) -> str:
    """The metrics, then the experiment that refers to them, each a document of its own."""
    parts = [*body.get("metrics", ()), body["experiment"]]
    return yaml.safe_dump_all(parts, sort_keys=False, allow_unicode=True)
