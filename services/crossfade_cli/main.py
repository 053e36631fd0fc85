"""`crossfade …`: the front door. One file a command; heavy imports wait for the call."""

from __future__ import annotations

import typer

from crossfade_cli import (
    asking,
    asserting,
    assessing,
    debugging,
    demo,
    describing,
    doctor,
    explain,
    following,
    initiating,
    installing,
    lab,
    lint,
    listing,
    reasons,
    replay,
    starting,
    watching,
)
from crossfade_cli.failing import Readable

app = typer.Typer(
    name="crossfade",
    cls=Readable,
    help="Ships the better model: moves traffic, measures, promotes the winner, proves why.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

PANELS = {
    "Experiments": (
        starting.start,
        listing.get,
        describing.describe,
        reasons.why,
        watching.watch,
        asserting.assert_,
        initiating.init,
        assessing.assess,
    ),
    "Orders": asking.ORDERS,
    "Looking closer": (
        lint.lint,
        explain.explain,
        replay.replay,
        following.events,
        debugging.debug,
        doctor.doctor,
    ),
    "Running Crossfade": (
        demo.demo,
        lab.lab,
        installing.run,
        installing.bootstrap,
        installing.settings,
        installing.version,
    ),
}

for panel, commands in PANELS.items():
    for command in commands:
        app.command(command.__name__.rstrip("_"), rich_help_panel=panel)(command)


def main() -> None:
    """The console script."""
    app()


if __name__ == "__main__":
    main()
