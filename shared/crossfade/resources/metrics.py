"""The Metric of `iter8.tools/v2alpha2`, field by field, with the additions of Crossfade."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, StrictBool

from crossfade.resources.experiments import API_VERSION, ObjectMeta
from crossfade.resources.fields import Positive, Quantity, Resource, number

REFERRING = ("sample_size", "numerator", "denominator", "histogram", "sum_of_squares")
"""Fields of a MetricSpec that name another Metric, relative to this one's namespace."""


class Param(Resource):
    """A query parameter or header; the value is a template."""

    name: str
    value: str


class MockLevel(Resource):
    """The level that a made-up metric has for one version."""

    name: str
    level: Quantity

    @property
    def value(self) -> float:
        """The level as a number."""
        return number(self.level) or 0.0


class Tls(Resource):
    """How the back-end's certificate is checked; verified unless the author opts out."""

    insecure_skip_verify: StrictBool | None = None
    ca_secret: str | None = None
    """Secret (`name` or `namespace/name`) whose key `ca.crt` signs the back-end."""


class MetricSpec(Resource):
    """Where a number comes from."""

    description: str | None = None
    units: str | None = None
    type: Literal["Counter", "Gauge"] | None = None
    provider: str | None = None
    sample_size: str | None = None
    params: tuple[Param, ...] | None = None
    url_template: str | None = None
    header_templates: tuple[Param, ...] | None = None
    method: Literal["GET", "POST"] | None = None
    body: str | None = None
    auth_type: Literal["Basic", "Bearer", "APIKey", "SigV4", "Google"] | None = None
    """How the request proves who asks; `SigV4` and `Google` are additions of Crossfade."""
    secret: str | None = None
    jq_expression: str | None = None
    mock: tuple[MockLevel, ...] | None = None
    distribution: Literal["bernoulli", "poisson", "mean", "quantile"] | None = None
    """What kind of number this is, so that it can be proved."""
    exposure: Literal["requests", "time"] | None = None
    """What events are counted against: requests, or time where they do not follow the split."""
    numerator: str | None = None
    """Metric reference: the counter above the line."""
    denominator: str | None = None
    """Metric reference: the counter below the line (requests)."""
    histogram: str | None = None
    """Metric reference: requests within the limit (the bucket at `${upperLimit}`)."""
    sum_of_squares: str | None = None
    """Metric reference: the second moment of a mean."""
    upper_bound: Quantity | None = None
    """The largest value possible, such as the client's timeout."""
    window: Literal["cumulative", "interval"] | None = None
    """What a value covers: everything since the start, or the last interval."""
    tls: Tls | None = None
    max_age: Positive | None = None
    """Seconds; a number that was measured longer ago is the reason `stale`, not a number."""
    timestamp_expression: str | None = None
    """jq: when the number was measured, in Unix time or RFC 3339; for `maxAge`."""


class Metric(Resource):
    """A metric and the way to ask for it."""

    api_version: Literal["iter8.tools/v2alpha2"] = API_VERSION
    kind: Literal["Metric"] = "Metric"
    metadata: ObjectMeta
    spec: MetricSpec = Field(default_factory=MetricSpec)

    @property
    def name(self) -> str:
        """The name in its namespace."""
        return self.metadata.name or ""

    @property
    def namespace(self) -> str:
        """The namespace; `default` where the document names none."""
        return self.metadata.namespace or "default"

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"

    @property
    def kind_of_value(self) -> Literal["Counter", "Gauge"]:
        """The type, with the schema's default `Gauge`."""
        return self.spec.type or "Gauge"

    @property
    def method(self) -> Literal["GET", "POST"]:
        """The HTTP method, with the schema's default `GET`."""
        return self.spec.method or "GET"

    @property
    def referred(self) -> tuple[str, ...]:
        """`namespace/name` of the metrics that this one's `sampleSize` and kin name."""
        named = (getattr(self.spec, field) for field in REFERRING)
        return tuple(qualified(ref, self.namespace) for ref in named if ref)


def qualified(ref: str, namespace: str) -> str:
    """A metric reference as `namespace/name`, relative to `namespace`."""
    return ref if "/" in ref else f"{namespace}/{ref}"
