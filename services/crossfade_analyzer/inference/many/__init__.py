"""The engine on thousands of runs of one plan at once: the same formulas, one array a number.

`step(plan, evidence, look)` takes every experiment one look further, about a microsecond for
each version and metric. Gauges are left to the scalar path: they carry no pacing. Numpy and scipy
are imported here and nowhere else in the engine.
"""

from .evidence import ManyEvidence
from .looks import ManyLook
from .steps import CANDIDATE_VERDICTS, VERDICTS, ManyFindings, step

__all__ = [
    "CANDIDATE_VERDICTS",
    "VERDICTS",
    "ManyEvidence",
    "ManyFindings",
    "ManyLook",
    "step",
]
