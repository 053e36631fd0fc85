"""Train the two iris models and export them as JSON, beside this file.

    pip install 'crossfade[train]' && python services/crossfade_lab/models/train.py

Writes `sklearn-iris.json` (logistic regression) and `xgboost-iris.json` (boosted trees). Given a
path as first argument, also writes there what both libraries answer for a few rows, for the test
that holds the pure Python scoring to them. The libraries are needed here and nowhere else.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SEED = 42
ROUNDS = 12


def main(recording: Path | None) -> None:
    """Train on all 150 flowers, export, and record the libraries' answers if asked to."""
    import numpy as np
    import sklearn
    import xgboost
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    features, labels = load_iris(return_X_y=True)
    logistic = LogisticRegression(max_iter=1000, random_state=SEED).fit(features, labels)
    booster = xgboost.train(
        {
            "objective": "multi:softprob",
            "num_class": 3,
            "max_depth": 3,
            "eta": 0.3,
            "seed": SEED,
        },
        xgboost.DMatrix(features, label=labels),
        num_boost_round=ROUNDS,
    )
    _write(HERE / "sklearn-iris.json", _logistic_json(logistic, sklearn.__version__))
    _write(HERE / "xgboost-iris.json", _booster_json(booster, xgboost.__version__))
    if recording is not None:
        off_the_grid = [
            [0.0, 0.0, 0.0, 0.0],
            [100.0, -5.0, 3.5, 2.45],
            [5.05, 2.45, 2.45, 1.75],
        ]
        rows = np.array([[6.8, 2.8, 4.8, 1.4], *features[::10].tolist(), *off_the_grid])
        _write(
            recording,
            {
                "rows": rows.tolist(),
                "sklearn-iris": logistic.predict_proba(rows).tolist(),
                "xgboost-iris": booster.predict(xgboost.DMatrix(rows)).tolist(),
            },
        )


def _logistic_json(model: Any, version: str) -> dict[str, Any]:
    return {
        "kind": "logistic",
        "trained_with": f"scikit-learn {version}",
        "coefficients": model.coef_.tolist(),
        "intercepts": model.intercept_.tolist(),
    }


def _booster_json(booster: Any, version: str) -> dict[str, Any]:
    document = json.loads(bytes(booster.save_raw("json")))
    learner = document["learner"]
    model = learner["gradient_booster"]["model"]
    return {
        "kind": "boosted-trees",
        "trained_with": f"xgboost {version}",
        "base_scores": _base_scores(learner["learner_model_param"]["base_score"]),
        "trees": [
            {"class": owner, **_tree(tree)}
            for owner, tree in zip(model["tree_info"], model["trees"], strict=True)
        ],
    }


def _base_scores(text: str) -> list[float]:
    # Up to 3.0 one number for all classes; since 3.1 a list with one per class.
    found = json.loads(text)
    return [float(x) for x in found] if isinstance(found, list) else [float(found)] * 3


def _tree(tree: dict[str, Any]) -> dict[str, Any]:
    # `threshold` of a leaf is its value; a child of -1 marks the leaf.
    return {
        "left": tree["left_children"],
        "right": tree["right_children"],
        "feature": tree["split_indices"],
        "threshold": tree["split_conditions"],
    }


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
