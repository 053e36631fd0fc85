"""The one place of settings: environment variables `CROSSFADE_<SECTION>__<FIELD>`.

Only the command line creates `Settings`; a service receives its own section. The sentence under a
field is its documentation; `crossfade settings` prints them all. A misspelt variable stops the
start.
"""

from crossfade.settings.loading import PREFIX, Settings, load, variable
from crossfade.settings.notifying import (
    AppriseSettings,
    NotifierSettings,
    RouteSettings,
    WebhookSettings,
)
from crossfade.settings.reference import reference
from crossfade.settings.sections import (
    ActuatorSettings,
    AnalyzerSettings,
    BusSettings,
    ClusterSettings,
    CollectorSettings,
    HealthSettings,
    LogSettings,
)
from crossfade.settings.showing import ConsoleSettings

__all__ = [
    "PREFIX",
    "ActuatorSettings",
    "AnalyzerSettings",
    "AppriseSettings",
    "BusSettings",
    "ClusterSettings",
    "CollectorSettings",
    "ConsoleSettings",
    "HealthSettings",
    "LogSettings",
    "NotifierSettings",
    "RouteSettings",
    "Settings",
    "WebhookSettings",
    "load",
    "reference",
    "variable",
]
