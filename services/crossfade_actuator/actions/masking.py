"""Masking: secrets do not leave the actuator by what a task prints."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

SHORTEST = 4
"""Characters; masking shorter texts would blot out ordinary words and hide nothing."""
MASK = "***"

_SPOKEN = (
    # What looks like a credential is one, whoever printed it.
    re.compile(r"(?i)(?<=authorization:)(\s*(?:bearer|basic|token)?\s*)[^\s'\"]+"),
    re.compile(r"(?i)(\bbearer\s+)[\w.~+/=-]{8,}"),
    re.compile(r"(?i)(\b\w+://[^\s/@:]*:)[^\s/@]+(?=@)"),
    re.compile(r"(?i)((?:password|passwd|secret|token|api[_-]?key)=['\"]?)[^\s'\"&,;]+"),
    re.compile(r'(?i)("(?:password|passwd|secret|token|api[_-]?key)"\s*:\s*")[^"]+'),
)
_SHAPED = re.compile(
    r"\bxox[a-z]-[\w-]{8,}|\bgh[pousr]_\w{16,}|\bgithub_pat_\w{16,}|\bAKIA[0-9A-Z]{16}\b"
    r"|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    re.DOTALL,
)


def masked(text: str, secrets: Iterable[str]) -> str:
    """The text with every secret, in whatever form, and whatever looks like one, as `***`."""
    forms = {form for secret in secrets for form in _forms(secret)}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, MASK)
    text = _SHAPED.sub(MASK, text)
    for pattern in _SPOKEN:
        text = pattern.sub(rf"\1{MASK}", text)
    return text


def _forms(secret: str) -> Iterable[str]:
    for value in (secret, *secret.splitlines()):
        if len(value) < SHORTEST:
            continue
        yield value
        yield json.dumps(value)[1:-1]
        yield from (quote(value, safe=""), quote(value), quote_plus(value))
        yield base64.b64encode(value.encode()).decode()
