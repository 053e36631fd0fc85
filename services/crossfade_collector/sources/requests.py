"""From a Metric and a version to the HTTP request that asks for the number."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from yarl import URL

from crossfade.errors import CrossfadeError, Unreachable
from crossfade.resources import MetricSpec
from crossfade_collector.secrets import KeptSecrets, Secret
from crossfade_collector.sources import cloudwatch
from crossfade_collector.sources.identities import Identities
from crossfade_collector.sources.masking import to_mask
from crossfade_collector.sources.port import NoValue, Question, Request
from crossfade_collector.templates import filled

PROMETHEUS_QUERY = "/api/v1/query"
PROMQL = frozenset({"prometheus", "google"})
"""Providers that answer PromQL at a path that ends like this."""


@dataclass(frozen=True, slots=True)
class Requests:
    """Fills templates and adds what the Secret allows; `own_namespace` is that of bare names."""

    secrets: KeptSecrets
    own_namespace: str
    identities: Identities = field(default_factory=Identities)

    async def about(self, question: Question) -> Request:
        """The request for a question. Raises NoValue where the Metric or its Secret forbids."""
        spec = question.metric.spec
        secret = await self._secret("spec.secret", spec.secret) if spec.secret else {}
        url = _address(spec, secret, question)
        headers = _headers(spec, secret)
        body = _body(spec, question.values)
        if body is not None and "content-type" not in map(str.lower, headers):
            headers = {"Content-Type": "application/json"} | headers
        request = Request(
            method=question.metric.method,
            url=url,
            headers=tuple(headers.items()),
            body=body,
            insecure=bool(spec.tls and spec.tls.insecure_skip_verify),
            authority=await self._authority(spec),
            secrets=to_mask(secret.values(), headers),
            provider=(spec.provider or "").lower(),
            identity=self.identities.of(spec, secret, url),
        )
        return cloudwatch.asked(request) if request.provider == "cloudwatch" else request

    async def close(self) -> None:
        """Close the connection to where secrets are, and what looks for credentials."""
        self.identities.close()
        await self.secrets.close()

    async def _authority(self, spec: MetricSpec) -> str | None:
        if not spec.tls or not spec.tls.ca_secret:
            return None
        found = await self._secret("spec.tls.caSecret", spec.tls.ca_secret)
        return _key(found, "ca.crt", "spec.tls.caSecret", spec.tls.ca_secret)

    async def _secret(self, where: str, ref: str) -> Secret:
        namespace, _, name = ref.rpartition("/")
        try:
            return await self.secrets.secret(namespace or self.own_namespace, name)
        except Unreachable as error:
            raise NoValue("timeout", f"{where}: {error}") from error
        except CrossfadeError as error:
            raise NoValue("unauthorized", f"{where}: {error}") from error


def _address(spec: MetricSpec, secret: Secret, question: Question) -> URL:
    written = filled(spec.url_template or "", secret)
    try:
        url = URL(written)
    except ValueError as error:
        raise _bad_address(spec) from error
    if url.scheme not in ("http", "https") or not url.host:
        raise _bad_address(spec)
    params = [(p.name, filled(p.value, question.values)) for p in spec.params or ()]
    url = url.extend_query(params)
    if _wants_an_instant(spec, url):
        url = url.extend_query([("time", f"{question.at.timestamp():.3f}")])
    return url


def asks_promql(provider: str, url: URL) -> bool:
    """Whether an address takes an instant query of PromQL."""
    return provider in PROMQL and url.path.endswith(PROMETHEUS_QUERY)


def _wants_an_instant(spec: MetricSpec, url: URL) -> bool:
    """One instant for all queries of a tick, unless the author chose another."""
    return asks_promql((spec.provider or "").lower(), url) and "time" not in url.query


def _bad_address(spec: MetricSpec) -> NoValue:
    found = repr(spec.url_template) if spec.url_template else "nothing"
    right = "right would be an address such as http://prometheus:9090/api/v1/query"
    return NoValue("unreachable", f"spec.urlTemplate: found {found}; {right}")


def _headers(spec: MetricSpec, secret: Secret) -> dict[str, str]:
    """Literal headers; substituted with the secret only for Bearer and APIKey, as upstream."""
    substituted = bool(spec.secret) and spec.auth_type in ("Bearer", "APIKey")
    written = {h.name: h.value for h in spec.header_templates or ()}
    if substituted:
        written = {name: filled(value, secret) for name, value in written.items()}
    if spec.auth_type == "Basic":
        written["Authorization"] = _basic(spec, secret)
    if bad := [n for n, v in written.items() if set(n + v) & {"\r", "\n", "\0"}]:
        raise NoValue("unauthorized", f"spec.headerTemplates: {bad[0]!r} holds a line break")
    return written


def _basic(spec: MetricSpec, secret: Secret) -> str:
    if not spec.secret:
        raise NoValue("unauthorized", "spec.secret is missing; authType Basic takes one")
    user, password = (
        _key(secret, key, "spec.secret", spec.secret) for key in ("username", "password")
    )
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _key(secret: Secret, key: str, where: str, ref: str) -> str:
    if key not in secret:
        raise NoValue("unauthorized", f"{where}: secret {ref} has no key {key}")
    return secret[key]


def _body(spec: MetricSpec, values: Mapping[str, str]) -> str | None:
    if spec.body is None:
        return None
    text = filled(spec.body, values)
    try:
        json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NoValue("jq-error", f"spec.body is not JSON once filled: {error}") from error
    return text
