"""Rules beyond schemas, as webhooks would add them.

A hook is called as `(verb, old, new)` with verb CREATE, UPDATE or DELETE, before an object is
stored, dry runs included; `old` is None on CREATE, `new` on DELETE. It raises `Status` to refuse.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from crossfade_lab.cluster.statuses import Status

__all__ = ["Hook", "seldon_admission"]

Object = Mapping[str, Any]
Hook = Callable[[str, Object | None, Object | None], None]

_WEBHOOK = "v1.vseldondeployment.kb.io"
_MANY = "Traffic must sum to 100 for multiple predictors"
_ONE = "Traffic must sum be 100 for a single predictor when set"
_SHADOWS = "Multiple shadow predictors are not allowed"


def seldon_admission(verb: str, old: Object | None, new: Object | None) -> None:
    """Seldon's rule: traffic sums to 100 (absent is 0), one shadow at most; Status 403 else.

    A single predictor may leave its traffic out. The first two messages are Seldon's own.
    """
    if new is None or new.get("kind") != "SeldonDeployment":
        return
    predictors = (new.get("spec") or {}).get("predictors") or []
    shadows = [p for p in predictors if p.get("shadow")]
    seen = [p for p in predictors if not p.get("shadow")]
    total = sum(p.get("traffic") or 0 for p in seen)
    if len(shadows) > 1:
        raise _refusal(new, _SHADOWS)
    if len(seen) > 1 and total != 100:
        raise _refusal(new, _MANY)
    if len(seen) == 1 and total not in (0, 100):
        raise _refusal(new, _ONE)


def _refusal(new: Object, why: str) -> Status:
    # controller-runtime answers with the error's own status, wrapped once by the API server.
    text = (
        f'admission webhook "{_WEBHOOK}" denied the request: SeldonDeployment.'
        f'machinelearning.seldon.io "{new["metadata"].get("name", "")}" is invalid: '
        f"spec.predictors: Invalid value: {why}"
    )
    return Status(403, "Forbidden", text, {})
