"""A store in memory with the broker's compare-and-set."""

from __future__ import annotations

from dataclasses import dataclass, field

from crossfade.errors import Conflict
from crossfade.runtime.service import Entry


@dataclass(slots=True)
class MemoryStore:
    """Small values by key; revisions grow over the whole store, as in a NATS bucket."""

    entries: dict[str, Entry] = field(default_factory=dict)
    revision: int = 0

    async def get(self, key: str) -> Entry | None:
        """The value, or None."""
        return self.entries.get(key)

    async def put(self, key: str, value: bytes, revision: int) -> int:
        """The new revision, if `revision` (0: absent) is still the stored one; else Conflict."""
        stored = self.entries.get(key)
        if (stored.revision if stored else 0) != revision:
            raise Conflict(f"{key} is at {stored and stored.revision}, not at {revision}")
        self.revision += 1
        self.entries[key] = Entry(value, self.revision)
        return self.revision

    async def delete(self, key: str) -> None:
        """Forget a key."""
        self.entries.pop(key, None)

    async def keys(self, pattern: str = ">") -> list[str]:
        """The keys that match a subject pattern."""
        return [key for key in self.entries if matches(pattern, key)]


def matches(pattern: str, subject: str) -> bool:
    """Whether a subject matches a pattern with `*` for one token and `>` for the rest."""
    wanted, found = pattern.split("."), subject.split(".")
    if wanted[-1] == ">":
        wanted, found = (
            wanted[:-1],
            found[: len(wanted) - 1] if len(found) >= len(wanted) else [],
        )
        return bool(found or not wanted) and _same(wanted, found)
    return _same(wanted, found)


def _same(wanted: list[str], found: list[str]) -> bool:
    return len(wanted) == len(found) and all(
        w in ("*", f) for w, f in zip(wanted, found, strict=True)
    )
