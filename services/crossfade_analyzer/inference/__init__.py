"""The decision engine: proof instead of luck. Pure arithmetic; one file for each idea.

`step(plan, evidence, look)` takes one run one look further; `many` does the same to thousands of
runs at once. Promoted is only what was proved at level α, whatever the split did meanwhile.
"""

from .claim_specs import Claim
from .evidence import Evidence
from .findings import CandidateFinding, ClaimFinding, Findings
from .pacing import opening
from .plan import Look, Plan
from .prospects import Prospect, prospects
from .steps import step

__all__ = [
    "CandidateFinding",
    "Claim",
    "ClaimFinding",
    "Evidence",
    "Findings",
    "Look",
    "Plan",
    "Prospect",
    "opening",
    "prospects",
    "step",
]
