"""Which rule promotes the right version? The bake-off of decision rules, with seeds.

    python benchmarks/decisions.py --quick              minutes; exit 1 when a bar is missed
    python benchmarks/decisions.py --runs 4000          the tables of docs/explanation/decisions.md
    python benchmarks/decisions.py --worlds c1,b2 --rules assured,Iter8
    python benchmarks/decisions.py --ablation --runs 2000    the engine, one rule less each time

`--json FILE` writes {scenario: {rule: {measure: value}}}, `--plots FOLDER` two pictures. Every
rule sees the same worlds; `assured` runs through the engine's own vectorised path. Long worlds
(500 looks) get a quarter of the runs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from bakeoff import ablations, plots
from bakeoff.bars import misses
from bakeoff.rules import Rule
from bakeoff.running import EXTRA, RULES, run
from bakeoff.tables import report, table
from bakeoff.worlds import WORLDS, World

SEED = 20240101
FULL, QUICK = 4000, 1000
SLOW = {"Iter8 v1": 4}
"""Rules that draw from beliefs get this many times fewer runs."""


def main() -> int:
    """Run what was asked for; 0 unless the engine misses a bar."""
    asked = arguments()
    if asked.ablation:
        return ablate(asked)
    rules = [r for r in (*RULES, *EXTRA) if r.name in asked.rules]
    results: dict[str, dict[str, dict[str, float]]] = {}
    for name in asked.worlds:
        began = time.perf_counter()
        world = WORLDS[name]
        results[name] = {
            rule.name: run(rule, world, runs_of(rule, world, asked.runs), asked.seed)
            for rule in rules
            if rule.several or len(world.candidates) == 1
        }
        taken = time.perf_counter() - began
        print(f"{name:4} {world.says}: {taken:.1f} s", file=sys.stderr, flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1) + "\n")
    if asked.plots:
        plots.draw(results, [rule.name for rule in rules], asked.plots)
    print(report(results, [rule.name for rule in rules]))
    missed = list(misses(results))
    print("\n".join(f"missed: {line}" for line in missed) or "every bar was reached")
    return 1 if missed else 0


def ablate(asked: argparse.Namespace) -> int:
    """Print what each of the engine's rules is worth."""
    results: dict[str, dict[str, dict[str, float]]] = {name: {} for name in WORLDS}
    rows = []
    for variant in ablations.PATCHES:
        with ablations.without(variant) as rule:
            for name, world in WORLDS.items():
                runs = runs_of(rule, world, asked.runs)
                results[name][variant] = run(rule, world, runs, asked.seed)
        rows.append(ablations.row(results, variant))
        print(" | ".join(rows[-1]), file=sys.stderr, flush=True)
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1) + "\n")
    print("\n".join(table(["variant", *ablations.MEASURES], rows)))
    return 0


def arguments() -> argparse.Namespace:
    """What was asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} runs a cell")
    parser.add_argument(
        "--runs", type=int, default=None, help=f"runs a cell, {FULL} by default"
    )
    parser.add_argument("--ablation", action="store_true", help="the engine, one rule less")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--json", type=Path, default=None, metavar="FILE")
    parser.add_argument("--plots", type=Path, default=None, metavar="FOLDER")
    parser.add_argument("--worlds", type=_names, default=list(WORLDS), metavar="A,B,…")
    parser.add_argument(
        "--rules", type=_names, default=[r.name for r in RULES], metavar="A,B,…"
    )
    asked = parser.parse_args()
    asked.runs = asked.runs or (QUICK if asked.quick else FULL)
    unknown = [name for name in asked.worlds if name not in WORLDS]
    unknown += [n for n in asked.rules if n not in {r.name for r in (*RULES, *EXTRA)}]
    if unknown:
        parser.error(f"{', '.join(unknown)}: no such world or rule")
    return asked


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def runs_of(rule: type[Rule], world: World, runs: int) -> int:
    """Fewer runs where a look is dear."""
    return max(runs // (4 if world.looks > 100 else 1) // SLOW.get(rule.name, 1), 50)


if __name__ == "__main__":
    sys.exit(main())
