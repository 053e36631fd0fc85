"""Calls of Slack's Web API, their errors sorted into what a courier has to know.

Source: Slack's method pages. For `internal_error` and `fatal_error` Slack says that part of the
operation may have happened.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson
from pydantic import SecretStr
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from crossfade.errors import CrossfadeError, NotFound, Permanent, Unreachable
from crossfade_notifier.channels.port import Later, MaybeDone
from crossfade_notifier.channels.posting import TOO_MANY, pause_of

RATE_LIMITED = frozenset({"ratelimited", "rate_limited"})
MAYBE_DONE = frozenset({"internal_error", "fatal_error", "request_timeout"})
NOT_DONE = frozenset({"service_unavailable", "team_added_to_org", "accesslimited"})
GONE = frozenset({"message_not_found", "thread_not_found", "cant_update_message"})
LOOKED_AT = 200
MOST_PAGES = 3


@dataclass(slots=True)
class Slack:
    """The few methods that we call. Raises Later, MaybeDone, Unreachable, NotFound, Permanent."""

    token: SecretStr
    api: str
    timeout_seconds: float
    _session: aiohttp.ClientSession | None = field(default=None, init=False)

    async def call(self, method: str, **body: Any) -> dict[str, Any]:
        """The answer of a method that writes, which said `ok`."""
        return await self._ask(method, json=body)

    async def read(self, method: str, **params: Any) -> dict[str, Any]:
        """The answer of a method that reads; those take no JSON."""
        return await self._ask(method, http_verb="GET", params=params)

    async def messages(self, method: str, **params: Any) -> list[dict[str, Any]]:
        """Messages with their metadata, a few pages of them at most; none without the right."""
        found: list[dict[str, Any]] = []
        cursor = ""
        for _ in range(MOST_PAGES):
            more = {"cursor": cursor} if cursor else {}
            try:
                answer = await self.read(
                    method, include_all_metadata=True, limit=LOOKED_AT, **params, **more
                )
            except Permanent:
                return []  # a repetition is better than silence
            found += answer.get("messages", ())
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                break
        return found

    async def _ask(self, method: str, **how: Any) -> dict[str, Any]:
        try:
            answer = await self._client().api_call(method, **how)
        except SlackApiError as error:
            raise _sorted(method, error) from error
        except aiohttp.ClientConnectorError as error:
            raise Unreachable(f"Slack: no connection: {error}") from error
        except TimeoutError as error:
            raise MaybeDone(f"{method}: no answer within {self.timeout_seconds:g} s") from error
        except (aiohttp.ClientError, SlackClientError, OSError) as error:
            raise MaybeDone(f"{method}: the answer broke off: {error!r}") from error
        data = answer.data
        return data if isinstance(data, dict) else {}

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    def _client(self) -> AsyncWebClient:
        if self._session is None:
            limit = aiohttp.ClientTimeout(total=self.timeout_seconds)
            self._session = aiohttp.ClientSession(timeout=limit)
        # No retries of its own: a courier decides when and whether to try again.
        return AsyncWebClient(
            token=self.token.get_secret_value(),
            base_url=self.api,
            session=self._session,
            retry_handlers=[],
        )


def metadata(uid: str, told: str) -> dict[str, Any]:
    """What a message carries so that it is found again: whom it is about, and what it tells."""
    return {"event_type": "crossfade", "event_payload": {"uid": uid, "told": told}}


def told_of(message: Mapping[str, Any], uid: str = "") -> str:
    """What a message of ours tells; empty where it is not ours, or not about `uid`."""
    carried = message.get("metadata") or {}
    payload = (carried.get("event_payload") or {}) if isinstance(carried, Mapping) else {}
    return str(payload.get("told", "")) if uid in ("", payload.get("uid")) else ""


def seal(rendered: Sequence[Mapping[str, Any]]) -> str:
    """A short text that differs where what is shown differs."""
    return hashlib.sha256(orjson.dumps(rendered)).hexdigest()[:32]


def _sorted(method: str, error: SlackApiError) -> CrossfadeError:
    response = error.response
    status = getattr(response, "status_code", 0)
    headers = getattr(response, "headers", None) or {}
    data = getattr(response, "data", None)
    code = str(data.get("error", "")) if isinstance(data, dict) else ""
    told = f"{method}: {code or f'HTTP {status}'}"
    if status == TOO_MANY or code in RATE_LIMITED:
        plain = {str(k).title(): str(v) for k, v in headers.items()}
        return Later(pause_of(plain), told)
    if code in MAYBE_DONE or (status >= 500 and code not in NOT_DONE):
        return MaybeDone(told)
    if code in NOT_DONE:
        return Unreachable(told)
    return NotFound(told) if code in GONE else Permanent(told)
