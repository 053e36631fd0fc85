"""The part of Prometheus' HTTP API that collectors, dashboards and people ask for."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

import promql_parser as ast
from aiohttp import web

from crossfade.errors import Permanent
from crossfade_lab.metrics.promql import (
    QueryError,
    Value,
    evaluate,
    evaluate_range,
    is_range,
    matchers_of,
    parse,
    parse_duration_ms,
    vector,
    windows,
    written,
)
from crossfade_lab.metrics.store import Store

__all__ = ["application"]

MOST_POINTS = 11_000
STATUS = {"bad_data": 400, "execution": 422}


def application(store: Store) -> web.Application:
    """The API over one store."""
    api = Api(store)
    app = web.Application(middlewares=[told])
    for path, answer in (
        ("/api/v1/query", api.query),
        ("/api/v1/query_range", api.query_range),
        ("/api/v1/series", api.series),
        ("/api/v1/labels", api.labels),
    ):
        app.router.add_get(path, answer)
        app.router.add_post(path, answer)
    app.router.add_get("/api/v1/label/{name}/values", api.label_values)
    app.router.add_get("/-/ready", alive)
    app.router.add_get("/-/healthy", alive)
    return app


@web.middleware
async def told(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Errors in Prometheus' shape and with its status."""
    try:
        return await handler(request)
    except Permanent as wrong:
        kind = wrong.kind if isinstance(wrong, QueryError) else "execution"
        body = {"status": "error", "errorType": kind, "error": str(wrong)}
        return web.json_response(body, status=STATUS[kind])


async def alive(_request: web.Request) -> web.Response:
    """It answers, so it is ready."""
    return web.Response(text="Prometheus Server is Ready.\n")


class Api:
    """The endpoints; parameters come in the address or as a form."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def query(self, request: web.Request) -> web.Response:
        """One expression at one instant, by default now."""
        given = await parameters(request)
        at_ms = moment(given, "time", time.time())
        tree = parse(required(given, "query"))
        value = evaluate(self._store, tree, at_ms)
        if is_range(tree):
            return success({"resultType": "matrix", "result": windows_body(value)})
        return success(instant_body(value, at_ms))

    async def query_range(self, request: web.Request) -> web.Response:
        """One expression at each step from `start` to `end`."""
        given = await parameters(request)
        start, end, step = moment(given, "start"), moment(given, "end"), step_of(given)
        if end < start:
            raise refused("end", "end timestamp must not be before start time")
        if (end - start) // step > MOST_POINTS:
            raise QueryError(
                "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing "
                "the query resolution (?step=XX)",
                "bad_data",
            )
        tree = parse(required(given, "query"))
        if is_range(tree):
            raise refused("query", 'invalid expression type "range vector" for range query')
        found = evaluate_range(self._store, tree, start, end, step)
        return success({"resultType": "matrix", "result": windows_body(found)})

    async def series(self, request: web.Request) -> web.Response:
        """The labels of the series that any `match[]` selects."""
        given = await parameters(request)
        return success(self._selected(given.get("match[]", [])))

    async def labels(self, request: web.Request) -> web.Response:
        """The names of labels, of all series or of those that `match[]` selects."""
        given = await parameters(request)
        listed = self._selected(given.get("match[]", ['{__name__!=""}']))
        return success(sorted({name for labels in listed for name in labels}))

    async def label_values(self, request: web.Request) -> web.Response:
        """The values of one label."""
        given = await parameters(request)
        name = request.match_info["name"]
        listed = self._selected(given.get("match[]", ['{__name__!=""}']))
        return success(sorted({labels[name] for labels in listed if name in labels}))

    def _selected(self, expressions: list[str]) -> list[dict[str, str]]:
        if not expressions:
            raise QueryError("no match[] parameter provided", "bad_data")
        found = {}
        for expression in expressions:
            selector = parse(expression)
            if not isinstance(selector, ast.VectorSelector):
                raise refused("match[]", f"{expression!r} is not a selector")
            for series in self._store.select(matchers_of(selector)):
                found[id(series)] = series.labels
        return list(found.values())


async def parameters(request: web.Request) -> dict[str, list[str]]:
    """Every parameter's values, from the address and the form."""
    given: dict[str, list[str]] = {}
    form = await request.post() if request.method == "POST" else {}
    for name, value in [*request.query.items(), *form.items()]:
        given.setdefault(name, []).append(str(value))
    return given


def required(given: Mapping[str, list[str]], name: str) -> str:
    """A parameter's value; an absent one is empty, which no parser takes."""
    return given.get(name, [""])[0]


def moment(given: Mapping[str, list[str]], name: str, default: float | None = None) -> int:
    """A time in milliseconds, given as Unix seconds or RFC 3339."""
    text = required(given, name)
    if not text and default is not None:
        return round(default * 1000)
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = datetime.fromisoformat(text).timestamp()
        except ValueError:
            raise refused(name, f'cannot parse "{text}" to a valid timestamp') from None
    if not math.isfinite(seconds):
        raise refused(name, f'cannot parse "{text}" to a valid timestamp')
    return round(seconds * 1000)


def step_of(given: Mapping[str, list[str]]) -> int:
    """The step in milliseconds, given as seconds or as a duration."""
    text = required(given, "step")
    try:
        step = round(float(text) * 1000)
    except (ValueError, OverflowError):
        step = parse_duration_ms(text)
    if step <= 0:
        raise refused("step", "zero or negative query resolution step widths are not accepted")
    return step


def refused(name: str, why: str) -> QueryError:
    """A parameter that cannot be used."""
    return QueryError(f'invalid parameter "{name}": {why}', "bad_data")


def success(body: Any) -> web.Response:
    """What was asked for, in Prometheus' envelope."""
    return web.json_response({"status": "success", "data": body})


def instant_body(value: Value, at_ms: int) -> dict[str, Any]:
    """A value with its type; numbers as text, so that NaN and infinity have a way."""
    if isinstance(value, str):
        return {"resultType": "string", "result": [at_ms / 1000, value]}
    if isinstance(value, float):
        return {"resultType": "scalar", "result": [at_ms / 1000, written(value)]}
    shown = [
        {"metric": element.labels, "value": [at_ms / 1000, written(element.value)]}
        for element in vector(value)
    ]
    return {"resultType": "vector", "result": shown}


def windows_body(value: Value) -> list[dict[str, Any]]:
    """Series with all their samples."""
    shown = []
    for window in windows(value):
        pairs = zip(window.times, window.values, strict=True)
        points = [[at / 1000, written(sample)] for at, sample in pairs]
        shown.append({"metric": window.labels, "values": points})
    return shown
