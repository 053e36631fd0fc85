"""The kinds that the server serves: the built-in ones, and those that definitions add."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from crossfade_lab.cluster.shapes import BUILT_IN_SHAPES

__all__ = ["BUILT_IN", "Catalogue", "Kind", "defined"]

VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind in one version: its names, its schema, what hangs below it."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    singular: str = ""
    list_kind: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    status: bool = False
    scale: bool = False
    custom: bool = False
    generation: bool = False
    verbs: tuple[str, ...] = VERBS
    schema: Mapping[str, Any] = field(default_factory=dict)
    columns: tuple[Mapping[str, Any], ...] = ()

    @property
    def api_version(self) -> str:
        """`group/version`, or the bare version for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def storage(self) -> tuple[str, str]:
        """Where objects live: shared by the versions of a kind, and by both APIs of events."""
        return ("", "events") if self.plural == "events" else (self.group, self.plural)

    @property
    def root(self) -> str:
        """The path that serves the group and version."""
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"


def _built_in(
    group: str, plural: str, kind: str, *short_names: str, version: str = "v1", **more: Any
) -> Kind:
    return Kind(
        group,
        version,
        plural,
        kind,
        list_kind=f"{kind}List",
        short_names=short_names,
        schema=BUILT_IN_SHAPES.get(kind, BUILT_IN_SHAPES[""]),
        **more,
    )


BUILT_IN = (
    _built_in("", "namespaces", "Namespace", "ns", namespaced=False, status=True),
    _built_in("", "secrets", "Secret"),
    _built_in("", "configmaps", "ConfigMap", "cm"),
    _built_in("", "services", "Service", "svc", status=True),
    _built_in("", "events", "Event", "ev"),
    _built_in("events.k8s.io", "events", "Event", "ev"),
    _built_in(
        "apps",
        "deployments",
        "Deployment",
        "deploy",
        status=True,
        generation=True,
        categories=("all",),
    ),
    _built_in("batch", "jobs", "Job", status=True, categories=("all",)),
    _built_in("coordination.k8s.io", "leases", "Lease"),
    _built_in(
        "authorization.k8s.io",
        "selfsubjectaccessreviews",
        "SelfSubjectAccessReview",
        namespaced=False,
        verbs=("create",),
    ),
    _built_in(
        "apiextensions.k8s.io",
        "customresourcedefinitions",
        "CustomResourceDefinition",
        "crd",
        "crds",
        namespaced=False,
        status=True,
        generation=True,
        categories=("api-extensions",),
    ),
)


def defined(definition: Mapping[str, Any]) -> list[Kind]:
    """The served kinds that a CustomResourceDefinition describes, storage version first."""
    spec, names = definition["spec"], definition["spec"]["names"]
    versions = [v for v in spec["versions"] if v.get("served")]
    return [
        Kind(
            group=spec["group"],
            version=version["name"],
            plural=names["plural"],
            kind=names["kind"],
            namespaced=spec["scope"] == "Namespaced",
            singular=names.get("singular") or names["kind"].lower(),
            list_kind=names.get("listKind") or f"{names['kind']}List",
            short_names=tuple(names.get("shortNames") or ()),
            categories=tuple(names.get("categories") or ()),
            status="status" in (version.get("subresources") or {}),
            scale="scale" in (version.get("subresources") or {}),
            custom=True,
            generation=True,
            schema=(version.get("schema") or {}).get("openAPIV3Schema") or {},
            columns=tuple(version.get("additionalPrinterColumns") or ()),
        )
        for version in sorted(versions, key=lambda v: not v.get("storage"))
    ]


class Catalogue:
    """Every kind that is served now, found by path or by what a document says of itself."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[str, str, str], Kind] = {}
        for kind in BUILT_IN:
            self.add(kind)

    def add(self, kind: Kind) -> None:
        """Serve the kind from now on, in place of an older form of it."""
        self._kinds[kind.group, kind.version, kind.plural] = kind

    def remove(self, group: str, plural: str) -> None:
        """Serve no version of the kind any more."""
        for key in [k for k in self._kinds if k[0] == group and k[2] == plural]:
            del self._kinds[key]

    def at(self, group: str, version: str, plural: str) -> Kind | None:
        """The kind served at `group/version/plural`."""
        return self._kinds.get((group, version, plural))

    def of(self, api_version: str, kind: str) -> Kind | None:
        """The kind that a document with this apiVersion and kind belongs to."""
        return next(
            (k for k in self._kinds.values() if (k.api_version, k.kind) == (api_version, kind)),
            None,
        )

    def __iter__(self) -> Iterator[Kind]:
        return iter(self._kinds.values())

    def served(self) -> dict[str, dict[str, list[Kind]]]:
        """Group → version → kinds, in the order in which they came."""
        groups: dict[str, dict[str, list[Kind]]] = {}
        for kind in self._kinds.values():
            groups.setdefault(kind.group, {}).setdefault(kind.version, []).append(kind)
        return groups
