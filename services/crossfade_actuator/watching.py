"""Watching Experiments: every one seen is put into the command queue, once per id.

Every replica watches: ids make N watchers harmless. The loop is list, then watch from the list's
version; anything unexpected, a 410 included, begins it again. Source: kubernetes.io API concepts.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from crossfade.errors import CrossfadeError
from crossfade.resources import LARGEST_START
from crossfade_actuator.annotated import COMMAND, text_of
from crossfade_actuator.cluster import Cluster

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.3
LONGEST_PAUSE = 10.0


class Queue(Protocol):
    """The command queue."""

    async def command(self, verb: str, body: bytes, id: str) -> None:  # noqa: A002
        """Keep a command, once per id."""
        ...


@dataclass(slots=True)
class Watcher:
    """Turns what happens to Experiments into commands."""

    cluster: Cluster
    queue: Queue
    seen: dict[str, str] = field(default_factory=dict)
    """By uid: the generation and the text of the command annotation that were queued last."""
    names: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By uid: namespace and name."""

    async def watch(self) -> None:
        """List and watch for ever."""
        pause = FIRST_PAUSE
        while True:
            try:
                await self._round()
                pause = FIRST_PAUSE
            except CrossfadeError as error:
                log.info("watching again", extra={"error": str(error), "pause": pause})
            await asyncio.sleep(pause * (0.7 + 0.6 * random.random()))  # noqa: S311
            pause = min(LONGEST_PAUSE, pause * 2)

    async def _round(self) -> None:
        items, version = await self.cluster.list_experiments()
        present = {str(item["metadata"]["uid"]) for item in items}
        for uid in [known for known in self.seen if known not in present]:
            if not await self._still_there(uid):
                await self._gone(uid)
        for item in items:
            await self._noticed(item)
        async for event in self.cluster.watch_experiments(version):
            if event.get("type") == "ERROR":
                return  # too old a version, most often: list again
            await self._happened(event)

    async def _still_there(self, uid: str) -> bool:
        """Whether an Experiment exists; a list from a server's cache may be older than a watch."""
        found = await self.cluster.get_experiment(*self.names[uid])
        return found is not None and str(found["metadata"]["uid"]) == uid

    async def _happened(self, event: Mapping[str, Any]) -> None:
        item = event["object"]
        if event["type"] == "DELETED":
            await self._gone(str(item["metadata"]["uid"]))
        elif event["type"] in ("ADDED", "MODIFIED"):
            await self._noticed(item)

    async def _noticed(self, item: Mapping[str, Any]) -> None:
        if _ended(item):
            return
        meta = item["metadata"]
        uid, generation = str(meta["uid"]), meta.get("generation", 1)
        asked, (before, _, heard) = text_of(item), self.seen.get(uid, "").partition("/")
        self.names[uid] = (meta["namespace"], meta["name"])
        if before != str(generation):
            body = orjson.dumps(_as_kept(item))
            if len(body) > LARGEST_START:
                # The broker takes none of that size, and the others are waiting behind it.
                body = orjson.dumps(_left_out(item, len(body)))
            await self.queue.command("start-experiment", body, f"{uid}/{generation}")
        if asked != heard:
            order = {
                "namespace": meta["namespace"],
                "name": meta["name"],
                "uid": uid,
                "requestedBy": f"annotation {COMMAND}",
                "asked": asked,
            }
            # Its text may be anything, and is none of a subject nor of an id.
            identity = f"{uid}/{generation}/annotation/{meta.get('resourceVersion', '')}"
            await self.queue.command("annotation", orjson.dumps(order), identity)
        self.seen[uid] = f"{generation}/{asked}"

    async def _gone(self, uid: str) -> None:
        await self.queue.command("deleted", orjson.dumps({"uid": uid}), f"{uid}/deleted")
        self.seen.pop(uid, None)
        self.names.pop(uid, None)


def _ended(item: Mapping[str, Any]) -> bool:
    """Whether a run is over: it stays so, however it is edited, even with our own state lost.

    Source: v2alpha2 §3.2; to run again, delete and create.
    """
    conditions = (item.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "Completed" and c.get("status") == "True" for c in conditions)


def _as_kept(item: Mapping[str, Any]) -> dict[str, Any]:
    """An Experiment without status and bookkeeping, which ask for nothing."""
    meta = {k: v for k, v in item["metadata"].items() if k != "managedFields"}
    return {k: v for k, v in item.items() if k != "status"} | {"metadata": meta}


def _left_out(item: Mapping[str, Any], size: int) -> dict[str, Any]:
    """In place of an Experiment that is too large: which one it is, and how large."""
    meta = {
        key: item["metadata"].get(key) for key in ("name", "namespace", "uid", "generation")
    }
    kind = {"apiVersion": item.get("apiVersion"), "kind": item.get("kind")}
    return {"experiment": {**kind, "metadata": meta}, "leftOut": size}
