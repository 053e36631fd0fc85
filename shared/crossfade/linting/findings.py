"""What a rule finds: a code, a place, why it matters, and how to mend it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Level = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is probably not meant.

    `error`: the numbers are wrong or the promise is empty; `warning`: they mislead; `info`: worth
    knowing. `where` is a field of the experiment, or `<namespace>/<metric> spec.…`.
    """

    code: str
    level: Level
    where: str
    reason: str
    mend: str

    def __str__(self) -> str:
        return f"{self.where}: {self.reason} [{self.code}] → {self.mend}"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)
