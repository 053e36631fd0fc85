"""Which policies there are."""

from __future__ import annotations

from collections.abc import Mapping

from crossfade.settings import AnalyzerSettings
from crossfade_analyzer.policies.iter8 import Iter8Policy
from crossfade_analyzer.policies.port import Policy


def policies(settings: AnalyzerSettings) -> Mapping[str, Policy]:
    """The policies by name."""
    return {"iter8": Iter8Policy()}
