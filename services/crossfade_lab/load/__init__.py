"""Load: predictions and feedback at the seed's even pace, every answer counted at the client.

`modes.py` says what a candidate is like, `streams.py` sends one kind of request, `load.py` runs
the streams of one of the seed's two experiments.
"""

from crossfade_lab.load.counts import Counts
from crossfade_lab.load.load import Load, Version
from crossfade_lab.load.modes import Mode
from crossfade_lab.load.streams import Stream

__all__ = ["Counts", "Load", "Mode", "Stream", "Version"]
