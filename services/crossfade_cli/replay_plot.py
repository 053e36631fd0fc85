"""The course of replays as one HTML page that needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from crossfade.errors import Malformed, Missing

if TYPE_CHECKING:
    from crossfade_analyzer.replaying import Replay


def write(replays: Sequence[Replay], file: Path) -> None:
    """Write the plot: shares above, chances of a proof below. Raises Missing, Malformed."""
    try:
        from plotly.subplots import make_subplots
    except ImportError as error:
        raise Missing(
            "plots need plotly; right would be `pip install crossfade[console]`"
        ) from error
    figure = make_subplots(
        rows=2,
        cols=1,
        shared_xaxes=True,
        subplot_titles=("Candidates' share asked for, %", "Chance of a proof, %"),
    )
    for column in replays:
        iterations = [moment.iteration for moment in column.moments]
        asked = [moment.asked for moment in column.moments]
        name = f"{column.name}: {column.verdict}"
        figure.add_scatter(x=iterations, y=asked, name=name, line_shape="hv", row=1, col=1)
        known = [
            (m.iteration, 100.0 * m.chance) for m in column.moments if m.chance is not None
        ]
        if known:
            x, y = zip(*known, strict=True)
            figure.add_scatter(x=x, y=y, name=f"{column.name}: chance", row=2, col=1)
    figure.update_yaxes(range=[0, 100])
    figure.update_xaxes(title_text="iteration", row=2, col=1)
    try:
        file.write_text(figure.to_html(include_plotlyjs=True))
    except OSError as error:
        raise Malformed(f"{file}: cannot be written: {error.strerror}") from error
