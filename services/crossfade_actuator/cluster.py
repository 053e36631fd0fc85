"""The cluster as the actuator needs it: any object by reference, Experiments, Metrics, Events."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from crossfade.errors import Conflict, Malformed, NotFound
from crossfade.resources import ObjectReference
from crossfade.runtime.secret_files import text_of
from crossfade_actuator.api import JSON_PATCH, MERGE_PATCH, KubernetesApi
from crossfade_actuator.kinds import Kinds

MANAGER = ("fieldManager", "crossfade")
ITER8 = "/apis/iter8.tools/v2alpha2"
WATCH_SECONDS = 270

Operation = Mapping[str, Any]


@dataclass(slots=True)
class Cluster:
    """Reads and writes objects; `watches` is a second client, so that watches starve nobody."""

    api: KubernetesApi
    watches: KubernetesApi
    namespace: str | None = None
    """The one namespace whose Experiments are watched; None for all."""
    plurals: dict[tuple[str, str], str] = field(default_factory=dict)
    kinds: Kinds = field(init=False)

    def __post_init__(self) -> None:
        self.kinds = Kinds(self.api)

    async def find(self, ref: ObjectReference) -> dict[str, Any]:
        """The object of a reference that need not say its version; see `kinds`.

        Raises NotFound, Forbidden, Unreachable.
        """
        if ref.api_version:
            return await self.get(ref)
        kind = await self.kinds.named(ref.kind or "")
        place = f"/namespaces/{ref.namespace or 'default'}" if kind.namespaced else ""
        return await self.api.call("GET", f"{kind.root}{place}/{kind.plural}/{ref.name}")

    async def get_secret(self, namespace: str, name: str) -> dict[str, str]:
        """A Secret's keys as text. Raises NotFound, Forbidden, Malformed, Unreachable."""
        found = await self.api.call("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}")
        where = f"secret {namespace}/{name}"
        return {k: _decoded(where, k, v) for k, v in (found.get("data") or {}).items()}

    async def get(self, ref: ObjectReference) -> dict[str, Any]:
        """The object of a reference. Raises NotFound, Forbidden, Unreachable."""
        return await self.api.call("GET", await self.path(ref))

    async def patch(
        self, ref: ObjectReference, operations: Sequence[Operation], *, dry_run: bool = False
    ) -> dict[str, Any]:
        """The object after a JSON Patch. Raises Rejected where a test in it failed (422)."""
        query = [MANAGER, *([("dryRun", "All")] if dry_run else [])]
        return await self.api.call(
            "PATCH",
            await self.path(ref),
            query=query,
            body=list(operations),
            content_type=JSON_PATCH,
        )

    async def path(self, ref: ObjectReference) -> str:
        """The path of an object, its plural looked up once. Raises NotFound for unknown kinds."""
        root = _root(ref.api_version or "v1")
        plural = await self._plural(root, ref.kind or "")
        return f"{root}/namespaces/{ref.namespace or 'default'}/{plural}/{ref.name}"

    async def _plural(self, root: str, kind: str) -> str:
        if (root, kind) not in self.plurals:
            listed = await self._maybe(root) or {}
            self.plurals |= {
                (root, resource["kind"]): resource["name"]
                for resource in listed.get("resources", ())
                if "/" not in resource["name"]
            }
        try:
            return self.plurals[root, kind]
        except KeyError:
            raise NotFound(
                f"the cluster knows no {kind} in {root.rpartition('apis/')[2]}"
            ) from None

    async def get_experiment(self, namespace: str, name: str) -> dict[str, Any] | None:
        """The Experiment, or None."""
        return await self._maybe(f"{ITER8}/namespaces/{namespace}/experiments/{name}")

    async def get_metric(self, namespace: str, name: str) -> dict[str, Any] | None:
        """The Metric, or None."""
        return await self._maybe(f"{ITER8}/namespaces/{namespace}/metrics/{name}")

    async def _maybe(self, path: str) -> dict[str, Any] | None:
        try:
            return await self.api.call("GET", path)
        except NotFound:
            return None

    async def create_experiment(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """The Experiment as created. Raises Conflict where the name is taken."""
        namespace = (document.get("metadata") or {}).get("namespace") or "default"
        return await self.api.call(
            "POST",
            f"{ITER8}/namespaces/{namespace}/experiments",
            query=[MANAGER],
            body=dict(document),
        )

    async def delete_experiment(self, namespace: str, name: str, uid: str) -> None:
        """Delete the Experiment of that uid; one that is gone, or another one, is no error."""
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": uid},
        }
        with suppress(NotFound, Conflict):
            path = f"{ITER8}/namespaces/{namespace}/experiments/{name}"
            await self.api.call("DELETE", path, body=body)

    async def patch_status(
        self, namespace: str, name: str, uid: str, status: Mapping[str, Any]
    ) -> None:
        """Write a status. Raises NotFound where the object is gone, or another one by now."""
        path = f"{ITER8}/namespaces/{namespace}/experiments/{name}"
        found = await self.api.call("GET", path)
        if found["metadata"]["uid"] != uid:
            raise NotFound(f"experiment {namespace}/{name} is another one by now")
        old = (found.get("status") or {}).get("analysis") or {}
        whole = dict(status)
        if "analysis" in whole:
            whole["analysis"] = _instead_of(old, whole["analysis"])
        body = {"metadata": {"uid": uid}, "status": whole}
        await self.api.call(
            "PATCH",
            f"{path}/status",
            query=[MANAGER],
            body=body,
            content_type=MERGE_PATCH,
        )

    async def list_experiments(self) -> tuple[list[dict[str, Any]], str]:
        """All Experiments that are watched, and the version from which to watch on."""
        listed = await self.api.call(
            "GET", self._experiments(), query=[("resourceVersion", "0")]
        )
        items = [
            {"apiVersion": "iter8.tools/v2alpha2", "kind": "Experiment"} | item
            for item in listed.get("items") or ()
        ]
        return items, str(listed["metadata"].get("resourceVersion") or "0")

    def watch_experiments(self, version: str) -> AsyncIterator[dict[str, Any]]:
        """Events `{type, object}` from a version on, until the server ends the watch."""
        query = [
            ("watch", "1"),
            ("resourceVersion", version),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", str(WATCH_SECONDS)),
        ]
        return self.watches.stream(self._experiments(), query, WATCH_SECONDS + 15)

    def _experiments(self) -> str:
        place = f"/namespaces/{self.namespace}" if self.namespace else ""
        return f"{ITER8}{place}/experiments"

    async def create_event(self, namespace: str, event: Mapping[str, Any]) -> None:
        """Say something about an object, where `kubectl describe` shows it."""
        path = f"/apis/events.k8s.io/v1/namespaces/{namespace}/events"
        await self.api.call("POST", path, query=[MANAGER], body=dict(event))

    async def may(self, verb: str, ref: ObjectReference) -> bool:
        """Whether our credentials allow a verb on an object."""
        root = _root(ref.api_version or "v1")
        attributes = {
            "verb": verb,
            "group": root.split("/")[2] if root.startswith("/apis/") else "",
            "resource": await self._plural(root, ref.kind or ""),
            "namespace": ref.namespace or "default",
            "name": ref.name,
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        answer = await self.api.call("POST", path, body=body)
        return bool(answer.get("status", {}).get("allowed"))

    async def close(self) -> None:
        """Close every connection."""
        await self.api.close()
        await self.watches.close()


def _instead_of(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """A merge patch that leaves of `old` only what is in `new`: a version may have gone."""
    gone = dict.fromkeys(key for key in old if key not in new)
    both = {
        key: _instead_of(old[key], value)
        for key, value in new.items()
        if isinstance(value, Mapping) and isinstance(old.get(key), Mapping)
    }
    return {**gone, **new, **both}


def _decoded(where: str, key: str, value: str) -> str:
    try:
        return text_of(where, key, base64.b64decode(value, validate=True))
    except binascii.Error as error:
        raise Malformed(f"{where}: key {key} is not base64") from error


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
