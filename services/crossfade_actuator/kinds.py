"""Kinds as people write them, `deploy`, `ksvc`, `deployments.apps`: which resource is meant.

Looked up in what the API server says it serves, as kubectl does; the core group comes first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from crossfade.errors import NotFound, Unreachable
from crossfade_actuator.api import KubernetesApi


@dataclass(frozen=True, slots=True)
class Kind:
    """A resource that is served: its version's path, its plural, whether it has a namespace."""

    root: str
    plural: str
    namespaced: bool


@dataclass(slots=True)
class Kinds:
    """What the API server serves, asked for once and again where something is not found."""

    api: KubernetesApi
    known: dict[str, Kind] = field(default_factory=dict)

    async def named(self, name: str) -> Kind:
        """The kind that is called so. Raises NotFound, Unreachable."""
        wanted = name.lower()
        if wanted not in self.known:
            self.known = await self._served()
        try:
            return self.known[wanted]
        except KeyError:
            raise NotFound(f"the cluster knows no {name}") from None

    async def _served(self) -> dict[str, Kind]:
        found: dict[str, Kind] = {}
        for root in await self._roots():
            try:
                listed = await self.api.call("GET", root)
            except (NotFound, Unreachable):
                continue  # an aggregated API whose server is away; others are none the worse
            for resource in listed.get("resources", ()):
                if "/" not in resource["name"]:
                    kind = Kind(root, resource["name"], bool(resource.get("namespaced")))
                    for name in _names(resource, root):
                        found.setdefault(name, kind)
        return found

    async def _roots(self) -> list[str]:
        groups = (await self.api.call("GET", "/apis")).get("groups", ())
        return ["/api/v1", *(f"/apis/{g['preferredVersion']['groupVersion']}" for g in groups)]


def _names(resource: Mapping[str, Any], root: str) -> Iterator[str]:
    plural, kind = resource["name"], str(resource["kind"]).lower()
    bare = (plural, kind, resource.get("singularName") or kind, *resource.get("shortNames", ()))
    group, _, version = root.removeprefix("/apis/").rpartition("/")
    for name in bare:
        yield name
        if group and root.startswith("/apis/"):
            yield f"{name}.{group}"
            yield f"{name}.{version}.{group}"
