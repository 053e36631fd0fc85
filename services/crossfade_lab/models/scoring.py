"""Scores the exported models in pure Python, to within a rounding error of their libraries."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

__all__ = ["CLASSES", "FEATURES", "BoostedTrees", "Logistic", "Model", "load"]

FEATURES = 4
CLASSES = 3
_HERE = Path(__file__).resolve().parent


class Model(Protocol):
    """A classifier of iris flowers."""

    def score(self, row: Sequence[float]) -> list[float]:
        """The probability of each of the three classes for one flower of four lengths in cm."""


@dataclass(frozen=True, slots=True)
class Logistic:
    """Multinomial logistic regression: one weighted sum per class, then softmax."""

    coefficients: tuple[tuple[float, ...], ...]
    intercepts: tuple[float, ...]

    def score(self, row: Sequence[float]) -> list[float]:
        """The probability of each class."""
        pairs = zip(self.coefficients, self.intercepts, strict=True)
        return _softmax(
            [b + sum(c * x for c, x in zip(cs, row, strict=True)) for cs, b in pairs]
        )


@dataclass(frozen=True, slots=True)
class Tree:
    """One regression tree as parallel arrays; a left child of -1 marks a leaf."""

    owner: int
    left: tuple[int, ...]
    right: tuple[int, ...]
    feature: tuple[int, ...]
    threshold: tuple[float, ...]

    def leaf(self, row: Sequence[float]) -> float:
        """The value of the leaf that `row` falls into."""
        node = 0
        while self.left[node] != -1:
            below = row[self.feature[node]] < self.threshold[node]
            node = self.left[node] if below else self.right[node]
        return self.threshold[node]


@dataclass(frozen=True, slots=True)
class BoostedTrees:
    """Gradient boosted trees: the leaves of each class's trees are summed, then softmax."""

    base_scores: tuple[float, ...]
    trees: tuple[Tree, ...]

    def score(self, row: Sequence[float]) -> list[float]:
        """The probability of each class."""
        narrow = [_float32(x) for x in row]
        margins = list(self.base_scores)
        for tree in self.trees:
            margins[tree.owner] += tree.leaf(narrow)
        return _softmax(margins)


def load(name: str) -> Model:
    """The exported model `name`, read from the JSON beside this file."""
    exported = json.loads((_HERE / f"{name}.json").read_text(encoding="utf-8"))
    return _READERS[exported["kind"]](exported)


def _logistic(exported: dict[str, Any]) -> Model:
    coefficients = tuple(tuple(c) for c in exported["coefficients"])
    return Logistic(coefficients, tuple(exported["intercepts"]))


def _boosted_trees(exported: dict[str, Any]) -> Model:
    return BoostedTrees(tuple(exported["base_scores"]), tuple(map(_tree, exported["trees"])))


def _tree(exported: dict[str, Any]) -> Tree:
    return Tree(
        owner=exported["class"],
        left=tuple(exported["left"]),
        right=tuple(exported["right"]),
        feature=tuple(exported["feature"]),
        threshold=tuple(_float32(x) for x in exported["threshold"]),
    )


_READERS = {"logistic": _logistic, "boosted-trees": _boosted_trees}


def _float32(x: float) -> float:
    # XGBoost compares in single precision: 2.45 as a double is on the other side of the threshold.
    try:
        narrow: float = struct.unpack("f", struct.pack("f", x))[0]
    except OverflowError:
        return math.copysign(math.inf, x)
    return narrow


def _softmax(margins: Sequence[float]) -> list[float]:
    highest = max(margins)
    powers = [math.exp(m - highest) for m in margins]
    total = sum(powers)
    return [p / total for p in powers]
