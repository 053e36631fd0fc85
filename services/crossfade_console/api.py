"""The HTTP API: views as JSON, live streams, the log itself, and actions for whoever signed in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from crossfade.errors import Unreachable
from crossfade.runtime.clock import Clock
from crossfade.runtime.service import Commander, EventLog, Logged
from crossfade_console import openapi, streams
from crossfade_console.answers import answer, asked, find, look, refusal
from crossfade_console.assets import compressed
from crossfade_console.projection import Projection, Run
from crossfade_console.schemas import ACTIONS
from crossfade_console.sessions import Sessions
from crossfade_console.views import detail, joined, row

log = logging.getLogger(__name__)

COMMAND_SECONDS = 10.0
LARGEST_REASON = 500


@dataclass(slots=True)
class Api:
    """The routes under `/api`."""

    projection: Projection
    log: EventLog
    commander: Commander
    sessions: Sessions
    clock: Clock

    def routes(self) -> list[web.RouteDef]:
        """The routes."""
        one = "/api/experiments/{namespace}/{name}"
        return [
            web.get("/api/experiments", self.experiments),
            web.get("/api/events", self.rows),
            web.get(one, self.experiment),
            web.get(f"{one}/events", self.follow),
            web.get(f"{one}/log", self.events),
            web.post(f"{one}/actions", self.act),
            web.get("/api/openapi.json", self.describe),
        ]

    async def experiments(self, request: web.Request) -> web.Response:
        """Every experiment's latest run, the last changed first."""
        rows = (row(run) for run in self.projection.latest())
        wanted = {k: request.query[k] for k in ("phase", "namespace") if k in request.query}
        found = [r for r in rows if all(r[k] == v for k, v in wanted.items())]
        return compressed(answer({"experiments": found, "cursor": self.projection.cursor}))

    async def rows(self, request: web.Request) -> web.StreamResponse:
        """The list, live; who names where they stand misses nothing, over a restart too."""
        stood = request.headers.get("Last-Event-ID") or request.query.get("after")
        cursor = stood or self.projection.cursor
        response = await streams.stream(request)
        following = streams.follow_list(response, self.projection, cursor)
        return await _until_left(response, following)

    async def experiment(self, request: web.Request) -> web.Response:
        """One run whole."""
        run = find(self.projection, request)
        body = whole(run, self.clock)
        return compressed(web.Response(body=body, content_type="application/json"))

    async def follow(self, request: web.Request) -> web.StreamResponse:
        """One run, live."""
        find(self.projection, request)
        response = await streams.stream(request)
        following = streams.follow_run(
            response, self.projection, lambda: look(self.projection, request), self.clock
        )
        return await _until_left(response, following)

    async def events(self, request: web.Request) -> web.StreamResponse:
        """The log of an experiment as it is kept, one event a line."""
        known = find(self.projection, request).known
        logs = self.log.follow(namespace=known.namespace, name=known.name, live=False)
        wanted = request.query.get("id")
        if wanted is not None:
            async for logged in logs:
                if logged.event.id == wanted:
                    return answer(_said(logged))
            raise refusal(web.HTTPNotFound, "the log keeps no such event (any more)", "id")
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        async for logged in logs:
            await response.write(orjson.dumps(_said(logged)) + b"\n")
        return response

    async def act(self, request: web.Request) -> web.Response:
        """Ask for something in the name of whoever signed in."""
        who = self.sessions.may_act(request)
        if not who and self.sessions.hammered(request):
            raise refusal(web.HTTPTooManyRequests, "too many wrong tokens; wait a minute")
        if not who:
            raise refusal(web.HTTPUnauthorized, "sign in first; then the page may act")
        run = find(self.projection, request)
        wanted = await asked(request)
        verb = _verb(wanted)
        _refuse_stale(wanted, run)
        try:
            async with asyncio.timeout(COMMAND_SECONDS):
                said = await self.commander.request(verb, _body(wanted, run, who))
        except (Unreachable, TimeoutError) as error:
            told = f"nobody answers to {verb}: is the actuator up? ({error})"
            raise refusal(web.HTTPServiceUnavailable, told) from error
        log.info("asked for", extra={"verb": verb, "uid": run.known.uid, "by": who})
        return answer(dict(said), 202 if said.get("accepted") else 422)

    async def describe(self, request: web.Request) -> web.Response:
        """The API's own description."""
        return answer(openapi.document("1"))


def _said(logged: Logged) -> dict[str, Any]:
    return {
        "id": logged.event.id,
        "type": logged.event.type,
        "time": logged.at.isoformat(),
        "sequence": logged.sequence,
        "data": logged.event.to_json(),
    }


def whole(run: Run, clock: Clock) -> bytes:
    """A run with its history and log, as JSON."""
    view = orjson.dumps(detail(run, clock()))
    return joined(view, run.history.points(), list(run.lines))


def _verb(asked: Mapping[str, Any]) -> str:
    verb = asked.get("verb")
    if verb not in ACTIONS:
        told = f"found {verb!r}, expected one of {', '.join(ACTIONS)}"
        raise refusal(web.HTTPUnprocessableEntity, told, "verb")
    if asked.get("confirm") is not True:
        told = "an action has to be confirmed: expected true"
        raise refusal(web.HTTPUnprocessableEntity, told, "confirm")
    return str(verb)


def _refuse_stale(asked: Mapping[str, Any], run: Run) -> None:
    known = run.known
    expected = asked.get("expected")
    shown = expected if isinstance(expected, dict) else {}
    if known.over:
        raise refusal(web.HTTPConflict, "the run is over")
    if asked.get("uid", known.uid) != known.uid:
        raise refusal(web.HTTPConflict, "there is a newer run of this experiment", "uid")
    if shown.get("epoch", known.epoch) != known.epoch:
        told = f"the run has moved on since the page was shown: {known.message}"
        raise refusal(web.HTTPConflict, told, "expected.epoch")
    if shown.get("stage", known.stage) != known.stage:
        raise refusal(web.HTTPConflict, f"the run is {known.stage} now", "expected.stage")


def _body(asked: Mapping[str, Any], run: Run, who: str) -> dict[str, Any]:
    known = run.known
    given = {k: str(asked[k])[:LARGEST_REASON] for k in ("version", "reason") if asked.get(k)}
    return {
        "namespace": known.namespace,
        "name": known.name,
        "uid": known.uid,
        "requestedBy": f"console:{who}",
    } | (given | ({"epoch": known.epoch} if known.epoch else {}))


async def _until_left(response: web.StreamResponse, following: Any) -> web.StreamResponse:
    try:
        await following
    except (ConnectionResetError, ConnectionAbortedError):
        log.debug("a reader left")
    return response
