"""Models: two real iris models behind Seldon's protocol, with the executor's metrics.

`python -m crossfade_lab.models` serves one of them, as one predictor of one SeldonDeployment, in
a process of its own. The models were trained by `train.py` with scikit-learn and XGBoost and are
shipped as JSON; `scoring.py` scores them in pure Python.
"""

from crossfade_lab.models.catalogue import Artefact, artefact_for
from crossfade_lab.models.faults import HEALTHY, Faults

__all__ = ["HEALTHY", "Artefact", "Faults", "artefact_for"]
