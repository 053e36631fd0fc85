"""CloudEvents 1.0 in NATS binary mode: facts to headers and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from crossfade.errors import FieldError, Malformed
from crossfade.events.catalogue import CATALOGUE
from crossfade.events.event import Event

MSG_ID = "Nats-Msg-Id"


def headers(
    event: Event, source: str, at: datetime, trace: str | None = None
) -> dict[str, str]:
    """The headers of an event said by `source` (a service's name) at an aware moment."""
    made = {
        "ce-specversion": "1.0",
        "ce-id": event.id,
        "ce-type": event.type,
        "ce-source": f"/crossfade/{source}",
        "ce-subject": f"{event.namespace}/{event.name}",
        "ce-time": at.isoformat().replace("+00:00", "Z"),
        "content-type": "application/json",
        MSG_ID: event.id,
    }
    return made | ({"traceparent": trace} if trace else {})


def read(received: Mapping[str, str], body: bytes) -> Event | None:
    """The event of a message, or None for a kind or version that this release does not know.

    Raises Malformed where headers or body break the contract.
    """
    kind, version = _kind_and_version(received.get("ce-type", ""))
    known = CATALOGUE.get(kind)
    if known is None or version != known.version:
        return None
    namespace, _, name = received.get("ce-subject", "").partition("/")
    return known.from_json(body).about(namespace, name)


def _kind_and_version(written: str) -> tuple[str, int]:
    prefix, _, rest = written.partition(".")
    kind, _, version = rest.rpartition(".v")
    if prefix != "crossfade" or not kind or not version.isdigit():
        raise Malformed(
            [FieldError("ce-type", f"found {written!r}, expected crossfade.<kind>.v<number>")]
        )
    return kind, int(version)
