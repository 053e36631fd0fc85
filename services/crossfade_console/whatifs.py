"""What would have been: passes the question on to the analyzer, one at a time.

Nobody needs to sign in for it: nothing is changed. That is why there is one at a time, and why a
question is small; whoever else asks meanwhile is told to ask again.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from crossfade.errors import Unreachable
from crossfade.runtime.service import Commander
from crossfade_console.answers import answer, asked, find, refusal
from crossfade_console.projection import Projection

WAIT_SECONDS = 10.0
LARGEST_CHANGE = 8_192
"""As the query or the body of a request."""


@dataclass(slots=True)
class WhatIfs:
    """The routes of replay."""

    projection: Projection
    commander: Commander
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    def routes(self) -> list[web.RouteDef]:
        """The routes."""
        path = "/api/experiments/{namespace}/{name}/replay"
        return [web.get(path, self.ask), web.post(path, self.ask)]

    async def ask(self, request: web.Request) -> web.Response:
        """A run as it went and as it would have gone under the change of a query or a body."""
        known = find(self.projection, request).known
        change = await _change(request)
        body = {"namespace": known.namespace, "name": known.name, "uid": known.uid}
        if self._busy.locked():
            error = refusal(web.HTTPTooManyRequests, "another replay is being computed")
            error.headers["Retry-After"] = "1"
            raise error
        async with self._busy:
            said = await self._answered(body | {"change": change})
        return answer(dict(said), 200 if said.get("accepted") else 422)

    async def _answered(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await self.commander.request("replay", body)
        except (Unreachable, TimeoutError) as error:
            told = f"nobody answers to replay: is the analyzer up? ({error})"
            raise refusal(web.HTTPServiceUnavailable, told) from error


async def _change(request: web.Request) -> Mapping[str, Any]:
    """What is to be otherwise; whether it can be, the analyzer says."""
    size = max(request.content_length or 0, len(request.query_string))
    if size > LARGEST_CHANGE:
        told = f"{size} bytes found, at most {LARGEST_CHANGE}"
        raise refusal(web.HTTPUnprocessableEntity, told)
    if request.method == "POST":
        change: Any = (await asked(request)).get("change", {})
        if not isinstance(change, dict):
            raise refusal(web.HTTPUnprocessableEntity, "expected an object", "change")
        return dict(change)
    return _from_query(request)


def _from_query(request: web.Request) -> dict[str, Any]:
    """`?policy=assured&alpha=0.05&limit=error-rate=0.01&minEffect=0.1&earlyStop=true`."""
    query = request.query
    change: dict[str, Any] = {k: query[k] for k in ("policy", "minEffect") if query.get(k)}
    if query.get("alpha"):
        change["alpha"] = _number(query["alpha"])
    if query.get("earlyStop"):
        change["earlyStop"] = {"true": True, "false": False}.get(query["earlyStop"], "unclear")
    limits = dict(_limit(text) for text in query.getall("limit", []))
    return change | ({"limits": limits} if limits else {})


def _number(text: str) -> float | str:
    try:
        found = float(text)
    except ValueError:
        return text  # the analyzer refuses it by its field
    return found if math.isfinite(found) else text


def _limit(text: str) -> tuple[str, str]:
    metric, _, value = text.rpartition("=")
    if not metric or not value:
        told = f"found {text[:80]!r}; right is metric=value"
        raise refusal(web.HTTPUnprocessableEntity, told, "limit")
    return metric, value
