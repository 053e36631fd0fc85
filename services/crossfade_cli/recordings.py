"""A run as it was recorded: from the event log, or from a file of its events.

A file holds one JSON object a line: what `crossfade events -o json` prints (`type`, `body`), a
CloudEvent (`type`, `data`), or a bare body as `crossfade assess` reads and writes; what is neither
a sample, nor an assessment, nor a stage change is passed over.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from crossfade.errors import FieldError, Malformed, NotFound
from crossfade.events import Assessment, Event, MetricSample, StageChange
from crossfade.resources import Document
from crossfade.settings import BusSettings
from crossfade_cli.by_hand import in_full, mistakes

_KINDS: dict[str, type[Event]] = {
    kind.kind: kind for kind in (MetricSample, Assessment, StageChange)
}


@dataclass(slots=True)
class Recording:
    """One run: its document, its samples in order, and what was made of them.

    What comes from a file may have been written `by_hand`; the log holds what services said.
    """

    uid: str
    by_hand: bool = False
    document: Document | None = None
    samples: list[MetricSample] = field(default_factory=list)
    assessments: list[Assessment] = field(default_factory=list)

    def add(self, event: Event) -> None:
        """Keep an event of this run; trial readings are no samples."""
        if isinstance(event, StageChange) and event.document is not None:
            self.document = Document.from_json(event.document)
        elif isinstance(event, MetricSample) and event.iteration > 0:
            insort(self.samples, event, key=lambda sample: sample.iteration)
        elif isinstance(event, Assessment):
            self.assessments.append(event)

    def resolved(self) -> Document:
        """The document. Raises NotFound where neither the record nor a file has it."""
        if self.document is None:
            raise NotFound(
                f"the record of {self.uid} holds no document; right would be -f FILE"
            )
        return self.document

    def check(self, document: Document) -> None:
        """Name metrics in full. Raises Malformed for what cannot be of this document's run."""
        self.samples = [in_full(document, sample) for sample in self.samples]
        found = [
            FieldError(f"iteration {sample.iteration} of {self.uid}: {e.field}", e.message)
            for sample in self.samples
            for e in mistakes(document, sample)
        ]
        if found:
            raise Malformed(found)


def recorded(
    events: Iterable[Event], uid: str | None = None, by_hand: bool = False
) -> Recording:
    """The run of this uid, or the last one that has samples. Raises NotFound."""
    runs: dict[str, Recording] = {}
    for event in events:
        runs.setdefault(event.uid, Recording(event.uid, by_hand)).add(event)
    if uid is not None:
        if uid not in runs:
            raise NotFound(f"no run {uid}; there are {', '.join(runs) or 'none'}")
        return runs[uid]
    sampled = [run for run in runs.values() if run.samples]
    if not sampled:
        raise NotFound("no run with samples is recorded here")
    return sampled[-1]


def read_file(file: Path) -> list[Event]:
    """Events of a file of JSON lines. Raises NotFound, Malformed with the line."""
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise NotFound(f"{file}: {error.strerror}") from error
    return list(_events(file, lines))


def _events(file: Path, lines: Iterable[bytes]) -> Iterator[Event]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            event = _event(orjson.loads(line))
        except orjson.JSONDecodeError as error:
            what = f"not JSON: {error.msg}, at character {error.colno}"
            raise Malformed([FieldError(f"{file}:{number}", what)]) from error
        except Malformed as malformed:
            raise Malformed(
                FieldError(f"{file}:{number} {e.field}".rstrip(), e.message)
                for e in malformed.errors
            ) from malformed
        if event is not None:
            yield event


def _event(found: Any) -> Event | None:
    if not isinstance(found, dict):
        raise Malformed([FieldError("", "found no object; right would be one event a line")])
    kind, body = _kind(found), found
    for envelope in ("data", "body", "event"):
        if isinstance(found.get(envelope), dict):
            body = found[envelope]
    known = _KINDS.get(kind or _guessed(body))
    if known is None:
        return None
    return known.from_json(body).about(*_experiment(found))


def _experiment(found: dict[str, Any]) -> tuple[str, str]:
    """(namespace, name) that an envelope is about; empty where it does not say."""
    if "namespace" in found or "name" in found:
        return str(found.get("namespace", "")), str(found.get("name", ""))
    namespace, _, name = str(found.get("subject", "")).partition("/")
    return namespace, name


def _kind(found: dict[str, Any]) -> str:
    """The kind that an envelope names: `crossfade.metric-sample.v1`, or `metric-sample`."""
    written = str(found.get("type") or found.get("ce-type") or found.get("kind") or "")
    return written.removeprefix("crossfade.").partition(".v")[0]


def _guessed(body: dict[str, Any]) -> str:
    for member, kind in (
        ("readings", "metric-sample"),
        ("verdict", "assessment"),
        ("stage", "stage-change"),
    ):
        if member in body:
            return kind
    return ""


async def read_log(settings: BusSettings, namespace: str, name: str) -> list[Event]:
    """An experiment's events from the log. Raises Unreachable, Missing."""
    from crossfade_cli.talking import talking

    async with talking(settings) as talk:
        log = talk.journal.follow(
            kinds=tuple(_KINDS), namespace=namespace, name=name, live=False
        )
        return [logged.event async for logged in log]
