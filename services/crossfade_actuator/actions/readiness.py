"""`common/readiness`: waits until objects are there and, where asked, fulfil a condition.

All objects are looked at in every round until all are ready or the retries are used up (register
Q20: upstream never looked again). Source: v2alpha2 §5.4.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from crossfade.errors import CrossfadeError
from crossfade.resources import ObjectReference, Task
from crossfade_actuator.actions.inputs import dns_label, entries, number, text, whole, wrong
from crossfade_actuator.actions.port import Attempt, Objects, Outcome, TaskFailed

RIGHT_CONDITION = "condition=<type> or condition=<type>=<status>"
SLACK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Awaited:
    """One object, and the condition it has to fulfil; None where being there is enough."""

    ref: ObjectReference
    condition: tuple[str, str] | None = None
    """Type and status, in small letters."""

    async def lacking(self, objects: Objects, namespace: str) -> str:
        """What is still missing; nothing for an object that is ready."""
        ref = self.ref.model_copy(update={"namespace": self.ref.namespace or namespace})
        where = f"{ref.kind} {ref.namespace}/{ref.name}"
        try:
            found = await objects.find(ref)
        except TaskFailed:
            raise
        except CrossfadeError as error:
            return f"{where}: {error}"
        if self.condition is None:
            return ""
        kind, wanted = self.condition
        status = _status(found, kind)
        if status.lower() == wanted:
            return ""
        return f"{where}: condition {kind} is {status or 'not there'}, not {wanted}"


@dataclass(frozen=True, slots=True)
class Readiness:
    """Looks after `initial` seconds and then up to `retries` times, `interval` apart."""

    awaited: tuple[Awaited, ...]
    initial: float
    retries: int
    interval: float

    @classmethod
    def of(cls, task: Task) -> Readiness:
        """From the task's inputs. Raises TaskFailed, above all for a name that can be none."""
        given = task.inputs
        listed = entries(given, "objRefs")
        return cls(
            tuple(_awaited(entry, f"with.objRefs[{i}]") for i, entry in enumerate(listed)),
            number(given, "initialDelaySeconds", 5, 0, 3600),
            whole(given, "numRetries", 12, 0, 10_000),
            number(given, "intervalSeconds", 5, 0, 3600),
        )

    async def do(self, attempt: Attempt) -> Outcome:
        """Wait. The outcome names every object that was not ready at the last look."""
        awaited = (*self.awaited, *_weighted(attempt))
        loop = asyncio.get_running_loop()
        until = loop.time() + attempt.seconds - SLACK_SECONDS
        missing: list[str] = []
        await asyncio.sleep(min(self.initial, max(0.0, attempt.seconds - SLACK_SECONDS)))
        for left in range(self.retries, -1, -1):
            missing = await _missing(awaited, attempt)
            if not missing:
                return Outcome(True, f"{len(awaited)} objects are ready")
            if not left:
                break
            if loop.time() + self.interval > until:
                missing.append("the action's time is over")
                break
            await asyncio.sleep(self.interval)
        return Outcome(False, f"not ready: {'; '.join(missing)}")


async def _missing(awaited: tuple[Awaited, ...], attempt: Attempt) -> list[str]:
    objects, namespace = attempt.means.objects, attempt.context.namespace
    found = await asyncio.gather(*(one.lacking(objects, namespace) for one in awaited))
    return [text for text in found if text]


def _weighted(attempt: Attempt) -> Iterator[Awaited]:
    """The objects that carry weights, each once."""
    seen = set()
    for ref in attempt.context.document.weight_refs.values():
        key = (ref.api_version, ref.kind, ref.namespace, ref.name)
        if key not in seen:
            seen.add(key)
            yield Awaited(ref)


def _awaited(entry: Mapping[str, Any], where: str) -> Awaited:
    ref = ObjectReference(
        api_version=text(entry, "apiVersion", "a version", within=where, otherwise=None),
        kind=text(entry, "kind", "a kind such as deployment", within=where),
        name=dns_label(entry.get("name"), f"{where}.name"),
        namespace=text(entry, "namespace", "a namespace", within=where, otherwise=None),
    )
    return Awaited(ref, _condition(entry.get("waitFor"), f"{where}.waitFor"))


def _condition(found: object, where: str) -> tuple[str, str] | None:
    if found is None or found == "":
        return None
    if not isinstance(found, str):
        raise wrong(where, found, RIGHT_CONDITION)
    word, _, rest = found.partition("=")
    kind, _, status = rest.partition("=")
    if word != "condition" or not kind:
        raise wrong(where, found, RIGHT_CONDITION)
    return kind.lower(), (status or "true").lower()


def _status(found: Mapping[str, Any], kind: str) -> str:
    """The status of a condition of the object as its controller last saw it, else nothing."""
    status = found.get("status") or {}
    generation = found.get("metadata", {}).get("generation")
    seen_at = status.get("observedGeneration", generation)
    for condition in status.get("conditions") or ():
        if str(condition.get("type", "")).lower() == kind:
            seen = condition.get("observedGeneration", seen_at)
            return str(condition.get("status", "")) if seen == generation else "out of date"
    return ""
