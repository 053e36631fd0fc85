"""What SeldonDeployments and VirtualServices ask for, read from the whole object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crossfade.errors import FieldError, Malformed
from crossfade_lab.models.catalogue import Artefact, artefact_for
from crossfade_lab.models.server import Place

__all__ = [
    "DEPLOYMENT",
    "SERVICE",
    "Deployment",
    "Destination",
    "Predictor",
    "Rule",
    "Served",
    "Service",
    "deployment_of",
    "service_of",
]

DEPLOYMENT = "SeldonDeployment"
SERVICE = "VirtualService"


@dataclass(frozen=True, slots=True)
class Served:
    """A model in a place. Another model in the same place is another process."""

    place: Place
    artefact: Artefact

    @property
    def name(self) -> str:
        """What the router calls it: the predictor and its model."""
        return f"{self.place}/{self.artefact.name}"


@dataclass(frozen=True, slots=True)
class Predictor:
    """One predictor and its share."""

    served: Served
    weight: int


@dataclass(frozen=True, slots=True)
class Deployment:
    """A SeldonDeployment; `errors` says why some of its predictors cannot be served here."""

    namespace: str
    name: str
    version: str
    predictors: tuple[Predictor, ...]
    errors: tuple[FieldError, ...] = ()

    @property
    def key(self) -> str:
        """`Kind/namespace/name`."""
        return f"{DEPLOYMENT}/{self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class Destination:
    """A share for the predictor behind a Kubernetes service `<deployment>-<predictor>`."""

    namespace: str
    service: str
    weight: int
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One entry of `spec.http`, for the paths that begin with `prefix`."""

    prefix: str
    rewrite: str | None
    destinations: tuple[Destination, ...]


@dataclass(frozen=True, slots=True)
class Service:
    """A VirtualService."""

    namespace: str
    name: str
    version: str
    hosts: tuple[str, ...]
    rules: tuple[Rule, ...]

    @property
    def key(self) -> str:
        """`Kind/namespace/name`."""
        return f"{SERVICE}/{self.namespace}/{self.name}"


def deployment_of(document: Mapping[str, Any]) -> Deployment:
    """The SeldonDeployment in `document`; a single predictor without traffic has all of it."""
    meta = document["metadata"]
    listed = [p for p in document.get("spec", {}).get("predictors", []) if not p.get("shadow")]
    predictors: list[Predictor] = []
    errors: list[FieldError] = []
    for at, predictor in enumerate(listed):
        try:
            served = _served(meta, predictor, f"spec.predictors[{at}]")
        except Malformed as error:
            errors.extend(error.errors)
            continue
        predictors.append(Predictor(served, _weight(predictor.get("traffic"), len(listed))))
    return Deployment(
        namespace=meta["namespace"],
        name=meta["name"],
        version=meta.get("resourceVersion", ""),
        predictors=tuple(predictors),
        errors=tuple(errors),
    )


def _served(meta: Mapping[str, Any], predictor: Mapping[str, Any], field: str) -> Served:
    graph = predictor.get("graph") or {}
    artefact = artefact_for(
        graph.get("implementation") or "", graph.get("modelUri"), f"{field}.graph"
    )
    place = Place(
        namespace=meta["namespace"],
        deployment=meta["name"],
        predictor=predictor["name"],
        predictor_version=(predictor.get("annotations") or {}).get("version", ""),
        graph=graph.get("name") or "classifier",
    )
    return Served(place, artefact)


def _weight(found: Any, of: int) -> int:
    # Go clients drop a traffic of 0, and a lone predictor needs none.
    if found is None or (of == 1 and found == 0):
        return 100 if of == 1 else 0
    return int(found)


def service_of(document: Mapping[str, Any]) -> Service:
    """The VirtualService in `document`; a single destination without weight has all of it."""
    meta, spec = document["metadata"], document.get("spec", {})
    return Service(
        namespace=meta["namespace"],
        name=meta["name"],
        version=meta.get("resourceVersion", ""),
        hosts=tuple(spec.get("hosts") or ()),
        rules=tuple(
            r for http in spec.get("http") or () for r in _rules(http, meta["namespace"])
        ),
    )


def _rules(http: Mapping[str, Any], namespace: str) -> Iterator[Rule]:
    routes = http.get("route") or ()
    targets = tuple(_destination(r, namespace, len(routes)) for r in routes)
    rewrite = (http.get("rewrite") or {}).get("uri")
    matches: Sequence[Mapping[str, Any]] = http.get("match") or ({},)
    for match in matches:
        uri = match.get("uri") or {}
        yield Rule(uri.get("prefix") or uri.get("exact") or "/", rewrite, targets)


def _destination(route: Mapping[str, Any], namespace: str, of: int) -> Destination:
    service, _, rest = str(route.get("destination", {}).get("host", "")).partition(".")
    headers = ((route.get("headers") or {}).get("response") or {}).get("set") or {}
    return Destination(
        namespace=rest.split(".")[0] or namespace,
        service=service,
        weight=_weight(route.get("weight"), of),
        headers=tuple(headers.items()),
    )
