"""One predictor: a model behind Seldon's protocol, as its executor would serve it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from aiohttp import web

from crossfade.errors import Malformed
from crossfade_lab.models.catalogue import Artefact
from crossfade_lab.models.executor import CONTENT_TYPE, ExecutorMetrics
from crossfade_lab.models.faults import HEALTHY, Faults, Pacer
from crossfade_lab.models.protocol import answer, failure, read_json, rows_of
from crossfade_lab.models.scoring import Model, load

__all__ = ["DELIBERATE", "MODEL", "PREDICTOR", "ModelServer", "Place"]

MODEL = "x-model"
PREDICTOR = "x-predictor"
DELIBERATE = "x-deliberate"

Answer = tuple[int, Any, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Place:
    """Which predictor of which SeldonDeployment is served."""

    namespace: str
    deployment: str
    predictor: str
    predictor_version: str = ""
    graph: str = "classifier"

    def __str__(self) -> str:
        return f"{self.namespace}/{self.deployment}/{self.predictor}"


class ModelServer:
    """Answers predictions and feedback, counts both, and is as faulty as it was asked to be."""

    def __init__(self, artefact: Artefact, place: Place, faults: Faults = HEALTHY) -> None:
        self._model: Model = load(artefact.name)
        self._path = {place.graph: f"{artefact.image}:{artefact.image_version}"}
        self._signature = {MODEL: artefact.name, PREDICTOR: str(place)}
        self._delay_seconds = faults.delay_seconds
        self._pacers = {name: Pacer(faults.failures) for name in ("predictions", "feedback")}
        self._metrics = ExecutorMetrics(
            {
                "deployment_name": place.deployment,
                "predictor_name": place.predictor,
                "predictor_version": place.predictor_version,
            },
            {
                "model_name": place.graph,
                "model_image": artefact.image,
                "model_version": artefact.image_version,
            },
        )

    def application(self) -> web.Application:
        """The routes of Seldon's executor."""
        app = web.Application()
        app.router.add_post("/api/v1.0/predictions", self._timed("predictions", self._predict))
        app.router.add_post("/api/v1.0/feedback", self._timed("feedback", self._learn))
        app.router.add_get("/health/status", self._timed("status", self._status))
        app.router.add_get("/ready", self._ready)
        app.router.add_get("/live", self._ready)
        app.router.add_get("/prometheus", self._scrape)
        return app

    def _timed(
        self, service: str, answers: Callable[[web.Request], Awaitable[Answer]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def respond(request: web.Request) -> web.Response:
            began = time.perf_counter()
            try:
                code, body, headers = await answers(request)
            except Malformed as error:
                code, headers = 400, {}
                body = failure(-1, "MICROSERVICE_BAD_DATA", str(error))
            self._metrics.answered(service, request.method, code, time.perf_counter() - began)
            return web.json_response(body, status=code, headers=self._signature | headers)

        return respond

    async def _predict(self, request: web.Request) -> Answer:
        rows = rows_of(read_json(await request.read()))
        puid = request.headers.get("seldon-puid") or str(uuid4())
        score = lambda: answer(self._model, rows, puid, self._path)  # noqa: E731
        return await self._call("predictions", "/predict", score)

    async def _learn(self, request: web.Request) -> Answer:
        reward = read_json(await request.read()).get("reward", 0)
        if isinstance(reward, bool) or not isinstance(reward, int | float):
            raise Malformed(f"reward: must be a number, found {json.dumps(reward)}")
        empty: dict[str, Any] = {"data": {"tensor": {"shape": [0]}}, "meta": {}}
        return await self._call("feedback", "/send-feedback", lambda: empty)

    async def _call(self, service: str, call: str, score: Callable[[], Any]) -> Answer:
        # A slow model is slow, and a failing one fails, whatever it is asked.
        began = time.perf_counter()
        if self._delay_seconds:
            await asyncio.sleep(self._delay_seconds)
        if self._pacers[service].fails():
            info = "this model was started with a share of failures"
            code, body = 500, failure(-1, "MICROSERVICE_INTERNAL_ERROR", info)
            headers = {DELIBERATE: "true"}
        else:
            code, body, headers = 200, score(), {}
        self._metrics.passed_on(call, code, time.perf_counter() - began)
        return code, body, headers

    async def _status(self, _: web.Request) -> Answer:
        return 200, {"status": "ok"}, {}

    async def _ready(self, _: web.Request) -> web.Response:
        return web.Response(text="ready", headers=self._signature)

    async def _scrape(self, _: web.Request) -> web.Response:
        headers = {"Content-Type": CONTENT_TYPE}
        return web.Response(text=self._metrics.text(), headers=headers)
