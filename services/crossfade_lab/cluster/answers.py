"""HTTP to the store and back: reads, writes, lists, watches, reviews of access."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import yaml
from aiohttp import web

from crossfade_lab.cluster import statuses
from crossfade_lab.cluster.bodies import change, json_answer, no_manager, parsed, refusal_answer
from crossfade_lab.cluster.discovery import VERSION, document
from crossfade_lab.cluster.documents import APPLY
from crossfade_lab.cluster.faults import Faults
from crossfade_lab.cluster.kinds import Catalogue
from crossfade_lab.cluster.requests import How, Target, flag, how, target
from crossfade_lab.cluster.rules import Asked, Rule, allows, refusal
from crossfade_lab.cluster.statuses import Status
from crossfade_lab.cluster.storage import Store
from crossfade_lab.cluster.tables import table
from crossfade_lab.cluster.views import inward, outward
from crossfade_lab.cluster.watches import Watch, error_line, listed
from crossfade_lab.cluster.writes import Writer

__all__ = ["Answers"]

Query = Mapping[str, str]
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_TYPE = ("apiVersion", "kind")  # the real server leaves them out of its own kinds' lists
_HEALTH = ("readyz", "livez", "healthz")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PROTOBUF = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"


class Answers:
    """One answer a request; every refusal is a `Status` object."""

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        writer: Writer,
        *,
        token: str | None,
        rules: Sequence[Rule] | None,
        bookmark_seconds: float,
        faults: Faults,
    ) -> None:
        self._store, self._catalogue, self._writer = store, catalogue, writer
        self._token, self._rules = token, rules
        self._bookmark_seconds = bookmark_seconds
        self._faults = faults

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """The response to any request."""
        try:
            self._check_token(request)
            self._faults.refuse(request.method)
            response = self._outside(request) or await self._inside(request)
            await self._faults.delay(request.method)
            return response
        except Status as refused:
            return refusal_answer(refused)

    def _check_token(self, request: web.BaseRequest) -> None:
        if self._token and request.headers.get("Authorization") != f"Bearer {self._token}":
            raise Status(401, "Unauthorized", "Unauthorized")

    def _outside(self, request: web.BaseRequest) -> web.Response | None:
        """What is not about objects: health, version, discovery, history."""
        path = request.path
        root = path.strip("/").split("/")[0]
        if root in _HEALTH:
            return web.Response(text="ok")
        if root == "version":
            return json_answer(VERSION)
        if root == "_lab":
            return self._history(path)
        if path == "/openapi/v2":
            return web.Response(body=b"", content_type=_PROTOBUF)
        found = document(self._catalogue, path, request.host)
        return json_answer(found) if found is not None else None

    def _history(self, path: str) -> web.Response:
        steps = path.strip("/").split("/")[1:]
        if len(steps) != 6 or steps[0] != "history":
            raise statuses.no_resource()
        group, version, plural, namespace, name = steps[1:]
        kind = self._catalogue.at("" if group in ("-", "core") else group, version, plural)
        if kind is None:
            raise statuses.no_resource()
        key = (namespace if kind.namespaced else "", name)
        items = [outward(kind, item) for item in self._store.history(kind.storage, key)]
        return json_answer({"kind": "History", "items": items})

    async def _inside(self, request: web.BaseRequest) -> web.StreamResponse:
        at = target(self._catalogue, request.path)
        if at is None:
            return web.Response(status=404, text="404 page not found\n")
        if at.kind.kind == "SelfSubjectAccessReview":
            return await self._review(at, request)
        self._check_rules(at, request)
        if request.method == "GET":
            return await self._read(at, request)
        method = getattr(self, f"_{request.method.lower()}", None)
        named = {"POST": not at.name, "DELETE": True}.get(request.method, bool(at.name))
        if method is None or not named:
            raise statuses.not_allowed()
        answer: web.Response = await method(at, request)
        return answer

    def _check_rules(self, at: Target, request: web.BaseRequest) -> None:
        if self._rules is None:
            return
        resource = f"{at.kind.plural}/{at.part}" if at.part else at.kind.plural
        verb = _verb(at, request)
        asked = Asked(verb, at.kind.group, resource, at.namespace, at.name)
        if not allows(self._rules, asked):
            raise refusal(asked, at, "lab")

    async def _review(self, at: Target, request: web.BaseRequest) -> web.Response:
        if request.method != "POST":
            raise statuses.not_allowed()
        body = parsed(await request.read())
        wanted = (body.get("spec") or {}).get("resourceAttributes") or {}
        resource = wanted.get("resource", "")
        if wanted.get("subresource"):
            resource = f"{resource}/{wanted['subresource']}"
        group, namespace = wanted.get("group", ""), wanted.get("namespace", "")
        asked = Asked(
            wanted.get("verb", ""), group, resource, namespace, wanted.get("name", "")
        )
        verdict = {"allowed": allows(self._rules, asked)}
        shown = {"kind": at.kind.kind, "apiVersion": at.kind.api_version, **body}
        return json_answer({"metadata": {}, **shown, "status": verdict}, 201)

    async def _read(self, at: Target, request: web.BaseRequest) -> web.StreamResponse:
        query = request.query
        include = _table_include(request)
        if flag(query, "watch"):
            return await self._watch(at, request, include)
        if at.name:
            item = outward(at.kind, self._writer.live(at))
            version = {"resourceVersion": item["metadata"]["resourceVersion"]}
            return json_answer(
                item if include is None else table(at.kind, [item], version, include=include)
            )
        page = listed(self._store, at, query)
        if include is not None:
            metadata = {key: value for key, value in page.metadata.items() if value}
            return json_answer(table(at.kind, page.items, metadata, include=include))
        return json_answer(_list(at, page.items, page.metadata, request))

    async def _watch(
        self, at: Target, request: web.BaseRequest, include: str | None
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        response.enable_chunked_encoding()
        try:
            watch = Watch(
                self._store,
                at,
                request.query,
                include=include,
                bookmark_seconds=self._bookmark_seconds,
            )
        except Status as refused:
            # A version that is too old is an ERROR line of a good answer, nothing else is.
            if refused.code != 410:
                raise
            await response.prepare(request)
            await response.write(error_line(refused))
            return response
        try:
            await response.prepare(request)
            async for line in watch.lines():
                await response.write(line)
        except ConnectionError:
            pass  # the client has heard enough
        finally:
            watch.close()
        return response

    async def _post(self, at: Target, request: web.BaseRequest) -> web.Response:
        body = inward(at.kind, parsed(await request.read()))
        return json_answer(outward(at.kind, self._writer.create(at, body, _how(request))), 201)

    async def _put(self, at: Target, request: web.BaseRequest) -> web.Response:
        body = inward(at.kind, parsed(await request.read()))
        return json_answer(outward(at.kind, self._writer.replace(at, body, _how(request))))

    async def _patch(self, at: Target, request: web.BaseRequest) -> web.Response:
        sort, raw = request.content_type, await request.read()
        if sort == APPLY:
            if not request.query.get("fieldManager"):
                raise no_manager()
            body = inward(at.kind, parsed(raw))
            item, new = self._writer.apply(at, body, _how(request))
            return json_answer(outward(at.kind, item), 201 if new else 200)
        done = self._writer.patch(at, change(at, sort, raw), _how(request))
        return json_answer(outward(at.kind, done))

    async def _delete(self, at: Target, request: web.BaseRequest) -> web.Response:
        raw = await request.read()
        options = parsed(raw) if raw else {}
        way = _how(request, dry=bool(options.get("dryRun")))
        if not at.name:
            return self._delete_all(at, request, way)
        item, gone = self._writer.delete(at, options, way)
        if not gone:
            return json_answer(outward(at.kind, item))
        details = {"name": at.name, "kind": at.kind.plural, "uid": item["metadata"]["uid"]}
        if at.kind.group:
            details["group"] = at.kind.group
        success = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        return json_answer({**success, "details": details})

    def _delete_all(self, at: Target, request: web.BaseRequest, way: How) -> web.Response:
        page = listed(self._store, at, request.query)
        for item in page.items:
            metadata = item["metadata"]
            one = Target(at.kind, metadata.get("namespace", ""), metadata["name"])
            self._writer.delete(one, {}, way)
        return json_answer(_list(at, page.items, page.metadata, request))


def _verb(at: Target, request: web.BaseRequest) -> str:
    if request.method == "GET":
        if flag(request.query, "watch"):
            return "watch"
        return "get" if at.name else "list"
    if request.method == "DELETE" and not at.name:
        return "deletecollection"
    return _VERBS.get(request.method, request.method.lower())


def _how(request: web.BaseRequest, *, dry: bool = False) -> How:
    found = how(request.query, request.headers.get("User-Agent", ""))
    return replace(found, dry_run=True) if dry else found


def _table_include(request: web.BaseRequest) -> str | None:
    if "as=Table" not in request.headers.get("Accept", ""):
        return None
    return request.query.get("includeObject") or "Metadata"


def _list(
    at: Target, items: Sequence[Mapping[str, Any]], metadata: Mapping[str, Any], request: Any
) -> dict[str, Any]:
    if "as=PartialObjectMetadataList" in request.headers.get("Accept", ""):
        kind, version = "PartialObjectMetadataList", "meta.k8s.io/v1"
        items = [{"metadata": item["metadata"]} for item in items]
    else:
        kind, version = at.kind.list_kind, at.kind.api_version
        if not at.kind.custom:
            items = [{k: v for k, v in i.items() if k not in _TYPE} for i in items]
    return {"kind": kind, "apiVersion": version, "metadata": metadata, "items": items}
