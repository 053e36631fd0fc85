"""The metrics of provider `iter8`, from the histograms that `metrics/collect` has filled.

Counts, an error rate, a mean and percentiles, latencies in milliseconds. A percentile is taken
of ten draws for each request, evenly from its bucket and always the same ones (numpy's legacy
generator, seed 17), as upstream does; of very many requests it is computed from the buckets
themselves, which is what those draws tend to. Source: v2alpha2 §2.6.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crossfade.errors import CrossfadeError
from crossfade.runtime.runs import Runs
from crossfade_collector.sources.port import NoValue, Question

SEED = 17
DRAWS = 10
DRAWN = 50_000
"""Requests beyond which nothing is drawn any more."""
RANKS = (50, 75, 90, 95, 99)
KEPT = 256

Histogram = Mapping[str, Any]


@dataclass(slots=True)
class BuiltinSource:
    """Reads a run's histograms once an instant, and computes a version's metrics once."""

    runs: Runs
    kept: OrderedDict[tuple[str, datetime, str], Mapping[str, float]] = field(
        default_factory=OrderedDict, repr=False
    )

    async def read(self, question: Question) -> float:
        """The number. Raises NoValue where the version has none yet."""
        key = (question.uid, question.at, question.version)
        if key not in self.kept:
            self.kept[key] = metrics_of(await self._gathered(question))
            if len(self.kept) > KEPT:
                self.kept.popitem(last=False)
        name = question.metric.name
        try:
            return self.kept[key][name]
        except KeyError:
            raise NoValue("empty-result", f"nothing to compute {name} from") from None

    async def versions(self, uid: str) -> tuple[str, ...]:
        """Every version that was measured, in versionInfo or not. Raises NoValue."""
        return tuple(await self._all(uid))

    async def _gathered(self, question: Question) -> Histogram:
        gathered = await self._all(question.uid)
        if question.version not in gathered:
            raise NoValue(
                "empty-result", f"no metrics/collect task has gathered {question.version} yet"
            )
        found: Histogram = gathered[question.version]
        return found

    async def _all(self, uid: str) -> Mapping[str, Any]:
        try:
            return await self.runs.histograms(uid)
        except CrossfadeError as error:
            raise NoValue("unreachable", f"the run's histograms: {error}") from error


def metrics_of(gathered: Histogram) -> dict[str, float]:
    """Every metric of one version; those that need requests only where there were some."""
    histogram, codes = gathered["DurationHistogram"], gathered["RetCodes"]
    count = histogram["Count"]
    errors = sum(n for code, n in codes.items() if int(code) >= 400)
    found = {"request-count": float(count), "error-count": float(errors)}
    if count > 0:
        found["error-rate"] = errors / count
        found["mean-latency"] = 1000 * histogram["Sum"] / count
        found |= _percentiles(histogram["Data"])
    return found


def _percentiles(buckets: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    kept = [b for b in buckets if b["Count"] > 0]
    if not kept:
        return {}
    many = sum(b["Count"] for b in kept) > DRAWN
    at = _spread(kept) if many else _drawn(kept)
    return {f"latency-{rank}th-percentile": at(rank) for rank in RANKS}


def _drawn(buckets: Sequence[Mapping[str, Any]]) -> Callable[[float], float]:
    import numpy as np  # heavy: for the first built-in metric

    dice = np.random.RandomState(SEED)
    draws = [
        dice.uniform(1000 * b["Start"], 1000 * b["End"], DRAWS * b["Count"]) for b in buckets
    ]
    together = np.concatenate(draws)
    return lambda rank: float(np.percentile(together, rank))


def _spread(buckets: Sequence[Mapping[str, Any]]) -> Callable[[float], float]:
    """Percentiles of requests that lie evenly in their buckets, which may overlap."""
    import numpy as np

    starts = 1000 * np.array([b["Start"] for b in buckets], dtype=float)
    ends = 1000 * np.array([b["End"] for b in buckets], dtype=float)
    counts = np.array([b["Count"] for b in buckets], dtype=float)
    edges = np.unique(np.concatenate([starts, ends]))
    at, width = edges[:, None], np.maximum(ends - starts, 1e-12)
    even = np.clip((at - starts) / width, 0.0, 1.0)
    # A bucket without a width is a step: just below its edge nothing of it, just above all.
    below = [np.where(ends > starts, even, step) for step in (at > starts, at >= starts)]
    shares = np.stack([(b * counts).sum(axis=1) for b in below], axis=1) / counts.sum()
    found, places = shares.ravel(), np.repeat(edges, 2)
    return lambda rank: float(np.interp(rank / 100, found, places))
