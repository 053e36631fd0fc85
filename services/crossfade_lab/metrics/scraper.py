"""Scrapes the targets of a file into a store, each on its own clock, as Prometheus does.

After a scrape `up` is 1 or 0. A series that a target no longer shows, and every series of a
target that failed or left the file, gets a staleness marker: queries stop seeing it at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from crossfade.errors import Malformed
from crossfade_lab.metrics.exposition import labels_of, lines
from crossfade_lab.metrics.port import read_targets
from crossfade_lab.metrics.store import Series, Store

__all__ = ["Scraper"]

LOOK_SECONDS = 0.5
CLEAN_SECONDS = 600.0
JOB = "lab"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """One address with its path and the labels that its series get."""

    url: str
    labels: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Scraper:
    """Follows the targets file and keeps one loop for each target until `stop`."""

    store: Store
    targets_file: Path
    interval_seconds: float
    _loops: dict[Target, asyncio.Task[None]] = field(default_factory=dict)
    _follower: asyncio.Task[None] | None = None
    _http: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Begin; the first scrape of every target starts at once."""
        self._http = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=self.interval_seconds),
            headers={"Accept": "text/plain;version=0.0.4"},
        )
        self._follower = asyncio.create_task(self._follow(), name="targets")

    async def stop(self) -> None:
        """End every loop."""
        tasks = [task for task in (self._follower, *self._loops.values()) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._loops.clear()
        if self._http is not None:
            await self._http.close()

    async def _follow(self) -> None:
        cleaned = time.monotonic()
        while True:
            try:
                await self._reconcile(targets_of(self.targets_file))
            except Malformed as wrong:  # half written, or wrong: the former targets stay
                log.warning("targets file not read", extra={"error": str(wrong)})
            if time.monotonic() - cleaned > CLEAN_SECONDS:
                cleaned = time.monotonic()
                self.store.forget(_now_ms() - self.store.retention_ms)
            await asyncio.sleep(LOOK_SECONDS)

    async def _reconcile(self, wanted: set[Target]) -> None:
        for target in wanted - self._loops.keys():
            self._loops[target] = asyncio.create_task(self._loop(target), name=target.url)
        for target in self._loops.keys() - wanted:
            task = self._loops.pop(target)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _loop(self, target: Target) -> None:
        assert self._http is not None
        scrape = Scrape(self.store, target)
        due = time.monotonic()
        try:
            while True:
                at_ms = _now_ms()
                await scrape.run(self._http, at_ms)
                # A late scrape does not make the following ones late; one that took long is
                # not made up for.
                due = max(due + self.interval_seconds, time.monotonic())
                await asyncio.sleep(due - time.monotonic())
        finally:
            scrape.end(_now_ms())


class Scrape:
    """One target's series: the text of a metric leads straight to where its samples go."""

    def __init__(self, store: Store, target: Target) -> None:
        self._store = store
        self._target = target
        self._own = dict(target.labels)
        self._known: dict[str, Series] = {}
        self._shown: set[str] = set()
        reports = ("up", "scrape_duration_seconds", "scrape_samples_scraped")
        self._reports = [store.series({"__name__": n} | self._own) for n in reports]

    async def run(self, http: aiohttp.ClientSession, at_ms: int) -> None:
        """Ask once and keep what comes, all of it at one instant."""
        began = time.monotonic()
        shown: set[str] | None = None
        with contextlib.suppress(
            aiohttp.ClientError, TimeoutError, Malformed, UnicodeDecodeError
        ):
            async with http.get(self._target.url) as answer:
                answer.raise_for_status()
                shown = self._keep(await answer.text("utf-8"), at_ms)
        self._mark_stale(self._shown - (shown or set()), at_ms)
        self._shown = shown or set()
        took = time.monotonic() - began
        numbers = (float(shown is not None), took, float(len(self._shown)))
        for series, value in zip(self._reports, numbers, strict=True):
            series.append(at_ms, value)

    def end(self, at_ms: int) -> None:
        """The target is gone: so are its series, `up` among them."""
        self._mark_stale(self._shown, at_ms)
        for series in self._reports:
            series.append(at_ms, None)

    def _keep(self, text: str, at_ms: int) -> set[str]:
        page = list(lines(text))  # a page that is wrong anywhere is kept nowhere
        places = [self._place(line.metric) for line in page]
        shown = set()
        for line, series in zip(page, places, strict=True):
            series.forget(at_ms - self._store.retention_ms)
            series.append(at_ms if line.at_ms is None else line.at_ms, line.value)
            if line.at_ms is None:
                shown.add(line.metric)
        return shown

    def _place(self, metric: str) -> Series:
        if metric not in self._known:
            labels = attached(labels_of(metric), self._own)
            self._known[metric] = self._store.series(labels)
        return self._known[metric]

    def _mark_stale(self, metrics: set[str], at_ms: int) -> None:
        for metric in metrics:
            # Forgotten, since the store may drop a silent series: it is looked up anew.
            self._known.pop(metric).append(at_ms, None)


def targets_of(path: Path) -> set[Target]:
    """What to scrape: `instance` and `job` are added, labels that begin with `__` say how."""
    found = set()
    for group in read_targets(path):
        scheme = group.labels.get("__scheme__", "http")
        where = group.labels.get("__metrics_path__", "/metrics")
        shown = {n: v for n, v in group.labels.items() if not n.startswith("__") and v}
        for address in group.targets:
            labels = {"instance": address, "job": JOB} | shown
            found.add(Target(f"{scheme}://{address}{where}", tuple(sorted(labels.items()))))
    return found


def attached(labels: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """A scraped series' labels with the target's; what they hide is kept as `exported_…`."""
    result = dict(own)
    for name, value in labels.items():
        result[f"exported_{name}" if name in own else name] = value
    return result


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
