"""What the engine must reach: the specification's tables, with room for the binomial error.

A share measured in n runs may miss its bar by 2.6 standard errors (once in 200 when exactly at
it); with 55 worlds and few runs that is what tells a broken engine from an unlucky draw.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .running import ADAPTIVE
from .worlds import CORE, WORLDS, World

Results = Mapping[str, Mapping[str, Mapping[str, float]]]
"""{scenario: {rule: {measure: value}}}"""

POWER = {
    "b1": 0.183, "b2": 0.945, "b3": 0.998, "f1": 0.000, "f5": 0.450, "g3": 0.958, "i1": 0.621,
    "j1": 0.873, "k1": 0.873, "l2": 0.896, "m3": 0.397, "n1": 0.998, "Lb": 0.821,
}  # fmt: skip
"""Power of the specification's table; single cells may lie 0.02 below, their mean may not."""
CELL_ROOM, Z = 0.02, 2.6
FALSE, FALSE_CLUMPED, REVERSED = 0.05, 0.06, 0.10


def room(p: float, runs: float) -> float:
    """How far a measured share may miss p."""
    return Z * float((p * (1.0 - p) / max(runs, 1.0)) ** 0.5)


def misses(results: Results, rule: str = "assured") -> Iterator[str]:
    """A sentence for every bar that was missed."""
    for name, rules in results.items():
        if rule in rules:
            yield from _of_world(WORLDS[name], rules[rule])
    yield from _of_means(results, rule)


def _of_world(world: World, found: Mapping[str, float]) -> Iterator[str]:
    runs, name = found["runs"], f"{world.name} ({world.says})"
    limit = FALSE_CLUMPED if "clumped" in world.tags else FALSE
    if world.kind == "reversal":
        limit = REVERSED if world.turn <= world.looks // 2 + 1 else 1.0
    most = limit + room(limit, runs)
    if world.kind != "power" and found["false_promotion"] > most:
        yield f"{name}: false promotion {found['false_promotion']:.3f}, at most {most:.3f}"
    if world.name in POWER:
        bar = POWER[world.name]
        least = bar - CELL_ROOM - room(bar, runs)
        if found["power"] < least:
            yield f"{name}: power {found['power']:.3f}, at least {least:.3f}"


def _of_means(results: Results, rule: str) -> Iterator[str]:
    power = [r[rule] for name, r in results.items() if name in POWER and rule in r]
    if len(power) == len(POWER):
        mean, bar = _mean(power, "power"), sum(POWER.values()) / len(POWER)
        least = bar - Z * sum(
            (p * (1 - p) / f["runs"]) for p, f in zip(POWER.values(), power, strict=True)
        ) ** 0.5 / len(POWER)
        if mean < least:
            yield f"mean power {mean:.3f}, at least {least:.3f}"
    bad = {name: r for name, r in results.items() if WORLDS[name].kind == "bad" and rule in r}
    whole = [world.name for world in CORE if world.kind == "bad"]
    for peer in ADAPTIVE if all(name in bad for name in whole) else ():
        shared = [r for r in bad.values() if peer in r]
        if not shared:
            continue
        ours, theirs = (_mean([r[x] for r in shared], "bad_traffic") for x in (rule, peer))
        if ours >= theirs:
            yield f"mean bad traffic {ours:.1f} %, below {peer}'s {theirs:.1f} %"


def _mean(found: list[Mapping[str, float]], measure: str) -> float:
    return sum(one[measure] for one in found) / len(found)
