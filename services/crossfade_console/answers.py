"""Answers in the API's shape, and the run that a request is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from crossfade_console.projection import Projection, Run


def answer(body: Mapping[str, Any], status: int = 200) -> web.Response:
    """JSON."""
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


def refusal(kind: type[web.HTTPError], message: str, field: str = "") -> web.HTTPError:
    """An error in the API's shape."""
    body = {"accepted": False, "errors": [{"field": field, "message": message}]}
    return kind(text=orjson.dumps(body).decode(), content_type="application/json")


async def asked(request: web.Request) -> Mapping[str, Any]:
    """The body of a request. Refuses what is no JSON object."""
    try:
        found = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise refusal(web.HTTPBadRequest, f"not JSON: {error}") from error
    if not isinstance(found, dict):
        raise refusal(web.HTTPBadRequest, "expected an object")
    return found


def look(projection: Projection, request: web.Request) -> Run | None:
    """The run that a path names, or its `uid`; None where nobody knows it."""
    named = request.match_info
    return projection.find(named["namespace"], named["name"], request.query.get("uid", ""))


def find(projection: Projection, request: web.Request) -> Run:
    """The run that a path names. Refuses what nobody knows."""
    run = look(projection, request)
    if run is None:
        named = request.match_info
        told = f"no experiment {named['namespace']}/{named['name']} is known"
        raise refusal(web.HTTPNotFound, told)
    return run
