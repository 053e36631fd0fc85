"""The composition root: the only place that knows every concrete class.

Each service is put together from its ports' adapters and handed to a bus of its own. Imports are
inside the functions, so that a process pays only for the services that it runs.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence

from crossfade.errors import FieldError, Malformed
from crossfade.events import subjects
from crossfade.runtime.bus import Bus
from crossfade.runtime.commanding import NatsCommander
from crossfade.runtime.connecting import Connection, connection
from crossfade.runtime.publishing import NatsPublisher
from crossfade.runtime.runs import Runs
from crossfade.runtime.service import Service
from crossfade.runtime.serving import Serving
from crossfade.runtime.stores import NatsStore
from crossfade.settings import Settings

Maker = Callable[[Settings, Connection], Service]


def collector(settings: Settings, opened: Connection) -> Service:
    """The collector over HTTP back-ends."""
    from crossfade_actuator.api import configured
    from crossfade_collector.composing import compose

    cluster = settings.cluster if configured(settings.cluster) else None
    runs = Runs(NatsStore(opened, subjects.RUNS))
    return compose(runs, NatsStore(opened, subjects.STATE), settings.collector, cluster)


def analyzer(settings: Settings, opened: Connection) -> Service:
    """The analyzer with both policies, and its answer to what would have been."""
    from crossfade.runtime.journal import Journal
    from crossfade_analyzer.answering import WhatIf
    from crossfade_analyzer.policies.choice import policies
    from crossfade_analyzer.service import Analyzer

    runs, own = Runs(NatsStore(opened, subjects.RUNS)), settings.analyzer
    asked = WhatIf(Journal(opened), runs, lambda: policies(own))
    return Analyzer(runs, NatsStore(opened, subjects.STATE), policies(own), (asked.door,))


def actuator(settings: Settings, opened: Connection) -> Service:
    """The actuator, with a cluster where one is configured."""
    from crossfade_cli.actuating import put_together

    return put_together(settings, opened, secrets.token_hex(8))


def notifier(settings: Settings, opened: Connection) -> Service:
    """The notifier with every channel that is configured."""
    from crossfade_notifier.building import build

    return build(
        settings.notifier,
        state=NatsStore(opened, subjects.STATE),
        publisher=NatsPublisher(opened, "notifier"),
        commander=NatsCommander(opened),
    )


def console(settings: Settings, opened: Connection) -> Service:
    """The console over the log."""
    from crossfade.runtime.journal import Journal
    from crossfade_console.service import Console

    return Console(Journal(opened), NatsCommander(opened), settings.console)


MAKERS: dict[str, Maker] = {
    "collector": collector,
    "analyzer": analyzer,
    "actuator": actuator,
    "notifier": notifier,
    "console": console,
}
"""In the order of the flow."""


async def run_services(names: Sequence[str], settings: Settings) -> None:
    """Run services until SIGTERM or SIGINT. Raises Malformed for a name that is none."""
    unknown = [name for name in names if name not in MAKERS]
    if unknown or not names:
        right = f"right is one or more of {', '.join(MAKERS)}"
        raise Malformed(
            [FieldError("service", f"found {' '.join(unknown) or 'none'}; {right}")]
        )
    ordered = [name for name in MAKERS if name in names]
    await Serving([a_bus(name, settings) for name in ordered], settings.health).run()


def a_bus(name: str, settings: Settings) -> Bus:
    """One service on a connection of its own."""
    opened = connection(settings.bus, name)
    return Bus(MAKERS[name](settings, opened), opened)
