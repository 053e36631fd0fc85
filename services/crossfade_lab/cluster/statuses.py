"""The refusals of a Kubernetes API server, worded as the real one words them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

__all__ = [
    "Cause",
    "Status",
    "bad_request",
    "conflict",
    "exists",
    "expired",
    "forbidden",
    "invalid",
    "missing",
    "no_resource",
    "not_allowed",
    "unprocessable",
    "unsupported",
]


class Status(Exception):
    """An answer that is not success: HTTP code, machine-readable reason, message, details."""

    def __init__(
        self, code: int, reason: str, message: str, details: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details

    def body(self) -> dict[str, Any]:
        """The `Status` object that goes over the wire."""
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "code": self.code,
        }
        if self.reason:
            body["reason"] = self.reason
        if self.details is not None:
            body["details"] = self.details
        return body


@dataclass(frozen=True, slots=True)
class Cause:
    """One mistake in an object: its field (`spec.size`), what is wrong, and its reason."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def missing(plural: str, group: str, name: str) -> Status:
    """404: no object of that name."""
    details = {"name": name, "kind": plural, **({"group": group} if group else {})}
    return Status(404, "NotFound", f'{_resource(plural, group)} "{name}" not found', details)


def no_resource() -> Status:
    """404: no such kind or path below a served group."""
    return Status(404, "NotFound", "the server could not find the requested resource", {})


def exists(plural: str, group: str, name: str) -> Status:
    """409: an object of that name is there already."""
    details = {"name": name, "kind": plural, **({"group": group} if group else {})}
    text = f'{_resource(plural, group)} "{name}" already exists'
    return Status(409, "AlreadyExists", text, details)


def conflict(plural: str, group: str, name: str, why: str | None = None) -> Status:
    """409: the version or uid that the writer demanded is not the stored one."""
    stale = (
        "the object has been modified; please apply your changes to the latest version and "
        "try again"
    )
    resource = _resource(plural, group)
    text = f'Operation cannot be fulfilled on {resource} "{name}": {why or stale}'
    details = {"name": name, "kind": plural, **({"group": group} if group else {})}
    return Status(409, "Conflict", text, details)


def invalid(kind: str, group: str, name: str, causes: Sequence[Cause]) -> Status:
    """422: the object breaks its schema or a rule; every mistake by field."""
    qualified = f"{kind}.{group}" if group else kind
    listed = str(causes[0]) if len(causes) == 1 else f"[{', '.join(map(str, causes))}]"
    details: dict[str, Any] = {
        **({"name": name} if name else {}),
        "kind": kind,
        "causes": [
            {"reason": c.reason, "message": c.message, "field": c.field} for c in causes
        ],
    }
    if group:
        details["group"] = group
    return Status(422, "Invalid", f'{qualified} "{name}" is invalid: {listed}', details)


def unprocessable() -> Status:
    """422: a JSON patch that cannot be applied; the real server does not say why."""
    text = "the server rejected our request due to an error in our request"
    return Status(422, "Invalid", text, {})


def bad_request(message: str) -> Status:
    """400: the request itself cannot be understood."""
    return Status(400, "BadRequest", message)


def forbidden(message: str, details: dict[str, Any] | None = None) -> Status:
    """403: the caller may not."""
    return Status(403, "Forbidden", message, details or {})


def not_allowed() -> Status:
    """405: the resource has no such verb."""
    text = "the server does not allow this method on the requested resource"
    return Status(405, "MethodNotAllowed", text, {})


def unsupported(accepted: Sequence[str]) -> Status:
    """415: a body in a format that this resource does not take."""
    text = (
        "the body of the request was in an unknown format - accepted media types include: "
        + ", ".join(accepted)
    )
    return Status(415, "UnsupportedMediaType", text)


def expired(asked: int, oldest: int) -> Status:
    """410: the version asked for is no longer remembered."""
    return Status(410, "Expired", f"too old resource version: {asked} ({oldest})")


def _resource(plural: str, group: str) -> str:
    return f"{plural}.{group}" if group else plural
