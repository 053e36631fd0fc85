"""Seldon's protocol: what a prediction asks, what it answers, and how it says no."""

from __future__ import annotations

import json
import math
from typing import Any

from crossfade.errors import FieldError, Malformed
from crossfade_lab.models.scoring import CLASSES, FEATURES, Model

__all__ = ["answer", "failure", "read_json", "rows_of"]


def read_json(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`; raises Malformed."""
    try:
        document = json.loads(body)
    except ValueError as error:
        raise Malformed(f"the body must be a JSON object: {error}") from error
    if not isinstance(document, dict):
        raise Malformed(f"the body must be a JSON object, found {type(document).__name__}")
    return document


def rows_of(document: dict[str, Any]) -> list[list[float]]:
    """The rows of `data.ndarray`, each of four numbers; raises Malformed naming what is wrong."""
    data = document.get("data")
    table = data.get("ndarray") if isinstance(data, dict) else None
    if not isinstance(table, list) or not table:
        wanted = f"must be a list of rows of {FEATURES} numbers"
        raise Malformed([FieldError("data.ndarray", f"{wanted}, found {_shown(table)}")])
    errors = [
        e for at, row in enumerate(table) for e in _row_errors(f"data.ndarray[{at}]", row)
    ]
    if errors:
        raise Malformed(errors)
    return [[float(x) for x in row] for row in table]


def _row_errors(field: str, row: Any) -> list[FieldError]:
    if not isinstance(row, list) or len(row) != FEATURES:
        wanted = f"must be {FEATURES} numbers"
        return [FieldError(field, f"{wanted}, found {_shown(row)}")]
    return [
        FieldError(f"{field}[{at}]", f"must be a finite number, found {_shown(x)}")
        for at, x in enumerate(row)
        if not _is_finite_number(x)
    ]


def _is_finite_number(x: Any) -> bool:
    if isinstance(x, bool) or not isinstance(x, int | float):
        return False
    try:
        return math.isfinite(x)
    except OverflowError:
        return False


def _shown(found: Any) -> str:
    text = json.dumps(found)
    return text if len(text) <= 80 else f"{text[:77]}…"


def answer(model: Model, rows: list[list[float]], puid: str, path: dict[str, str]) -> Any:
    """Seldon's answer: a row of probabilities for each row asked, and who gave it."""
    return {
        "data": {
            "names": [f"t:{at}" for at in range(CLASSES)],
            "ndarray": [model.score(row) for row in rows],
        },
        "meta": {"puid": puid, "requestPath": path},
    }


def failure(code: int, reason: str, info: str) -> dict[str, Any]:
    """Seldon's way to say that a request failed."""
    return {"status": {"code": code, "info": info, "reason": reason, "status": "FAILURE"}}
