"""Repeating: a start that is asked again, since its answer was lost, begins no second run.

The caller names its request. Without a cluster the run's uid follows from that name; on one the
Experiment that is made carries it. So nothing else has to be remembered, and whoever dies between
two effects forgets nothing: a repeat is known for as long as the run or its resource is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crossfade.errors import FieldError, Malformed
from crossfade.resources.annotations import PREFIX
from crossfade.resources.mistakes import shown

REQUEST = f"{PREFIX}/request"
"""The annotation of an Experiment that was made for a request."""
LONGEST = 128
"""Characters of a request's name."""


def request_of(body: Mapping[str, Any]) -> str:
    """What the caller calls its start; empty where it does not say. Raises Malformed."""
    asked = body.get("requestId") if "experiment" in body else None
    if asked is None:
        return ""
    if not isinstance(asked, str) or not 0 < len(asked) <= LONGEST:
        right = f"right would be text of 1 to {LONGEST} characters"
        raise Malformed([FieldError("requestId", f"found {shown(asked)}; {right}")])
    return asked


def carrying(experiment: Mapping[str, Any], request: str) -> dict[str, Any]:
    """The experiment as it is to be made for a request."""
    if not request:
        return dict(experiment)
    metadata = dict(experiment.get("metadata") or {})
    metadata["annotations"] = dict(metadata.get("annotations") or {}) | {REQUEST: request}
    return dict(experiment) | {"metadata": metadata}


def made_for(resource: Mapping[str, Any] | None, request: str) -> bool:
    """Whether a resource was made for this very request."""
    metadata = (resource or {}).get("metadata") or {}
    return bool(request) and (metadata.get("annotations") or {}).get(REQUEST) == request
