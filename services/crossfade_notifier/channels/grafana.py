"""Grafana's annotations: decisions drawn over any panel, without a plug-in.

A split in force is a region from its weight change to the next; starts, ends, orders and trouble
are points. Grafana's POST is not idempotent, so each annotation carries its event's id as a tag
and is looked for before it is posted again. Source: Grafana's annotations HTTP API.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from html import escape
from typing import Any
from urllib.parse import urlencode

import aiohttp
import orjson
from pydantic import SecretStr

from crossfade.errors import Permanent
from crossfade.telling import Known, Topic
from crossfade_notifier.channels.port import RECORD, Manners, Parcel
from crossfade_notifier.channels.posting import send
from crossfade_notifier.outbox import Told

ENDS: frozenset[Topic] = frozenset({"winner", "rolled-back", "ended", "failed", "aborted"})
TURNS: frozenset[Topic] = frozenset({"started", "weights", "order", "approval"})
TROUBLE: frozenset[Topic] = frozenset({"trouble", "recovered", "stuck", "unstuck"})
DRAWN = ENDS | TURNS | TROUBLE


@dataclass(slots=True)
class GrafanaAnnotations:
    """Writes organisation annotations, tagged `crossfade`, `exp:<name>`, `ns:<namespace>`."""

    url: str
    token: SecretStr
    timeout_seconds: float = 5.0
    name: str = "grafana"
    per_second: float = 10.0
    coalesce_seconds: float = 0.0
    manners: Manners = RECORD
    _session: aiohttp.ClientSession | None = field(default=None, init=False)

    def wants(self, known: Known, told: Told) -> bool:
        """What changes a run's course; not every look."""
        return bool(known.name) and told.topic in DRAWN

    async def deliver(self, parcel: Parcel) -> None:
        """Draw each sentence in order; what was drawn before a failure is not drawn again."""
        done = int(parcel.memory.get("n", "0"))
        for told in parcel.told:
            if told.n > done:
                await self._draw(parcel, told)
                parcel.memory["n"] = str(told.n)

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def _draw(self, parcel: Parcel, told: Told) -> None:
        step = parcel.memory.get("step")
        if step and (told.topic == "weights" or told.topic in ENDS):
            # Somebody may have deleted it meanwhile; then there is no region to end.
            with suppress(Permanent):
                await self._ask("PATCH", f"/{step}", {"timeEnd": _milliseconds(told)})
            del parcel.memory["step"]
        drawn = await self._find(told) if parcel.doubtful else None
        if drawn is None:
            answer = await self._ask("POST", "", _annotation(parcel.known, told))
            drawn = str(answer.get("id", ""))
        if told.topic == "weights":
            parcel.memory["step"] = drawn

    async def _find(self, told: Told) -> str | None:
        query = urlencode({"tags": f"evt:{told.id}", "limit": 1})
        found = await self._ask("GET", f"?{query}", None)
        return str(found[0]["id"]) if found else None

    async def _ask(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        headers = {
            "Authorization": f"Bearer {self.token.get_secret_value()}",
            "Content-Type": "application/json",
        }
        data = orjson.dumps(body) if body is not None else None
        url = f"{self.url.rstrip('/')}/api/annotations{path}"
        text = await send(self._session, method, url, data, headers, self.timeout_seconds)
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise Permanent(f"{self.url} does not answer as Grafana does") from error


def _annotation(known: Known, told: Told) -> dict[str, Any]:
    tags = ["crossfade", f"exp:{known.name}", f"ns:{known.namespace}", told.topic]
    return {
        "time": _milliseconds(told),
        "tags": [*tags, f"evt:{told.id}"],
        # Grafana shows it as HTML: what somebody wrote is to be read, not rendered.
        "text": escape(f"{known.title}: {told.text}", quote=False),
    }


def _milliseconds(told: Told) -> int:
    return int(told.at.timestamp() * 1000)
