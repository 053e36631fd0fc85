"""One HTTP request with a deadline, its failures sorted into what a courier has to know."""

from __future__ import annotations

from collections.abc import Mapping

import aiohttp

from crossfade.errors import Permanent, Unreachable
from crossfade_notifier.channels.port import Later, MaybeDone

TOO_MANY = 429
SERVER_ERROR = 500
DEFAULT_PAUSE_SECONDS = 30.0
LONGEST_PAUSE_SECONDS = 3600.0


async def post(
    session: aiohttp.ClientSession,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    timeout_seconds: float,
) -> str:
    """The text of a 2xx answer to a POST; raises as `send` does."""
    return await send(session, "POST", url, body, headers, timeout_seconds)


async def send(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    body: bytes | None,
    headers: Mapping[str, str],
    timeout_seconds: float,
) -> str:
    """The text of a 2xx answer. Raises Later, MaybeDone, Unreachable, Permanent."""
    limit = aiohttp.ClientTimeout(total=timeout_seconds)
    try:
        async with session.request(
            method, url, data=body, headers=headers, timeout=limit
        ) as answer:
            text = await answer.text(errors="replace")  # whatever it calls itself
            _raise_for(answer, text)
            return text
    except aiohttp.ClientConnectorError as error:
        raise Unreachable(f"no connection: {error.os_error or error}") from error
    except (TimeoutError, aiohttp.ClientConnectionError) as error:
        raise MaybeDone(f"no answer within {timeout_seconds:g} s") from error
    except aiohttp.InvalidURL as error:
        raise Permanent("the URL of the channel is not one") from error
    except aiohttp.ClientError as error:
        raise MaybeDone(f"the answer broke off: {error!r}") from error


def pause_of(headers: Mapping[str, str]) -> float:
    """The pause that `Retry-After` asks for, in seconds, within reason."""
    try:
        seconds = float(headers.get("Retry-After", ""))
    except ValueError:
        return DEFAULT_PAUSE_SECONDS
    return min(max(seconds, 0.0), LONGEST_PAUSE_SECONDS)


def _raise_for(answer: aiohttp.ClientResponse, text: str) -> None:
    if answer.ok:
        return
    told = f"HTTP {answer.status}: {text.strip()[:200]}"
    if answer.status == TOO_MANY:
        raise Later(pause_of(answer.headers), told)
    if answer.status in (408, 425, 502, 503, 504):
        raise Unreachable(told)
    if answer.status >= SERVER_ERROR:
        raise MaybeDone(told)
    raise Permanent(told)
