"""Amazon CloudWatch: GetMetricData in its JSON protocol, and its way of saying no.

`provider: cloudwatch` with `authType: SigV4`. The body is GetMetricData's own JSON. Errors carry
their name in `__type`; too fast is HTTP 400, told apart by that name alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from crossfade_collector.sources.port import Expired, NoValue, Request, Throttled

HEADERS: Mapping[str, str] = {
    "Content-Type": "application/x-amz-json-1.0",
    "X-Amz-Target": "GraniteServiceVersion20100801.GetMetricData",
}
"""Always these: with the collector's own role nothing but reading is asked for."""
NEWEST = "[.MetricDataResults[].Timestamps[]] | max"
"""jq: when the newest point of an answer begins."""

THROTTLED = frozenset({
    "Throttling", "ThrottlingException", "ThrottledException", "RequestThrottled",
    "RequestThrottledException", "RequestLimitExceeded", "TooManyRequestsException",
    "LimitExceededException", "BandwidthLimitExceeded", "SlowDown", "ServiceUnavailable",
    "ServiceUnavailableException",
})  # fmt: skip
EXPIRED = frozenset({
    "ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired",
})  # fmt: skip
REFUSED = frozenset({
    "AccessDenied", "AccessDeniedException", "AuthFailure", "IncompleteSignature",
    "IncompleteSignatureException", "InvalidClientTokenId", "InvalidSignatureException",
    "MissingAuthenticationToken", "MissingAuthenticationTokenException", "NotAuthorized",
    "OptInRequired", "RequestTimeTooSkewed", "SignatureDoesNotMatch",
    "UnrecognizedClientException",
})  # fmt: skip


def asked(request: Request) -> Request:
    """The request as CloudWatch takes it; as it stands, where nobody signs it. Raises NoValue.

    A Metric that reads CloudWatch through somebody else's door is none of ours to change.
    """
    if request.identity is None:
        return request
    if request.body is None or request.url.query:
        right = "right would be the JSON of GetMetricData, and no spec.params"
        raise NoValue("jq-error", f"spec.body: CloudWatch is asked by it alone; {right}")
    own = {name.lower() for name in HEADERS}
    others = tuple(h for h in request.headers if h[0].lower() not in own)
    return replace(request, method="POST", headers=(*others, *HEADERS.items()))


def refusal(status: int, text: str, after_seconds: float | None) -> NoValue | None:
    """Why an answer holds no number, as far as the rest of us would not see it."""
    said = _mapping(text)
    if 200 <= status < 300:
        return _incomplete(said)
    name = str(said.get("__type", "")).rpartition("#")[2].partition(":")[0]
    message = said.get("message", said.get("Message", ""))
    detail = f"{name} (HTTP {status}): {message}"
    if name in THROTTLED:
        return Throttled(f"throttled: {detail}", after_seconds)
    if name in EXPIRED:
        return Expired(detail)
    return NoValue("unauthorized", detail) if name in REFUSED else None


def _incomplete(said: Mapping[str, Any]) -> NoValue | None:
    """Part of the points is not the sum of the points."""
    for result in _mappings(said.get("MetricDataResults")):
        code = result.get("StatusCode", "Complete")
        if code != "Complete":
            told = _told(result.get("Messages")) or _told(said.get("Messages"))
            detail = f"CloudWatch answers {code} for {result.get('Id')!r}{told}"
            return NoValue("unauthorized" if code == "Forbidden" else "http-status", detail)
    if said.get("NextToken"):
        more = "CloudWatch answers with a first page only; right would be a longer Period"
        return NoValue("http-status", more)
    return None


def _told(messages: object) -> str:
    told = "; ".join(f"{m.get('Code')}: {m.get('Value')}" for m in _mappings(messages))
    return f" ({told})" if told else ""


def _mappings(found: object) -> Iterable[Mapping[str, Any]]:
    return (m for m in found if isinstance(m, dict)) if isinstance(found, list) else ()


def _mapping(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
