"""Advice: what lint says of a document that was admitted, as the warnings of its start.

It refuses nothing, and costs a bounded time (see `crossfade.linting`). Notes are left to
`crossfade lint`: a start is told what is wrong or misleading.
"""

from __future__ import annotations

from collections.abc import Iterable

from crossfade.linting import RULES, Rule, lint
from crossfade.resources import Document

MOST = 20
"""Warnings in one answer, which has to fit into a message."""
LONGEST = 500
"""Characters of one warning; a document may bring names of any length."""


def advised(document: Document, rules: Iterable[Rule] = RULES) -> Document:
    """The document with what lint found added to its warnings, the worst first."""
    found = [str(f) for f in lint(document, rules) if f.level != "info"]
    told = [
        text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…" for text in found[:MOST]
    ]
    if len(found) > MOST:
        told.append(f"and {len(found) - MOST} more; `crossfade lint` lists them all")
    warnings = (*document.warnings, *told)
    return document.model_copy(update={"warnings": warnings})
