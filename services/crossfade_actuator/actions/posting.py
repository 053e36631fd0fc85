"""One HTTP request of a task: a deadline, and failures as plain texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from crossfade_actuator.actions.port import Outcome, TaskFailed

TIMEOUT_SECONDS = 5.0
EXCERPT = 200
"""Characters of an answer that are shown where it is a refusal."""


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)


async def send(letter: Letter, seconds: float = TIMEOUT_SECONDS) -> int:
    """The status below 400 that it is answered with. Raises TaskFailed for anything else."""
    import aiohttp  # at the first letter, as most runs send none

    limit = aiohttp.ClientTimeout(total=seconds)
    where = _where(letter.url)
    try:
        async with (
            aiohttp.ClientSession(timeout=limit) as session,
            session.request(
                letter.method, letter.url, headers=dict(letter.headers), data=letter.body
            ) as answer,
        ):
            if answer.status < 400:
                return answer.status
            said = (await answer.content.read(4 * EXCERPT)).decode(errors="replace")
            excerpt = " ".join(said.split())[:EXCERPT]
            raise TaskFailed(f"{where} answers HTTP {answer.status}: {excerpt or 'no text'}")
    except TimeoutError as error:
        raise TaskFailed(f"{where} did not answer within {seconds:g} s") from error
    except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
        raise TaskFailed(f"{where} is no http or https address") from error
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise TaskFailed(f"{where} cannot be reached: {error}") from error


def settled(failure: TaskFailed, ignored: bool) -> Outcome:
    """What a failed notification means: by default nothing for the action."""
    return Outcome(ignored, f"not sent, and ignored: {failure}" if ignored else str(failure))


def _where(url: str) -> str:
    """Scheme, host and path: a query may carry a key."""
    from yarl import URL

    try:
        found = URL(url)
        return str(found.with_user(None).with_query(None).with_fragment(None))
    except ValueError:
        return "the URL"
