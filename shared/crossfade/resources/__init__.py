"""Experiment and Metric of `iter8.tools/v2alpha2`: models, admission, status, CRDs.

A document goes in as its author wrote it and comes out as a `Document`: validated with all its
mistakes told at once, its metrics resolved, its defaults answered by properties.
"""

from crossfade.resources.admission import LARGEST_DOCUMENT, admit
from crossfade.resources.bodies import LARGEST_START, gather, split_body, tidied
from crossfade.resources.builtin import BUILTIN
from crossfade.resources.documents import Document, Policy
from crossfade.resources.experiments import (
    API_VERSION,
    Criteria,
    Deadlines,
    Decision,
    DeploymentPattern,
    Direction,
    Duration,
    Experiment,
    ExperimentSpec,
    Objective,
    ObjectMeta,
    ObjectReference,
    OnNoData,
    Reward,
    Strategy,
    Task,
    TestingPattern,
    Variable,
    Version,
    VersionInfo,
    Weights,
)
from crossfade.resources.fields import Quantity, Resource
from crossfade.resources.metrics import Metric, MetricSpec, MockLevel, Param, Tls, qualified
from crossfade.resources.mistakes import Refusal, condition_of, reason_of
from crossfade.resources.parsing import parse_experiment, parse_metric, unknown_fields
from crossfade.resources.resolving import missing_metrics

__all__ = [
    "API_VERSION",
    "BUILTIN",
    "LARGEST_DOCUMENT",
    "LARGEST_START",
    "Criteria",
    "Deadlines",
    "Decision",
    "DeploymentPattern",
    "Direction",
    "Document",
    "Duration",
    "Experiment",
    "ExperimentSpec",
    "Metric",
    "MetricSpec",
    "MockLevel",
    "ObjectMeta",
    "ObjectReference",
    "Objective",
    "OnNoData",
    "Param",
    "Policy",
    "Quantity",
    "Refusal",
    "Resource",
    "Reward",
    "Strategy",
    "Task",
    "TestingPattern",
    "Tls",
    "Variable",
    "Version",
    "VersionInfo",
    "Weights",
    "admit",
    "condition_of",
    "gather",
    "missing_metrics",
    "parse_experiment",
    "parse_metric",
    "qualified",
    "reason_of",
    "split_body",
    "tidied",
    "unknown_fields",
]
