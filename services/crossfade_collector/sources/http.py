"""Any back-end that answers HTTP with JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import aiohttp
from yarl import URL

from crossfade_collector.sources import cloudwatch, google_monitoring
from crossfade_collector.sources.connections import open_session, tls
from crossfade_collector.sources.patience import patiently
from crossfade_collector.sources.port import NoValue, Request, Throttled

LARGEST_ANSWER = 4 << 20
MOST_REDIRECTS = 5
EXCERPT = 200
REDIRECTS = (301, 302, 303, 307, 308)
BUSY = (429, 503)
DIALECTS = {"cloudwatch": cloudwatch.refusal, "google": google_monitoring.refusal}
"""Providers whose answers say no in a way of their own."""


@dataclass(slots=True)
class HttpBackends:
    """Sends requests and gives the text of the answers; one session for all back-ends."""

    timeout_seconds: float = 5.0
    connect_to: Mapping[str, str] = field(default_factory=dict)
    session: aiohttp.ClientSession | None = None

    async def answer(self, request: Request) -> str:
        """The text of a 2xx answer. Raises NoValue with secrets masked in its detail."""
        try:
            if request.identity is None:
                return await self._followed(request)
            return await patiently(
                request, request.identity, self._followed, self.timeout_seconds
            )
        except NoValue as reason:
            raise NoValue(reason.absence, request.masked(reason.detail)) from reason
        except TimeoutError as error:
            waited = f"{request.url.host} gave no answer within {self.timeout_seconds:g} s"
            raise NoValue("timeout", request.masked(waited)) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            where = f"{request.url.host}:{request.url.port}"
            detail = request.masked(f"{where}: {error or type(error).__name__}")
            raise NoValue("unreachable", detail) from error

    async def close(self) -> None:
        """Close every connection."""
        session, self.session = self.session, None
        if session is not None:
            await session.close()

    async def _followed(self, request: Request) -> str:
        if self.session is None:
            self.session = open_session(self.connect_to, self.timeout_seconds)
        for _ in range(MOST_REDIRECTS + 1):
            async with self.session.request(
                request.method,
                request.url,
                headers=request.headers,
                data=request.body,
                ssl=tls(request),
                allow_redirects=False,
            ) as response:
                if response.status not in REDIRECTS or "Location" not in response.headers:
                    text = await _text(response)
                    after = _seconds(response.headers.get("Retry-After"))
                    return _judged(response.status, text, request, after)
                request = redirected(request, response.status, response.headers["Location"])
        raise NoValue("unreachable", f"more than {MOST_REDIRECTS} redirects")


def redirected(request: Request, status: int, location: str) -> Request:
    """Where a redirect leads; credentials stay behind when it leads to another origin."""
    url = request.url.join(URL(location))
    if url.scheme not in ("http", "https"):
        raise NoValue("unreachable", f"redirected to a {url.scheme or 'nameless'} address")
    after = replace(request, url=url)
    if url.origin() != request.url.origin():
        open_ones = tuple(
            h for h in request.headers if h[0].lower() in ("accept", "content-type")
        )
        after = replace(after, headers=open_ones, identity=None)
    if status == 303 or (status in (301, 302) and request.method == "POST"):
        after = replace(after, method="GET", body=None)
    return after


async def _text(response: aiohttp.ClientResponse) -> str:
    """The answer as text, at most LARGEST_ANSWER bytes of it."""
    parts, size = [], 0
    async for part in response.content.iter_chunked(1 << 16):
        parts.append(part)
        size += len(part)
        if size > LARGEST_ANSWER:
            raise NoValue("not-numeric", f"the answer is larger than {LARGEST_ANSWER >> 20} MB")
    return b"".join(parts).decode(errors="replace")


def _judged(status: int, text: str, request: Request, after: float | None) -> str:
    dialect = DIALECTS.get(request.provider)
    refusal = dialect(status, text, after) if dialect else None
    if refusal is not None:
        raise refusal
    if 200 <= status < 300:
        return text
    excerpt = f"HTTP {status}: {request.masked(text)[:EXCERPT]}"
    if request.identity is not None and status in BUSY:
        raise Throttled(excerpt, after)
    raise NoValue("unauthorized" if status in (401, 403) else "http-status", excerpt)


def _seconds(retry_after: str | None) -> float | None:
    """The seconds of a Retry-After; a date there is for longer waits than ours."""
    return float(retry_after) if retry_after and retry_after.isdecimal() else None
