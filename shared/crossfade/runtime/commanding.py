"""Asking Crossfade for something through the door that answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import nats.errors
import orjson

from crossfade.errors import Unreachable
from crossfade.events import subjects
from crossfade.runtime.connecting import TRANSIENT, Connection

ANSWER_SECONDS = 10.0


class Unanswered(Unreachable):
    """No answer came: what was asked for may have been done all the same."""


@dataclass(frozen=True, slots=True)
class NatsCommander:
    """Requests over the broker."""

    connection: Connection

    async def request(self, verb: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answer of `crossfade.request.<verb>`.

        Raises Unreachable where nobody listens, Unanswered where an answer did not come in time.
        """
        subject = subjects.request_subject(verb)
        try:
            client = self.connection.client
            if client is None:
                raise Unreachable("not connected to the broker")
            reply = await client.request(subject, encoded(body), timeout=ANSWER_SECONDS)
        except nats.errors.NoRespondersError as error:
            raise Unreachable(
                f"nobody answers {subject}: is the service behind it running?"
            ) from error
        except TRANSIENT as error:
            raise Unanswered(f"{subject}: no answer: {error!r}") from error
        answer: Mapping[str, Any] = orjson.loads(reply.data)
        return answer


def encoded(body: Mapping[str, Any]) -> bytes:
    """A body as JSON, whatever is in it: who reads it tells what is wrong, by field."""
    try:
        return orjson.dumps(body)
    except TypeError:  # a number beyond 64 bits, or many levels
        return json.dumps(body).encode()
