"""By which field an element of a list is known, so that a patch by index hits what was meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

IDENTITIES: Mapping[str, tuple[str, ...]] = {
    "SeldonDeployment": ("name",),
    "VirtualService": ("destination",),
    "HTTPRoute": ("name", "namespace", "port"),
    "GRPCRoute": ("name", "namespace", "port"),
    "Service": ("revisionName", "tag", "latestRevision"),  # Knative
    "TrafficSplit": ("service",),
}
"""Identity fields by kind; of those, the ones that an element has are tested."""

ABSENT_MEANS_ZERO = frozenset({"SeldonDeployment"})
"""Kinds whose Go clients drop a zero weight when they write the object back."""

ALONE_MEANS_ALL = frozenset({"SeldonDeployment"})
"""Kinds in which a single element without a weight takes all traffic."""


def guards(kind: str, element: Mapping[str, Any], pointer: str) -> list[dict[str, Any]]:
    """JSON Patch tests that the element at a JSON Pointer is still the one that was read."""
    return [
        {"op": "test", "path": f"{pointer}/{name}", "value": element[name]}
        for name in IDENTITIES.get(kind, ())
        if name in element
    ]
