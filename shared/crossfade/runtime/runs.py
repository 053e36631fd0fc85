"""Runs as everybody reads them: the resolved document of a run, immutable, cached."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import orjson

from crossfade.errors import NotFound
from crossfade.events import subjects
from crossfade.resources import Document
from crossfade.runtime.service import Store

CACHED = 4096


@dataclass(slots=True)
class Runs:
    """Reads `<uid>.document.<revision>` from the runs bucket."""

    store: Store
    cache: OrderedDict[str, Document] = field(default_factory=OrderedDict)

    async def document(self, uid: str, revision: int) -> Document:
        """The document of a run at a revision. Raises NotFound, Unreachable."""
        key = subjects.document_key(uid, revision)
        if key not in self.cache:
            entry = await self.store.get(key)
            if entry is None:
                raise NotFound(f"no document {key}: the run is unknown or long gone")
            self.cache[key] = Document.from_json(orjson.loads(entry.value))
            if len(self.cache) > CACHED:
                self.cache.popitem(last=False)
        return self.cache[key]

    async def histograms(self, uid: str) -> dict[str, Any]:
        """By version, what `metrics/collect` has measured in a run so far. Raises Unreachable."""
        entry = await self.store.get(subjects.state_key(uid))
        return {} if entry is None else orjson.loads(entry.value).get("histograms") or {}
