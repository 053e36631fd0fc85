"""The runs of a chaos: winners, losers, equals, missing numbers, some queueing for one target.

Every task of an action notes its begin and its end in a file of its own, so that what really ran
is known from outside of Crossfade.
"""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAMESPACE = "chaos"
FATES = ("winner", "loser", "equal", "missing", "unsettled")
LIMIT = 100
LEVELS: dict[str, dict[str, str]] = {
    "winner": {"v1": "40", "v2": "10"},
    "loser": {"v1": "10", "v2": "900"},
    "equal": {"v1": "10", "v2": "10"},
    "missing": {"v1": "10"},
    "unsettled": {"v1": "900", "v2": "900"},
}
TASKS = {"finish": 2, "rollback": 1}
SHARING = 3
"""How many runs queue for one target, where they share it."""
NOTING = (
    "echo begin $CROSSFADE_ATTEMPT $EPOCHREALTIME >> {file}; sleep {seconds}; "
    "echo end $CROSSFADE_ATTEMPT $EPOCHREALTIME >> {file}"
)


@dataclass(frozen=True)
class Cast:
    """One run that is to be: what happens to it by itself, and the object that it moves."""

    name: str
    fate: str
    target: str
    rule: str
    interval: int
    iterations: int
    document: dict[str, Any]
    notes: Path

    def noting(self, number: int) -> dict[str, Any]:
        """The document with tasks that note into files of this number."""
        made = copy.deepcopy(self.document)
        made["spec"]["strategy"]["actions"] = {
            action: [self._task(number, action, task, seconds) for task, seconds in tasks]
            for action, tasks in self.document["spec"]["strategy"]["actions"].items()
        }
        return made

    def file(self, number: int, action: str, task: int) -> Path:
        """Where a task notes."""
        return self.notes / f"{number}.{action}.{task}"

    def _task(self, number: int, action: str, task: int, seconds: float) -> dict[str, Any]:
        script = NOTING.format(file=self.file(number, action, task), seconds=seconds)
        return {"task": "common/exec", "with": {"cmd": "/bin/bash", "args": ["-c", script]}}


@dataclass(frozen=True)
class Note:
    """One line that a task wrote; `at` is Unix time."""

    what: str
    attempt: int
    at: float


def a_rule(name: str) -> dict[str, Any]:
    """A VirtualService with all traffic at v1."""
    route = [{"destination": {"host": host}, "weight": weight} for host, weight in weights(100)]
    return {
        "apiVersion": "networking.istio.io/v1beta1",
        "kind": "VirtualService",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"hosts": ["a.example.com"], "http": [{"route": route}]},
    }


def weights(first: int) -> list[tuple[str, int]]:
    """Both versions with their weights, by that of the first."""
    return [("v1", first), ("v2", 100 - first)]


def a_metric(fate: str) -> dict[str, Any]:
    """The metric that lets a run of this fate come to it."""
    mock = [{"name": name, "level": level} for name, level in LEVELS[fate].items()]
    return {
        "apiVersion": "iter8.tools/v2alpha2",
        "kind": "Metric",
        "metadata": {"name": f"latency-{fate}", "namespace": NAMESPACE},
        "spec": {"mock": mock},
    }


def cast(dice: random.Random, runs: int, notes: Path) -> list[Cast]:
    """The runs; about half of them share targets."""
    return [_one(dice, number, notes) for number in range(runs)]


def _one(dice: random.Random, number: int, notes: Path) -> Cast:
    fate = FATES[number % len(FATES)]
    shares = number % 2 == 1
    rule = f"shared-{number // (2 * SHARING)}" if shares else f"own-{number}"
    name, interval = f"run-{number}", dice.choice((1, 1, 2))
    iterations = dice.randint(4, 8)
    document: dict[str, Any] = {
        "apiVersion": "iter8.tools/v2alpha2",
        "kind": "Experiment",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "target": f"{NAMESPACE}/{rule}",
            "strategy": {"testingPattern": "Canary", "actions": _actions(dice)},
            "criteria": {"objectives": [_objective(fate)]},
            "duration": {"intervalSeconds": interval, "iterationsPerLoop": iterations},
            "versionInfo": {
                "baseline": _version("v1", 0, rule),
                "candidates": [_version("v2", 1, rule)],
            },
        },
    }
    return Cast(name, fate, f"{NAMESPACE}/{rule}", rule, interval, iterations, document, notes)


def _objective(fate: str) -> dict[str, Any]:
    found = {"metric": f"latency-{fate}", "upperLimit": LIMIT}
    return found | ({"rollback_on_failure": True} if fate == "loser" else {})


def _actions(dice: random.Random) -> dict[str, Any]:
    """Numbers and seconds of the tasks of each action."""
    return {
        action: [(task, dice.choice((0.1, 0.5, 1.5))) for task in range(count)]
        for action, count in TASKS.items()
    }


def _version(name: str, index: int, rule: str) -> dict[str, Any]:
    path = f".spec.http[0].route[{index}].weight"
    at = {"kind": "VirtualService", "namespace": NAMESPACE, "name": rule, "fieldPath": path}
    return {"name": name, "weightObjRef": {"apiVersion": "networking.istio.io/v1beta1", **at}}


def notes_of(file: Path) -> list[Note]:
    """What the task of this file wrote, in order."""
    if not file.exists():
        return []
    lines = [line.split() for line in file.read_text().splitlines()]
    return [Note(what, int(attempt), float(at)) for what, attempt, at in lines]
