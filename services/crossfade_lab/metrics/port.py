"""What the lab asks of a Prometheus, whichever of the two it is, and how it is asked.

A Prometheus of the lab scrapes the targets of one file and answers the HTTP API under `url`. The
file is Prometheus' own `file_sd`: a list of `{"targets": ["host:port"], "labels": {…}}`, where
the label `__metrics_path__` says where the numbers are and every other label is attached to each
series. It may change at any time.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import aiohttp

from crossfade.errors import Malformed, Permanent, Unreachable

__all__ = ["Client", "Prometheus", "TargetGroup", "read_targets"]

ANSWER_SECONDS = 10.0


class Prometheus(Protocol):
    """A running Prometheus on loopback that scrapes the targets of one file."""

    kind: str
    """`real` or `embedded`."""

    @property
    def url(self) -> str:
        """`http://127.0.0.1:<port>`, without a path."""

    async def start(self) -> None:
        """Start, or start again on the same port; returns once it answers."""

    async def stop(self) -> None:
        """End it."""

    async def scrapes(self, job: str | None = None) -> int:
        """How often every target was scraped successfully, the least of them all; 0 without one."""

    async def query(self, expression: str, at: float | None = None) -> dict[str, Any]:
        """The `data` of an instant query at a Unix time in seconds, by default now."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """Addresses that share labels, as one entry of the targets file."""

    targets: tuple[str, ...]
    labels: dict[str, str]


def read_targets(path: Path) -> list[TargetGroup]:
    """The groups of a targets file; none where it is not there yet.

    Raises Malformed, naming the entry, where the file is not what `file_sd` takes.
    """
    try:
        listed = json.loads(path.read_text())
    except FileNotFoundError:
        return []
    except (ValueError, OSError) as broken:
        raise Malformed(f"{path.name}: not readable as JSON ({broken})") from broken
    if not isinstance(listed, list):
        raise Malformed(
            f"{path.name}: found {type(listed).__name__}; right is a list of groups"
        )
    return [_group(f"{path.name}[{at}]", entry) for at, entry in enumerate(listed)]


def _group(where: str, entry: object) -> TargetGroup:
    if not isinstance(entry, dict) or not isinstance(entry.get("targets"), list):
        raise Malformed(f"{where}.targets: right is a list of host:port")
    labels = entry.get("labels", {})
    if not isinstance(labels, dict):
        raise Malformed(f"{where}.labels: right is an object of strings")
    return TargetGroup(
        tuple(str(target) for target in entry["targets"]),
        {str(name): str(value) for name, value in labels.items()},
    )


class Client:
    """Asks a Prometheus over HTTP; one connection pool, closed by `close`."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS))

    async def ready(self) -> bool:
        """Whether it answers queries now."""
        try:
            async with self._http.get(f"{self.url}/-/ready") as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def query(self, expression: str, at: float | None = None) -> dict[str, Any]:
        """The `data` of an instant query; Permanent with Prometheus' own words on an error."""
        form = {"query": expression} | ({} if at is None else {"time": f"{at:.3f}"})
        try:
            async with self._http.post(f"{self.url}/api/v1/query", data=form) as answer:
                body: dict[str, Any] = await answer.json()
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError) as gone:
            raise Unreachable(f"{self.url}: {gone!r}") from gone
        if body["status"] != "success":
            raise Permanent(f"query: {body['errorType']}: {body['error']}")
        data: dict[str, Any] = body["data"]
        return data

    async def scrapes(self, targets_file: Path, job: str | None = None) -> int:
        """Successful scrapes of the target that has the fewest; 0 while one has none.

        With `job` the count is of the series of that job, whatever the file says.
        """
        wanted = 1 if job else sum(len(group.targets) for group in read_targets(targets_file))
        chosen = f"{{job={json.dumps(job)}}}" if job else ""
        answer = await self.query(f"sum_over_time(up{chosen}[1h])")
        counts = [int(float(series["value"][1])) for series in answer["result"]]
        return min(counts) if counts and len(counts) >= wanted else 0

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.close()
