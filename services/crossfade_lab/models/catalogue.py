"""The models that the lab can serve, found by what a predictor says about itself."""

from __future__ import annotations

import re
from dataclasses import dataclass

from crossfade.errors import FieldError, Malformed

__all__ = ["ARTEFACTS", "Artefact", "artefact_for"]


@dataclass(frozen=True, slots=True)
class Artefact:
    """One model: `name` is its JSON file and the `x-model` of its answers."""

    name: str
    implementation: str
    image: str
    image_version: str
    uri: str

    def accepts(self, uri: str) -> bool:
        """Whether `uri` names this model; later Seldon releases put a version in between."""
        head, tail = self.uri.split("seldon-models/")
        pattern = rf"{re.escape(head)}seldon-models/(v\d[\w.-]*/)?{re.escape(tail)}/?"
        return re.fullmatch(pattern, uri) is not None


ARTEFACTS: tuple[Artefact, ...] = (
    Artefact(
        name="sklearn-iris",
        implementation="SKLEARN_SERVER",
        image="seldonio/sklearnserver",
        image_version="1.9.1",
        uri="gs://seldon-models/sklearn/iris",
    ),
    Artefact(
        name="xgboost-iris",
        implementation="XGBOOST_SERVER",
        image="seldonio/xgboostserver",
        image_version="1.9.1",
        uri="gs://seldon-models/xgboost/iris",
    ),
)


def artefact_for(implementation: str, uri: str | None = None, field: str = "graph") -> Artefact:
    """The model that `implementation` and, where given, `uri` name together.

    Raises Malformed with the path below `field` of the part that names no model here.
    """
    found = next((a for a in ARTEFACTS if a.implementation == implementation), None)
    if found is None:
        known = ", ".join(a.implementation for a in ARTEFACTS)
        problem = f"the lab serves {known}, found {implementation!r}"
        raise Malformed([FieldError(f"{field}.implementation", problem)])
    if uri is not None and not found.accepts(uri):
        problem = f"for {implementation} the lab serves {found.uri}, found {uri!r}"
        raise Malformed([FieldError(f"{field}.modelUri", problem)])
    return found
