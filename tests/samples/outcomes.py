"""How each example ends, as its own comments say: what is documented is what is tested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """The documented end of an example after `iterations`."""

    kind: str
    """`group/version/plural` of the object that carries the weights."""
    place: str
    """Its namespace and name."""
    recommended: str
    winner: str | None
    splits: list[dict[str, int]] | None
    """Every split that came into force, in order; None where rounding rolls dice.

    A run whose candidate did not win gives its last 5 % back to the baseline. A finish action that
    moves the weights where they stand is the last; one that puts another list there shows no split.
    """
    iterations: int = 4
    message: str = "Experiment Completed"
    stages: tuple[str, ...] = ("Waiting", "Initializing", "Running", "Finishing", "Completed")
    rolled_back: bool = False
    """Whether the first iteration ends in a rollback; such a one is not a completed one."""
    promoted: Any = None
    """What the finish action leaves: a path in the object and the value there."""

    @property
    def completed(self) -> int:
        """How many iterations are completed."""
        return 0 if self.rolled_back else self.iterations

    @property
    def assessed(self) -> int:
        """How many iterations were looked at."""
        return 1 if self.rolled_back else self.iterations


QUIET = ("Waiting", "Initializing", "Running", "Completed")
SUCCESS = "Experiment completed successfully"
VS = "networking.istio.io/v1beta1/virtualservices"
SDEP = "machinelearning.seldon.io/v1/seldondeployments"
KSVC = "serving.knative.dev/v1/services"


def two(first: str, second: str, *shares: int) -> list[dict[str, int]]:
    """Splits of two versions by the second's share."""
    return [{first: 100 - share, second: share} for share in shares]


OUTCOMES: dict[str, Outcome] = {
    "seldon-canary": Outcome(
        SDEP,
        "fraud/fraud",
        "fraud-july",
        "fraud-july",
        two("fraud-june", "fraud-july", 0, 10, 20, 30, 40, 100),
        promoted=("spec.predictors.1.traffic", 100),
    ),
    "seldon-blue-green": Outcome(
        SDEP,
        "credit/credit",
        "credit-blue",
        "credit-blue",
        two("credit-blue", "credit-green", 0),
        message="Experiment rolled back",
        stages=QUIET,
        rolled_back=True,
    ),
    "kserve-canary": Outcome(
        "serving.kserve.io/v1beta1/inferenceservices",
        "flowers/flowers",
        "flowers-v2",
        "flowers-v2",
        two("flowers-v1", "flowers-v2", 0, 20, 40, 60),
        promoted=("spec.predictor.canaryTrafficPercent", None),
    ),
    "knative-conformance": Outcome(
        KSVC,
        "reading/reader",
        "reader-v1",
        "reader-v1",
        [{"reader-v1": 100}],
        message=SUCCESS,
        stages=QUIET,
    ),
    "knative-conformance-rollback": Outcome(
        KSVC,
        "lending/lender",
        "lender-v2",
        None,
        [{"lender-v2": 100}],
        rolled_back=True,
        promoted=("metadata.annotations.crossfade~io/conforms", "no"),
    ),
    "knative-canary": Outcome(
        KSVC,
        "shop/basket",
        "candidate",
        "candidate",
        two("current", "candidate", 0, 20, 40, 60, 75),
        promoted=("spec.traffic", [{"revisionName": "basket-v2", "percent": 100}]),
    ),
    "istio-ab": Outcome(
        VS,
        "books/productpage",
        "productpage-v2",
        "productpage-v2",
        two("productpage-v1", "productpage-v2", 0, 10, 20, 30, 40, 100),
        promoted=("spec.http.0.route.1.weight", 100),
    ),
    "istio-abn": Outcome(
        VS, "search/ranking", "ranking-v2", "ranking-v2", None, message=SUCCESS, stages=QUIET
    ),
    "istio-fixed-split": Outcome(
        VS,
        "travel/offers",
        "offers-v2",
        "offers-v2",
        two("offers-v1", "offers-v2", 40),
        message=SUCCESS,
        stages=QUIET,
    ),
    "istio-loop-actions": Outcome(
        VS,
        "tickets/seats",
        "seats-v1",
        "seats-v1",
        two("seats-v1", "seats-v2", 0, 5, 0),
        promoted=("metadata.annotations.crossfade~io/promoted", "seats-v1"),
    ),
    "istio-start-action": Outcome(
        VS,
        "maps/routes",
        "routes-v2",
        "routes-v2",
        two("routes-v1", "routes-v2", 0, 20, 40),
        message=SUCCESS,
        stages=QUIET,
    ),
    "linkerd-canary": Outcome(
        "split.smi-spec.io/v1alpha2/trafficsplits",
        "emojivoto/web",
        "web-v1",
        "web-v1",
        two("web-v1", "web-v2", 0, 5, 0),
        promoted=("spec.backends", [{"service": "web-v1", "weight": 100}]),
    ),
    "gateway-api-canary": Outcome(
        "gateway.networking.k8s.io/v1/httproutes",
        "music/playlist",
        "playlist-v2",
        "playlist-v2",
        two("playlist-v1", "playlist-v2", 0, 25, 50, 75, 95),
        message=SUCCESS,
        stages=QUIET,
    ),
}
