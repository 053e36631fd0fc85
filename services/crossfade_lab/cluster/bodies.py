"""Bodies of requests, in every format that clients send, and bodies of answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import yaml
from aiohttp import web

from crossfade_lab.cluster import protobufs, statuses
from crossfade_lab.cluster.documents import APPLY, JSON_PATCH, MERGE_PATCH, STRATEGIC
from crossfade_lab.cluster.patches import json_patched, merge_patched, strategic_merged
from crossfade_lab.cluster.requests import Target
from crossfade_lab.cluster.statuses import Status
from crossfade_lab.cluster.yamls import load_all

__all__ = ["change", "json_answer", "no_manager", "parsed", "refusal_answer"]

_COME_BACK = (429, 503)


def change(at: Target, sort: str, raw: bytes) -> Callable[[dict[str, Any]], Any]:
    """What a patch of that media type does to an object; Status 415 for an unknown type."""
    accepted = [JSON_PATCH, MERGE_PATCH, *([] if at.kind.custom else [STRATEGIC]), APPLY]
    if sort not in accepted:
        raise statuses.unsupported(accepted)
    patch = parsed(raw)
    if sort == JSON_PATCH:
        return lambda item: json_patched(item, patch)
    if not isinstance(patch, dict):
        raise statuses.bad_request("a merge patch must be an object")
    if sort == MERGE_PATCH:
        return lambda item: merge_patched(item, patch)
    return lambda item: strategic_merged(item, patch, at.kind.schema)


def no_manager() -> Status:
    """The 422 of server-side apply by nobody."""
    text = "Required value: is required for apply patch"
    cause = statuses.Cause("fieldManager", text, "FieldValueRequired")
    return statuses.invalid("PatchOptions", "meta.k8s.io", "", [cause])


def parsed(raw: bytes) -> Any:
    """The body, which may be JSON, YAML or some protobuf; Status 400 for none of them."""
    if raw.startswith(protobufs.MAGIC):
        return protobufs.decoded(raw)
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        pass
    try:
        found = next(load_all(raw), None)
    except yaml.YAMLError as error:
        raise statuses.bad_request(f"error parsing the body: {error}") from error
    if not isinstance(found, dict | list):
        raise statuses.bad_request(
            "the body of the request is neither JSON nor YAML of an object"
        )
    return found


def json_answer(body: Any, status: int = 200) -> web.Response:
    """The body as JSON."""
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


def refusal_answer(refused: Status) -> web.Response:
    """The refusal as its object; what is outside the API is plain text."""
    if refused.code == 404 and not refused.reason:
        return web.Response(status=404, text=f"{refused.message}\n")
    answer = json_answer(refused.body(), refused.code)
    if refused.code in _COME_BACK:
        answer.headers["Retry-After"] = "1"
    return answer
