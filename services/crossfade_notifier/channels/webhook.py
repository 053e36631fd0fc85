"""Any HTTP endpoint: JSON, or a template's text, signed so that the receiver can trust it.

`Crossfade-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">`. `Crossfade-Id` is the
same at every repetition, so a receiver that remembers it takes each sentence once.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp
import orjson
from jinja2 import TemplateError
from jinja2.sandbox import SandboxedEnvironment
from pydantic import SecretStr

from crossfade.errors import Permanent
from crossfade.telling import Known
from crossfade_notifier.channels.port import Manners, Parcel
from crossfade_notifier.channels.posting import post
from crossfade_notifier.outbox import Told

_TEMPLATES = SandboxedEnvironment(autoescape=False)
_TEMPLATES.filters["json"] = lambda value: orjson.dumps(value).decode()


@dataclass(slots=True)
class Webhook:
    """Posts each sentence to one URL."""

    name: str
    url: SecretStr
    secret: SecretStr | None = None
    template: str | None = None
    """Jinja2 over `experiment`, `told` and `known`, with a filter `json`; absent means our JSON."""
    topics: tuple[str, ...] = ()
    """The topics that it takes; empty means all."""
    timeout_seconds: float = 5.0
    per_second: float = 5.0
    coalesce_seconds: float = 0.0
    manners: Manners = field(default_factory=Manners)
    clock: Callable[[], float] = time.time
    _session: aiohttp.ClientSession | None = field(default=None, init=False)

    def wants(self, known: Known, told: Told) -> bool:
        """Whether the topic is one of those asked for."""
        return not self.topics or told.topic in self.topics

    async def deliver(self, parcel: Parcel) -> None:
        """Post each sentence in order; what was posted before a failure is not posted again."""
        done = int(parcel.memory.get("n", "0"))
        for told in parcel.told:
            if told.n <= done:
                continue
            body = self._body(parcel.known, told)
            await post(
                self._open(),
                self.url.get_secret_value(),
                body,
                self._headers(told, body),
                self.timeout_seconds,
            )
            parcel.memory["n"] = str(told.n)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _body(self, known: Known, told: Told) -> bytes:
        plain = {
            "experiment": known.title,
            "told": told.model_dump(mode="json", by_alias=True, exclude={"not_by"}),
            "known": known.model_dump(mode="json", by_alias=True, exclude_none=True),
        }
        if self.template is None:
            return orjson.dumps(plain)
        try:
            return _TEMPLATES.from_string(self.template).render(plain).encode()
        except TemplateError as error:
            raise Permanent(f"the template of webhook {self.name}: {error}") from error

    def _headers(self, told: Told, body: bytes) -> dict[str, str]:
        head = {"Content-Type": "application/json", "Crossfade-Id": f"{told.id}#{told.n}"}
        if self.secret is not None:
            key = self.secret.get_secret_value().encode()
            head["Crossfade-Signature"] = signature(key, int(self.clock()), body)
        return head

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        return self._session


def signature(key: bytes, at: int, body: bytes) -> str:
    """The value of `Crossfade-Signature` at a moment in unix seconds."""
    digest = hmac.new(key, f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"
