"""Rules for Metrics that sign, and for those that say how old a number may be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from urllib.parse import urlsplit

from crossfade.errors import FieldError
from crossfade.resources.builtin import PROVIDER
from crossfade.resources.metrics import MetricSpec
from crossfade.resources.mistakes import shown

SERVICES: Mapping[str, str] = MappingProxyType(
    {"cloudwatch": "monitoring", "prometheus": "aps"}
)
"""Providers that `authType: SigV4` can sign for, and the name that AWS has for the service."""
GOOGLE_HOSTS = ".googleapis.com"
DATED = frozenset({"prometheus", "cloudwatch", "google"})
"""Providers whose answers say when a number was measured, without `timestampExpression`."""


def misidentified(spec: MetricSpec, at: str) -> Iterator[FieldError]:
    """What could never be signed, or never be told to be old."""
    if spec.mock is not None or spec.provider == PROVIDER:
        return
    if spec.auth_type == "SigV4":
        yield from _unsigned(spec, at)
    if spec.auth_type == "Google":
        yield from _elsewhere(spec, at)
    if spec.max_age is not None and not is_dated(spec):
        right = "right would be a jq expression that says when the value was measured"
        among = f"where provider is none of {', '.join(sorted(DATED))}"
        message = f"is missing; maxAge {spec.max_age} takes one {among}; {right}"
        yield FieldError(f"{at}.timestampExpression", message)


def is_dated(spec: MetricSpec) -> bool:
    """Whether the age of a metric's numbers can be told."""
    return bool(spec.timestamp_expression) or (spec.provider or "").lower() in DATED


def _unsigned(spec: MetricSpec, at: str) -> Iterator[FieldError]:
    provider = (spec.provider or "").lower()
    if provider not in SERVICES:
        right = f"with authType SigV4 right would be one of {', '.join(SERVICES)}"
        yield FieldError(f"{at}.provider", f"found {shown(spec.provider)}; {right}")
    if provider != "cloudwatch":
        return
    if spec.body is None:
        right = (
            "right would be the JSON of GetMetricData: StartTime, EndTime, MetricDataQueries"
        )
        yield FieldError(f"{at}.body", f"is missing; {right}")
    if spec.params:
        right = "right would be none: CloudWatch is asked by spec.body"
        yield FieldError(f"{at}.params", f"found {len(spec.params)} of them; {right}")


def _elsewhere(spec: MetricSpec, at: str) -> Iterator[FieldError]:
    """Tokens of Google go to Google; a template is looked at when it is filled."""
    if spec.tls and spec.tls.insecure_skip_verify:
        right = "with authType Google right would be false: a token goes to nobody unknown"
        yield FieldError(f"{at}.tls.insecureSkipVerify", f"found true; {right}")
    written = spec.url_template or ""
    if "$" in written:
        return
    url = urlsplit(written)
    if url.scheme != "https" or not (url.hostname or "").endswith(GOOGLE_HOSTS):
        right = "with authType Google right would be https://monitoring.googleapis.com/…"
        yield FieldError(f"{at}.urlTemplate", f"found {shown(spec.url_template)}; {right}")
