"""The bake-off in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from .bars import POWER, Results
from .worlds import WORLDS

TITLES = {
    "bad": ("False promotion", "false_promotion", "{:.3f}"),
    "power": ("Power", "power", "{:.3f}"),
    "equal": ("Equal candidates promoted", "false_promotion", "{:.3f}"),
    "reversal": ("Effects that reverse, promoted", "false_promotion", "{:.3f}"),
    "traffic": ("Traffic served by a bad version, %", "bad_traffic", "{:.1f}"),
    "iterations": ("Looks until the decision, bad candidates", "iterations", "{:.1f}"),
    "regret": ("Lost conversions per 1,000 requests, good candidates", "regret", "{:.1f}"),
    "rollback": ("Good candidates rolled back", "false_rollback", "{:.3f}"),
}
KINDS = {"traffic": "bad", "iterations": "bad", "regret": "power", "rollback": "power"}


def report(results: Results, rules: Sequence[str]) -> str:
    """Every table, the headline first."""
    parts = ["\n".join(headline(results, rules))]
    for key, (title, measure, form) in TITLES.items():
        names = [n for n in results if WORLDS[n].kind == KINDS.get(key, key)]
        if names:
            rows = list(_rows(results, names, rules, measure, form))
            parts.append("\n".join([f"### {title}", "", *table(["world", *rules], rows)]))
    return "\n\n".join(parts) + "\n"


def headline(results: Results, rules: Sequence[str]) -> list[str]:
    """One row for each of the numbers that matter."""
    bad = [n for n in results if WORLDS[n].kind == "bad"]
    equal = [
        n for n in results if WORLDS[n].kind == "equal" and "clumped" not in WORLDS[n].tags
    ]
    power = [n for n in results if n in POWER]
    rows = []
    for label, names, measure, how, form in (
        ("worst false promotion", bad, "false_promotion", max, "{:.3f}"),
        ("mean false promotion", bad, "false_promotion", _mean, "{:.4f}"),
        ("worlds above 5 %", bad, "false_promotion", _above, "{}"),
        ("worst A/A, well specified", equal, "false_promotion", max, "{:.3f}"),
        ("bursty A/A (m2)", ["m2"], "false_promotion", max, "{:.3f}"),
        ("mean bad traffic, %", bad, "bad_traffic", _mean, "{:.1f}"),
        ("mean power", power, "power", _mean, "{:.3f}"),
        ("mean regret, good candidates", power, "regret", _mean, "{:.1f}"),
    ):
        cells = []
        for rule in rules:
            values = [results[n][rule][measure] for n in names if rule in results.get(n, {})]
            cells.append(form.format(how(values)) if values else "–")
        rows.append([label, *cells])
    return table(["headline", *rules], rows)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _above(values: Sequence[float]) -> str:
    return f"{sum(v > 0.05 for v in values)}/{len(values)}"


def _rows(
    results: Results, names: Iterable[str], rules: Sequence[str], measure: str, form: str
) -> Iterator[list[str]]:
    for name in names:
        cells = [
            form.format(results[name][r][measure])
            if r in results[name] and measure in results[name][r]
            else "–"
            for r in rules
        ]
        yield [f"{name}: {WORLDS[name].says}", *cells]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]
