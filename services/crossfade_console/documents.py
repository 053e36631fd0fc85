"""The document of a run, as its log has it: to be read, copied, applied again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml
from aiohttp import web

from crossfade.events import StageChange
from crossfade.runtime.service import EventLog
from crossfade_console.answers import answer, find, refusal
from crossfade_console.projection import Projection

READ_SECONDS = 5.0


@dataclass(slots=True)
class Documents:
    """The route of a run's document; it is read from the log when asked for, and not kept."""

    projection: Projection
    log: EventLog

    def routes(self) -> list[web.RouteDef]:
        """The routes."""
        return [web.get("/api/experiments/{namespace}/{name}/document", self.document)]

    async def document(self, request: web.Request) -> web.Response:
        """The experiment with its metrics as JSON, or as YAML that kubectl takes."""
        known = find(self.projection, request).known
        form = request.query.get("form", "json")
        if form not in ("json", "yaml"):
            told = f"found {form[:40]!r}; right is json or yaml"
            raise refusal(web.HTTPUnprocessableEntity, told, "form")
        try:
            async with asyncio.timeout(READ_SECONDS):
                body = await self._last(known.namespace, known.name, known.uid)
        except TimeoutError as error:
            told = f"the log was not read within {READ_SECONDS:g} s"
            raise refusal(web.HTTPServiceUnavailable, told) from error
        if body is None:
            raise refusal(web.HTTPNotFound, "the log keeps no document of this run (yet)")
        return answer(body) if form == "json" else web.Response(text=as_yaml(body))

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
