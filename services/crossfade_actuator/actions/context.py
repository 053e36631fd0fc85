"""What tasks may refer to: the run, its document, its status, the recommended version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crossfade.resources import Document


@dataclass(frozen=True, slots=True)
class Context:
    """A run as its tasks see it; `status` is the v2alpha2 status as of the action's begin."""

    document: Document
    status: dict[str, Any]
    uid: str
    namespace: str
    name: str
    recommended: str | None = None
    winner: str | None = None
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def experiment(self) -> dict[str, Any]:
        """The whole Experiment as JSON, status included."""
        return self.document.experiment.dump() | {"status": self.status}

    def flat(self) -> dict[str, str] | None:
        """`name` and the variables of the recommended version; None where there is none."""
        for version in self.document.versions:
            if version.name == self.recommended:
                return {"name": version.name} | version.values
        return None

    def variables(self, further: Sequence[Mapping[str, str]] = ()) -> dict[str, Any]:
        """`flat`, a task's own `further` variables by position, and `this`: the Experiment."""
        data: dict[str, Any] = dict(self.flat() or {})
        for version, more in zip(self.document.versions, further, strict=False):
            if version.name == self.recommended:
                data |= more
        return data | {"this": self.experiment}

    def fields(self) -> dict[str, Any]:
        """The Experiment as upstream's Go struct shows it to `run`: fields, then its methods."""
        tree = self.experiment
        metadata = tree.get("metadata", {})
        return {
            "APIVersion": tree.get("apiVersion"),
            "Kind": tree.get("kind"),
            "Name": self.name,
            "Namespace": self.namespace,
            "Labels": metadata.get("labels", {}),
            "Annotations": metadata.get("annotations", {}),
            "Spec": tree.get("spec", {}),
            "Status": self.status,
            "WinnerFound": self.winner_found,
            "CandidateWon": self.candidate_won,
        }

    @property
    def winner_found(self) -> bool:
        """Whether the last analysis found a winner."""
        data = self.status.get("analysis", {}).get("winnerAssessment", {}).get("data", {})
        return bool(data.get("winnerFound"))

    @property
    def candidate_won(self) -> bool:
        """Whether the one candidate there is has won; with several, upstream says no."""
        candidates = self.document.candidates
        return self.winner_found and len(candidates) == 1 and candidates[0].name == self.winner
