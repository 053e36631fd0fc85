"""The one list of event kinds."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from crossfade.events.actions import ActionOutcome
from crossfade.events.assessments import Assessment
from crossfade.events.event import Event
from crossfade.events.incidents import Incident
from crossfade.events.samples import MetricSample
from crossfade.events.stages import StageChange
from crossfade.events.weights import WeightChange

CATALOGUE: Mapping[str, type[Event]] = MappingProxyType(
    {
        event.kind: event
        for event in (
            StageChange,
            MetricSample,
            Assessment,
            WeightChange,
            ActionOutcome,
            Incident,
        )
    }
)
