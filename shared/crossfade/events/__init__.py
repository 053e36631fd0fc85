"""What services say to each other: facts in the past, as CloudEvents 1.0 in NATS binary mode.

`catalogue.CATALOGUE` is the one list of kinds; `subjects` the one place that spells subjects and
keys; `envelope` the one place that knows headers. Bodies are tolerant readers: unknown fields are
ignored, no optional field is without a default.
"""

from crossfade.events.actions import ActionOutcome
from crossfade.events.assessments import Assessment, Reason, Verdict
from crossfade.events.catalogue import CATALOGUE
from crossfade.events.event import Event
from crossfade.events.incidents import Incident
from crossfade.events.samples import ABSENCES, MetricSample, Reading, fatal
from crossfade.events.stages import StageChange
from crossfade.events.weights import ChangedObject, WeightChange

__all__ = [
    "ABSENCES",
    "CATALOGUE",
    "ActionOutcome",
    "Assessment",
    "ChangedObject",
    "Event",
    "Incident",
    "MetricSample",
    "Reading",
    "Reason",
    "StageChange",
    "Verdict",
    "WeightChange",
    "fatal",
]
