"""Stand-ins that are as faithful as the real thing, and public for that reason.

Every one passes the same suite as the adapter it stands in for.
"""

from crossfade.testing.logs import MemoryLog
from crossfade.testing.publishing import Recorder
from crossfade.testing.stores import MemoryStore

__all__ = ["MemoryLog", "MemoryStore", "Recorder"]
