"""One trial reading of every metric of a document, by the collector's own code."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crossfade.events import Reading
    from crossfade.resources import Document
    from crossfade.settings import Settings


async def trial(document: Document, settings: Settings) -> tuple[Reading, ...]:
    """A reading of every metric for every version; what fails is a reading with its reason."""
    from crossfade_actuator.api import configured
    from crossfade_collector.broker import Broker
    from crossfade_collector.composing import asking, secret_source
    from crossfade_collector.sources.http import HttpBackends
    from crossfade_collector.sources.port import Question
    from crossfade_collector.templates import values

    own, at = settings.collector, datetime.now(UTC)
    cluster = settings.cluster if configured(settings.cluster) else None
    broker = Broker(
        requests=asking(secret_source(own, cluster), own),
        backends=HttpBackends(own.timeout_seconds, own.connect_to),
        concurrency=own.concurrency,
        round_seconds=own.round_seconds,
    )
    elapsed = document.interval_seconds
    questions = [
        Question(
            "trial", 0, v.name, metric, values(document, v, metric, at, elapsed), at, elapsed
        )
        for metric in map(document.metric, document.references)
        for v in document.versions
    ]
    try:
        return await broker.read(questions)
    finally:
        await broker.close()
