"""`notification/http`: one request to any address. Source: v2alpha2 §5.3, §5.4."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from crossfade.resources import Task
from crossfade_actuator.actions.context import Context
from crossfade_actuator.actions.inputs import (
    further_variables,
    named_values,
    text,
    truth,
    wrong,
)
from crossfade_actuator.actions.port import Attempt, Outcome, TaskFailed
from crossfade_actuator.actions.posting import Letter, send, settled
from crossfade_actuator.actions.templates import filled

AUTH = ("Basic", "Bearer", "APIKey")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Http:
    """One request; its failure fails the action only where `ignoreFailure` is false."""

    url: str
    method: str = "POST"
    auth: str | None = None
    secret: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    ignored: bool = True
    versions: tuple[Mapping[str, str], ...] = ()
    """Further variables, by position: baseline, candidates."""

    @classmethod
    def of(cls, task: Task) -> Http:
        """From the task's inputs. Raises TaskFailed for a missing `URL` or odd inputs."""
        given = {"URL" if k.lower() == "url" else k: v for k, v in task.inputs.items()}
        auth = given.get("authType")
        if auth is not None and auth not in AUTH:
            raise wrong("with.authType", auth, " or ".join(AUTH))
        method = str(given.get("method") or "POST").upper()
        if method not in METHODS:
            raise wrong("with.method", given["method"], ", ".join(METHODS))
        return cls(
            text(given, "URL", "an address"),
            method,
            auth,
            text(given, "secret", "[namespace/]name", otherwise=None),
            named_values(given, "headers"),
            text(given, "body", "a text", otherwise=None),
            truth(given, "ignoreFailure", True),
            further_variables(given),
        )

    async def do(self, attempt: Attempt) -> Outcome:
        """Send it."""
        keys, note = await self._keys(attempt)
        try:
            status = await send(self._letter(attempt.context, keys))
        except TaskFailed as error:
            failed = settled(error, self.ignored)
            return Outcome(failed.ok, note + failed.output)
        return Outcome(True, f"{note}answered HTTP {status}")

    async def _keys(self, attempt: Attempt) -> tuple[Mapping[str, str], str]:
        """The secret's keys, and what to say where it cannot be read: upstream said nothing."""
        if self.secret is None:
            return {}, ""
        try:
            return await attempt.secret(self.secret), ""
        except TaskFailed as error:
            return {}, f"sent without credentials: {error}\n"

    def _letter(self, context: Context, keys: Mapping[str, str]) -> Letter:
        data = context.variables(self.versions) | {"secret": keys}
        headers = {name: filled(value, data) for name, value in self.headers.items()}
        if "content-type" not in map(str.lower, headers):
            headers["Content-Type"] = "application/json"
        headers |= self._credentials(keys)
        body = summary(context) if self.body is None else filled(self.body, data).encode()
        sent = None if self.method in ("GET", "HEAD") and self.body is None else body
        return Letter(self.method, self.url, headers, sent)

    def _credentials(self, keys: Mapping[str, str]) -> dict[str, str]:
        if self.auth == "Bearer" and keys.get("token"):
            return {"Authorization": f"Bearer {keys['token']}"}
        if self.auth == "Basic" and "username" in keys:
            pair = f"{keys['username']}:{keys.get('password', '')}"
            return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
        return {}


def summary(context: Context) -> bytes:
    """The default body: what came out, and the whole Experiment."""
    told: dict[str, Any] = {"winnerFound": context.winner_found}
    if context.winner_found and context.winner:
        told["winner"] = context.winner
    if context.recommended:
        told["versionRecommendedForPromotion"] = context.recommended
    weights = context.status.get("analysis", {}).get("weights", {}).get("data")
    if weights:
        told["lastRecommendedWeights"] = weights
    return orjson.dumps({"summary": told, "experiment": context.experiment})
