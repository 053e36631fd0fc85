"""Two strip plots as plain SVG: a dot for each bad world, a row for each rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from .bars import Results
from .worlds import WORLDS

WIDTH, LEFT, ROW, TOP = 720, 130, 30, 54
INK, FAINT, PEER, OURS = "#24292f", "#d0d7de", "#8c959f", "#0969da"


def draw(results: Results, rules: Sequence[str], folder: Path) -> list[Path]:
    """Write both plots into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    plots = (
        ("decisions-false-promotion.svg", "false_promotion", 1.0, 0.05,
         "Promoted although bad, share of runs: a dot for each bad world; the line is 5 %"),
        ("decisions-bad-traffic.svg", "bad_traffic", 100.0, None,
         "Traffic served by a bad version, %: a dot for each bad world; the bar is the mean"),
    )  # fmt: skip
    written = []
    for name, measure, most, line, title in plots:
        path = folder / name
        path.write_text("\n".join(_plot(results, rules, measure, most, line, title)) + "\n")
        written.append(path)
    return written


def _plot(
    results: Results,
    rules: Sequence[str],
    measure: str,
    most: float,
    line: float | None,
    title: str,
) -> Iterator[str]:
    height = TOP + ROW * len(rules) + 26
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">'
    )
    yield f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
    yield f'<text x="12" y="24" fill="{INK}">{title}</text>'
    yield from _axis(most, height)
    if line is not None:
        x = _x(line, most)
        yield f'<path d="M{x} {TOP - 8}V{height - 24}" stroke="#cf222e" stroke-dasharray="4 3"/>'
    for i, rule in enumerate(rules):
        found = [
            rules_of[rule][measure]
            for name, rules_of in results.items()
            if WORLDS[name].kind == "bad" and rule in rules_of
        ]
        yield from _row(rule, found, TOP + ROW * i + ROW / 2, most)
    yield "</svg>"


def _axis(most: float, height: float) -> Iterator[str]:
    for part in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = _x(part * most, most)
        yield f'<path d="M{x} {TOP - 8}V{height - 24}" stroke="{FAINT}"/>'
        yield _text(x, height - 8, "middle", f"{part * most:g}")


def _row(rule: str, found: Sequence[float], y: float, most: float) -> Iterator[str]:
    colour = OURS if rule.startswith("assured") else PEER
    yield _text(LEFT - 14, y + 4, "end", rule)
    for i, value in enumerate(found):
        x, lift = _x(value, most), (i * 7 % 13) - 6  # equal values spread a little
        yield f'<circle cx="{x}" cy="{y + lift}" r="3.5" fill="{colour}" fill-opacity="0.55"/>'
    if found:
        x = _x(sum(found) / len(found), most)
        yield f'<path d="M{x} {y - 11}V{y + 11}" stroke="{INK}" stroke-width="2"/>'


def _text(x: float, y: float, anchor: str, text: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{INK}">{text}</text>'


def _x(value: float, most: float) -> float:
    return round(LEFT + (WIDTH - LEFT - 30) * value / most, 1)
