"""Which texts of a request are secret, in every form in which somebody may quote them back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from urllib.parse import quote, quote_plus

SHORTEST_SECRET = 4
"""Characters; masking shorter texts would blot out ordinary words and hide nothing."""
OPEN_HEADERS = frozenset(
    {"accept", "content-type", "user-agent", "host", "x-amz-target", "x-amz-date"}
)


def to_mask(secrets: Iterable[str], headers: Mapping[str, str]) -> frozenset[str]:
    """The secrets and the values of headers, as they are and as they may be written."""
    spoken = [v for n, v in headers.items() if n.lower() not in OPEN_HEADERS]
    bare = [value.rpartition(" ")[2] for value in spoken]
    found = [text for text in (*secrets, *spoken, *bare) if len(text) >= SHORTEST_SECRET]
    return frozenset(form for text in found for form in _as_written(text))


def _as_written(secret: str) -> Iterable[str]:
    """The forms that a secret takes in addresses, forms and JSON, whoever quotes it back."""
    in_json = json.dumps(secret)[1:-1]
    quoted = (quote(secret, safe=safe) for safe in ("", "/", "/:@"))
    as_form = (quote_plus(secret, safe=safe) for safe in ("", "/", "/:@"))
    return (secret, in_json, *quoted, *as_form)
