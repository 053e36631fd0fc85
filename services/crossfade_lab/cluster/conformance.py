"""The same requests to any API server, and what is left of the answers without chance.

A script is a YAML list of steps:

    name, request   a sentence; `PATCH /apis/…`, `WATCH …`, or `UNTIL …` for a path to be served
    type, body      json, merge, strategic, apply or a media type; an object or a string
    accept          `table` for kubectl's tables
    save            variable: path into the answer; later steps write `${variable}`
    compare         `status` where the real server's wording is beside the point
    owners          true to compare managedFields, which other steps leave out
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

import orjson
import yaml

from crossfade_lab.cluster.documents import (
    APPLY,
    JSON_PATCH,
    MERGE_PATCH,
    STRATEGIC,
    Answer,
    Client,
)
from crossfade_lab.cluster.fieldsets import decoded

__all__ = ["play", "steps"]

Step = Mapping[str, Any]
_TYPES = {
    "json": JSON_PATCH,
    "merge": MERGE_PATCH,
    "strategic": STRATEGIC,
    "apply": APPLY,
}
_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
_UID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_AGE = re.compile(r"\d+[smh]|<unknown>|<invalid>")
_INDEX = re.compile(
    r"(?<=\w)\[\d+\](?=[.: ]|$)"
)  # 1.20 leaves them out of its messages, newer ones do not
_IGNORED = ("storageVersionHash", "description")
_TOO_OLD = re.compile(r"too old resource version: \d+ \(\d+\)")


def steps(path: Path) -> list[Step]:
    """The steps of a YAML file."""
    return list(yaml.safe_load(path.read_text(encoding="utf-8")))


async def play(client: Client, script: Sequence[Step], namespace: str) -> list[dict[str, Any]]:
    """What the server answered to each step, in order, with chance taken out."""
    variables = {"namespace": namespace}
    eraser = _Eraser(namespace)
    told = []
    for step in script:
        answer = await _asked(client, step, variables)
        if "follows" in step:
            answer = await _caught_up(client, step, variables, answer)
        variables |= {
            name: str(_at(answer.body, at)) for name, at in step.get("save", {}).items()
        }
        told.append({"name": step["name"], **_compared(step, answer, eraser)})
    return told


async def _asked(client: Client, step: Step, variables: Mapping[str, str]) -> Answer:
    method, path = Template(step["request"]).substitute(variables).split(" ", 1)
    if method == "WATCH":
        return Answer(200, {}, await client.watch(path))
    if method == "UNTIL":
        return await _until_served(client, path)
    body = step.get("body")
    if body is not None:
        raw = body.encode() if isinstance(body, str) else orjson.dumps(body)
        body = Template(raw.decode()).safe_substitute(variables).encode()
    sort = str(step.get("type", "application/json"))
    accept = _TABLE if step.get("accept") == "table" else "application/json"
    return await client.request(
        method, path, body, content_type=_TYPES.get(sort, sort), accept=accept
    )


async def _caught_up(
    client: Client, step: Step, variables: Mapping[str, str], answer: Answer
) -> Answer:
    """The answer of a cache once it lists what the path that it `follows` lists."""
    stored = await client.request("GET", Template(step["follows"]).substitute(variables))
    for _ in range(100):
        if answer.body.get("items") == stored.body.get("items"):
            break
        await asyncio.sleep(0.05)
        answer = await _asked(client, step, variables)
    return answer


async def _until_served(client: Client, path: str) -> Answer:
    # A real definition's endpoint comes up a moment after the definition.
    for _ in range(200):
        answer = await client.request("GET", path)
        if answer.status == 200:
            break
        await asyncio.sleep(0.05)
    return answer


def _at(body: Any, path: str) -> Any:
    for key in path.split("."):
        body = body[int(key)] if isinstance(body, list) else body[key]
    return body


def _compared(step: Step, answer: Answer, eraser: _Eraser) -> dict[str, Any]:
    body = eraser.erased(answer.body)
    told = {"status": answer.status, "body": body}
    if step.get("compare") == "status":
        reason = body.get("reason") if isinstance(body, dict) else None
        told = {"status": answer.status, "reason": reason}
    return {**told, "owners": _owners(answer.body)} if step.get("owners") else told


def _owners(body: Mapping[str, Any]) -> dict[str, list[str]]:
    """Who owns what: `manager/operation` → the fields, each as its elements."""
    return {
        f"{entry['manager']}/{entry['operation']}": sorted(
            " ".join(path) for path in decoded(_undotted(entry["fieldsV1"]))
        )
        for entry in body["metadata"]["managedFields"]
    }


def _undotted(tree: Mapping[str, Any]) -> dict[str, Any]:
    # The real server deduces the types of custom resources and so lists each object as well.
    return {key: _undotted(inner) for key, inner in tree.items() if key != "."}


@dataclass(slots=True)
class _Eraser:
    """Replaces what differs from run to run by what it stands for."""

    namespace: str
    _uids: dict[str, str] = field(default_factory=dict)
    _versions: dict[str, list[str]] = field(default_factory=dict)

    def erased(self, value: Any, key: str = "") -> Any:
        """The value without uids, versions, times, ages and the run's own namespace."""
        if isinstance(value, dict):
            return self._object(value)
        if key in ("message", "field") and isinstance(value, str):
            value = _INDEX.sub("", value)
        if isinstance(value, list):
            if key == "cells":
                return [_AGE.sub("$age", v) if isinstance(v, str) else v for v in value]
            return [self.erased(item) for item in value]
        return self._text(value) if isinstance(value, str) else value

    def _object(self, value: dict[str, Any]) -> dict[str, Any]:
        metadata = value.get("metadata")
        result = {k: self.erased(v, k) for k, v in value.items() if k not in _IGNORED}
        if isinstance(metadata, dict) and "resourceVersion" in metadata:
            result["metadata"]["resourceVersion"] = self._version(metadata)
            result["metadata"].pop("managedFields", None)
            if metadata.get("continue"):
                result["metadata"]["continue"] = "$continue"
        return result

    def _version(self, metadata: Mapping[str, Any]) -> str:
        # Objects count their own versions, so that a write that changes nothing shows.
        if "uid" not in metadata:
            return "$version"
        seen = self._versions.setdefault(metadata["uid"], [])
        if metadata["resourceVersion"] not in seen:
            seen.append(metadata["resourceVersion"])
        return f"$version-{seen.index(metadata['resourceVersion']) + 1}"

    def _text(self, text: str) -> str:
        text = _TIME.sub("$time", text.replace(self.namespace, "$namespace"))
        text = _TOO_OLD.sub("too old resource version: $asked ($oldest)", text)
        return _UID.sub(lambda found: self._uid(found[0]), text)

    def _uid(self, uid: str) -> str:
        return self._uids.setdefault(uid, f"$uid-{len(self._uids) + 1}")
