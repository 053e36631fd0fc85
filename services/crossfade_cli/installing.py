"""`run`, `bootstrap`, `settings`, `version`: Crossfade itself."""

from __future__ import annotations

from typing import Annotated

import typer

SCALES = (1, 10, 100)


def run(
    services: Annotated[
        list[str],
        typer.Argument(
            metavar="SERVICE…", help="collector, analyzer, actuator, notifier, console."
        ),
    ],
) -> None:
    """Run one or more services in this process until SIGTERM.

    Example: crossfade run collector analyzer actuator notifier
    """
    from crossfade.runtime import logs, serving
    from crossfade.settings import load
    from crossfade_cli.run import run_services

    settings = load()
    logs.configure(settings.log, services[0] if len(services) == 1 else "crossfade")
    serving.run(run_services(services, settings))


def bootstrap() -> None:
    """Create or update streams, consumers and buckets, and say how long the log lasts.

    Example: crossfade bootstrap
    """
    from crossfade.runtime.bootstrap import bootstrap as make
    from crossfade.runtime.bootstrap import holds
    from crossfade.settings import BusSettings, load
    from crossfade_cli.talking import knock, now

    settings = load().bus

    async def made(settings: BusSettings) -> None:
        await knock(settings)
        for line in await make(settings):
            typer.echo(line)

    now(made(settings))
    for experiments in SCALES:
        days = holds(settings, experiments)
        noun = "experiment" if experiments == 1 else "experiments"
        typer.echo(f"the log lasts {days:.3g} days at {experiments} {noun} every 10 s")


def settings() -> None:
    """Print every setting: its variable, its default, what it does.

    Example: crossfade settings
    """
    from crossfade.settings import reference

    typer.echo(reference(), nl=False)


def version() -> None:
    """Print the version.

    Example: crossfade version
    """
    from importlib.metadata import version as installed

    typer.echo(installed("crossfade"))
