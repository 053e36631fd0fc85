"""Templates of Metric documents: `$name` and `${name}`, as Python's `string.Template` fills them.

Unknown and malformed placeholders stay as they are, `$$` becomes `$`; nothing is escaped, because
variables carry query syntax on purpose.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from string import Template

from crossfade.resources import Document, Metric, Version
from crossfade.resources.fields import number


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its known placeholders replaced; never an error."""
    return Template(text).safe_substitute(values)


def values(
    document: Document, version: Version, metric: Metric, at: datetime, elapsed_seconds: int
) -> dict[str, str]:
    """What the templates of a metric may name, for one version.

    The version's variables win over `name` and over our additions, so that a document written for
    Iter8 means what it meant; `elapsedTime` (whole seconds, without a unit) wins over all.
    `nowEpoch` and `startEpoch` (Unix seconds), `nowTime` and `startTime` (RFC 3339) are for
    back-ends that know no relative times.
    """
    now = int(at.timestamp())
    started = now - elapsed_seconds
    return {
        "interval": str(document.interval_seconds),
        "experiment": document.name,
        "namespace": document.namespace,
        "nowEpoch": str(now),
        "startEpoch": str(started),
        "nowTime": _rfc3339(now),
        "startTime": _rfc3339(started),
        **_limits(document, metric.key),
        "name": version.name,
        **version.values,
        "elapsedTime": str(elapsed_seconds),
    }


def _rfc3339(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _limits(document: Document, key: str) -> dict[str, str]:
    """The limits of the objectives on this metric, else on one that refers to it."""
    found: dict[str, str] = {}
    for asked in _nearest_first(document, key):
        for objective in document.objectives:
            if document.key(objective.metric) == asked:
                _note(found, "upperLimit", number(objective.upper_limit))
                _note(found, "lowerLimit", number(objective.lower_limit))
    return found


def _nearest_first(document: Document, key: str) -> Iterator[str]:
    yield key
    yield from (k for k, metric in document.metrics.items() if key in metric.referred)


def _note(found: dict[str, str], name: str, limit: float | None) -> None:
    if limit is not None:
        found.setdefault(name, plain(limit))


def plain(limit: float) -> str:
    """A limit as Prometheus writes a bucket's `le`: `0.25`, `5000`, never `5000.0`."""
    return repr(limit).removesuffix(".0")
