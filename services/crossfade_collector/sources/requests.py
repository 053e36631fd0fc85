"""From a Metric and a version to the HTTP request that asks for the number."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

from yarl import URL

from crossfade.errors import CrossfadeError, Unreachable
from crossfade.resources import Metric, MetricSpec
from crossfade_collector.secrets import KeptSecrets, Secret
from crossfade_collector.sources.port import NoValue, Question
from crossfade_collector.templates import filled

PROMETHEUS_QUERY = "/api/v1/query"
SHORTEST_SECRET = 4
"""Characters; masking shorter texts would blot out ordinary words and hide nothing."""
OPEN_HEADERS = frozenset({"accept", "content-type", "user-agent", "host"})


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent; equal requests are sent once. `secrets` are masked wherever text comes out."""

    method: str
    url: URL
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: str | None = field(default=None, repr=False)
    insecure: bool = False
    authority: str | None = field(default=None, repr=False)
    """PEM of the certificates to trust in place of the system's."""
    secrets: frozenset[str] = field(default=frozenset(), repr=False)

    def masked(self, text: str) -> str:
        """The text with every secret replaced by `***`, the longest first."""
        for secret in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text


@dataclass(frozen=True, slots=True)
class Requests:
    """Fills templates and adds what the Secret allows; `own_namespace` is that of bare names."""

    secrets: KeptSecrets
    own_namespace: str

    async def about(self, question: Question) -> Request:
        """The request for a question. Raises NoValue where the Metric or its Secret forbids."""
        spec = question.metric.spec
        secret = await self._secret("spec.secret", spec.secret) if spec.secret else {}
        url = _address(spec, secret, question)
        headers = _headers(spec, secret, question.metric)
        body = _body(spec, question.values)
        if body is not None and "content-type" not in map(str.lower, headers):
            headers = {"Content-Type": "application/json"} | headers
        return Request(
            method=question.metric.method,
            url=url,
            headers=tuple(headers.items()),
            body=body,
            insecure=bool(spec.tls and spec.tls.insecure_skip_verify),
            authority=await self._authority(spec),
            secrets=frozenset(_to_mask(secret.values(), headers)),
        )

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


def _wants_an_instant(spec: MetricSpec, url: URL) -> bool:
    """One instant for all queries of a tick, unless the author chose another."""
    by_prometheus = (spec.provider or "").lower() == "prometheus"
    return by_prometheus and url.path.endswith(PROMETHEUS_QUERY) and "time" not in url.query


def _bad_address(spec: MetricSpec) -> NoValue:
    found = repr(spec.url_template) if spec.url_template else "nothing"
    right = "right would be an address such as http://prometheus:9090/api/v1/query"
    return NoValue("unreachable", f"spec.urlTemplate: found {found}; {right}")


def _headers(spec: MetricSpec, secret: Secret, metric: Metric) -> dict[str, str]:
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


def _to_mask(secrets: Iterable[str], headers: Mapping[str, str]) -> Iterable[str]:
    spoken = [v for n, v in headers.items() if n.lower() not in OPEN_HEADERS]
    bare = [value.rpartition(" ")[2] for value in spoken]
    found = [text for text in (*secrets, *spoken, *bare) if len(text) >= SHORTEST_SECRET]
    return [form for text in found for form in _as_written(text)]


def _as_written(secret: str) -> Iterable[str]:
    """The forms that a secret takes in addresses, forms and JSON, whoever quotes it back."""
    in_json = json.dumps(secret)[1:-1]
    quoted = (quote(secret, safe=safe) for safe in ("", "/", "/:@"))
    as_form = (quote_plus(secret, safe=safe) for safe in ("", "/", "/:@"))
    return (secret, in_json, *quoted, *as_form)
