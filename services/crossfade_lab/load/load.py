"""The load of the seed's two experiments: predictions through the router, feedback beside it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import aiohttp

from crossfade_lab.load.counts import Counts
from crossfade_lab.load.modes import Mode
from crossfade_lab.load.streams import USERS, Stream

__all__ = ["Load", "Version"]

PREDICTIONS_PER_SECOND = 5.0
SEED_INTERVAL_SECONDS = 10.0
FLOWER = {"data": {"ndarray": [[6.8, 2.8, 4.8, 1.4]]}}
REWARD = {"reward": 1}


@dataclass(frozen=True, slots=True)
class Version:
    """One predictor of one SeldonDeployment."""

    namespace: str
    deployment: str
    predictor: str

    @property
    def path(self) -> str:
        """Its SeldonDeployment's path at the ingress."""
        return f"/seldon/{self.namespace}/{self.deployment}"


class Load:
    """Runs streams; counts apart what was asked and what was told.

    Below the seed's interval of 10 s the pace rises by 10 / interval: shorter windows see as many
    requests. Feedback to a predictor that is no longer there is not sent.
    """

    def __init__(self, predictions: Stream, feedback: Sequence[Stream]) -> None:
        self.streams = (predictions, *feedback)
        self.predictions = predictions.counts
        self.feedback = tuple(stream.counts for stream in feedback)
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    def single(
        cls,
        router_url: str,
        address: Callable[[str, str, str], str | None],
        versions: Sequence[Version],
        *,
        interval_seconds: float = SEED_INTERVAL_SECONDS,
        mode: Mode = Mode.BETTER,
    ) -> Self:
        """The first experiment: one SeldonDeployment, feedback sent to each model's `address`.

        `versions` are the baseline and the candidate, `address` is `Operator.address`.
        """
        pace = _pace(interval_seconds)
        url = f"{router_url}{versions[0].path}/api/v1.0/predictions"

        def direct(version: Version) -> Callable[[], str | None]:
            def now() -> str | None:
                at = address(version.namespace, version.deployment, version.predictor)
                return f"{at}/api/v1.0/feedback" if at else None

            return now

        return cls(
            _predictions(_always(url), pace),
            [
                Stream(f"feedback to {v.predictor}", direct(v), REWARD, rate * pace)
                for v, rate in zip(versions, mode.feedback_per_second, strict=True)
            ],
        )

    @classmethod
    def separate(
        cls,
        router_url: str,
        host: str,
        versions: Sequence[Version],
        *,
        interval_seconds: float = SEED_INTERVAL_SECONDS,
        mode: Mode = Mode.BETTER,
    ) -> Self:
        """The second: predictions to `host` by the VirtualService, feedback by ingress paths."""
        pace = _pace(interval_seconds)
        return cls(
            _predictions(_always(f"{router_url}/api/v1.0/predictions"), pace, host),
            [
                Stream(f"feedback to {v.namespace}", _told(router_url, v), REWARD, rate * pace)
                for v, rate in zip(versions, mode.feedback_per_second, strict=True)
            ],
        )

    @classmethod
    def even(cls, models: Sequence[str], *, mode: Mode = Mode.BETTER) -> Self:
        """No router: predictions to two models' addresses in turn, feedback to each."""
        turns = itertools.cycle(models)
        return cls(
            _predictions(lambda: f"{next(turns)}/api/v1.0/predictions", 1.0),
            [
                Stream(f"feedback to {at}", _always(f"{at}/api/v1.0/feedback"), REWARD, rate)
                for at, rate in zip(models, mode.feedback_per_second, strict=True)
            ],
        )

    @property
    def counts(self) -> Counts:
        """Predictions and feedback together; `recent` is that of the predictions."""
        total = Counts(recent=self.predictions.recent)
        for part in (self.predictions, *self.feedback):
            total.sent += part.sent
            total.ok += part.ok
            total.failed += part.failed
            total.lost += part.lost
            total.unsent += part.unsent
            total.by_model.update(part.by_model)
            total.losses.extend(part.losses)
        return total

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Begin to send."""
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=15.0)
        self._session = aiohttp.ClientSession(connector=connector)
        self._tasks = [asyncio.create_task(s.run(self._session)) for s in self.streams]

    async def stop(self) -> None:
        """Send no more, and return when every answer that was due has been counted."""
        if not self._tasks:
            return
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        self._tasks = []
        await self._session.close()


def _pace(interval_seconds: float) -> float:
    return max(1.0, SEED_INTERVAL_SECONDS / interval_seconds)


def _predictions(url: Callable[[], str], pace: float, host: str | None = None) -> Stream:
    return Stream(
        name="predictions",
        url=url,
        body=FLOWER,
        per_second=PREDICTIONS_PER_SECOND * pace,
        headers={"Host": host} if host else {},
        users=USERS,
    )


def _told(router_url: str, version: Version) -> Callable[[], str]:
    return _always(f"{router_url}{version.path}/api/v1.0/feedback")


def _always(url: str) -> Callable[[], str]:
    return lambda: url
