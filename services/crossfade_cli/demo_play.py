"""The demo's play: a world, four services, one experiment, told sentence by sentence."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from crossfade.errors import Unreachable
from crossfade.events import ActionOutcome, MetricSample, WeightChange
from crossfade.runtime.service import Logged
from crossfade.telling import Known, tell
from crossfade_cli.demo_screen import Screen, announce, linked
from crossfade_cli.live_view import LiveView
from crossfade_lab.crew import SERVICES
from crossfade_lab.examples import MODELS, SEPARATE, SINGLE, Example
from crossfade_lab.installation import Installation, Via
from crossfade_lab.load import Counts, Mode
from crossfade_lab.page import CONSOLE, Page, open_in_browser
from crossfade_lab.parts import PartName
from crossfade_lab.world import World

__all__ = ["Outcome", "Play", "Wishes"]

EXPERIMENT = "quickstart-exp"
START_SECONDS = 30.0
ORDER: tuple[PartName, ...] = ("broker", "cluster", "router", "models", "metrics")
END_SECONDS = 60.0  # for admission, actions and a slow machine, beyond the iterations


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the demo is asked for."""

    separate: bool = False
    interval_seconds: int = 10
    iterations: int | None = None
    candidate: Mode = Mode.BETTER
    policy: Literal["iter8", "assured"] = "iter8"
    cluster: Literal["embedded", "real"] = "embedded"
    via: Via = "request"
    figures: bool = False
    browser: bool = False
    """Whether the page opens in the user's browser."""

    @property
    def example(self) -> Example:
        """Which of the seed's two experiments."""
        return SEPARATE if self.separate else SINGLE

    @property
    def corrected(self) -> bool:
        """Whether the seed's own limits would not do: they are in seconds and never bind."""
        return self.candidate in (Mode.SLOW, Mode.FAILING) or self.policy == "assured"


@dataclass(slots=True)
class Outcome:
    """What came of it."""

    known: Known | None = None
    struck: list[tuple[datetime, str]] = field(default_factory=list)
    """When each tick struck that moved weights, and the resourceVersion that it led to."""
    checked: Counts = field(default_factory=Counts)
    experiment: dict[str, Any] = field(default_factory=dict)
    listing: str = ""


class Play:
    """Runs one experiment in an installation and says what happens on a screen."""

    def __init__(self, wishes: Wishes, screen: Screen) -> None:
        self.wishes = wishes
        self.screen = screen
        self.outcome = Outcome()
        self.world = World(
            wishes.example,
            interval_seconds=wishes.interval_seconds,
            mode=wishes.candidate,
            cluster=wishes.cluster,
            corrected=wishes.corrected,
        )
        # The console first: there is something to look at while the others start.
        self.installed = Installation(
            self.world, names=(CONSOLE, *SERVICES), on_page=self._welcome
        )
        self._browser: asyncio.Task[None] | None = None
        self._ticks: dict[int, datetime] = {}
        self._told: set[tuple[str, int]] = set()

    @property
    def page(self) -> str:
        """Where the experiment can be watched, once the console is up."""
        assert self.installed.page is not None
        return self.installed.page.of("default", EXPERIMENT)

    def introduce(self, started_seconds: float) -> None:
        """Say which parts run, real or embedded, and that predictions flow."""
        for part in (self.world.parts[name] for name in ORDER):
            self.screen.say(
                announce(part.name, part.kind, part.what, part.address, part.seconds)
            )
        for member in self.installed.crew.members.values():
            process = f"process {member.pid}"
            self.screen.say(
                announce(member.name, "real", process, member.health, member.seconds)
            )
        first = self.installed.first_prediction_seconds
        self.screen.say(
            f"Predictions flow after {first:.1f} s; all is up after {started_seconds:.1f} s."
        )

    async def begin(self) -> None:
        """Wait for three scrapes, then start the experiment by the wished door."""
        wishes, world = self.wishes, self.world
        self.screen.watch(world.load)
        await world.scraped()
        experiment = wishes.example.experiment(
            world.promote.url,
            corrected=wishes.corrected,
            interval_seconds=wishes.interval_seconds,
            iterations=wishes.iterations,
            policy=wishes.policy,
        )
        metrics = wishes.example.metrics(corrected=wishes.corrected)
        await self.installed.start(experiment, metrics, wishes.via)

    async def follow(self) -> Known:
        """Say a sentence for each iteration until the run has ended.

        Raises Unreachable where it neither starts nor ends in time.
        """
        known, view = None, LiveView()
        events = self.installed.events()
        deadline = time.monotonic() + START_SECONDS
        while known is None or not known.over:
            try:
                async with asyncio.timeout(deadline - time.monotonic()):
                    logged = await anext(events)
            except TimeoutError as late:
                raise Unreachable(self._lateness(known)) from late
            started = bool(known and known.of)
            known = self._take(view, logged)
            if known.of and not started:
                deadline = time.monotonic() + known.of * known.interval_seconds + END_SECONDS
        return known

    async def finish(self, known: Known) -> Outcome:
        """What is left to see after the end: the last answers, the object, kubectl's line."""
        await self.world.settled()
        self.outcome.known = known
        self.outcome.checked = await self.world.ask()
        self.outcome.listing = await self.installed.kubectl("get", "experiment")
        self.outcome.experiment = await self._experiment(known)
        return self.outcome

    async def linger(self) -> None:
        """Go on telling whatever happens, for ever."""
        views: dict[str, LiveView] = {}
        told = self.outcome.known.uid if self.outcome.known else ""
        async for logged in self.installed.events():
            event = logged.event
            if event.uid != told:
                self._take(views.setdefault(event.uid, LiveView()), logged)

    def succeeded(self) -> bool:
        """Whether the end is the one that this candidate calls for, and nothing was lost."""
        known, wishes = self.outcome.known, self.wishes
        if known is None or known.outcome in ("failed", "aborted", None):
            return False
        if self.world.load.counts.lost or self.outcome.checked.lost:
            return False
        if wishes.candidate is Mode.EQUAL or wishes.policy == "assured":
            expected = known.recommended or known.baseline
        else:
            better = wishes.candidate is Mode.BETTER
            expected = known.candidates[0] if better else known.baseline
        return known.recommended == expected and self.share(expected) == 1.0

    def share(self, version: str) -> float:
        """The share of the last 200 answers that this version's model gave."""
        return self.outcome.checked.share_of_recent(MODELS.get(version, version))

    async def _experiment(self, known: Known) -> dict[str, Any]:
        path = f"/apis/iter8.tools/v2alpha2/namespaces/{known.namespace}/experiments"
        async with self.world.cluster.client() as client:
            answer = await client.request("GET", f"{path}/{known.name}")
        return dict(answer.body)

    def _welcome(self, page: Page) -> None:
        self.screen.say(linked("Watch it live: ", self.page))
        if self.wishes.browser:
            self._browser = asyncio.create_task(open_in_browser(self.page))

    def _take(self, view: LiveView, logged: Logged) -> Known:
        event = logged.event
        now = view.take(event, logged.at)
        if isinstance(event, MetricSample):
            self._ticks[event.iteration] = event.at
        if isinstance(event, WeightChange) and event.cause == "assessment":
            self._note(event)
        self._tell(logged, now)
        self.screen.show(view)
        return now

    def _tell(self, logged: Logged, known: Known) -> None:
        event, said = logged.event, tell(logged.event, known)
        if isinstance(event, ActionOutcome) and event.ok:
            did = event.output.strip().rpartition("\n")[2] or "done"
            self.screen.say(f"{event.action}: {did} ({event.seconds:.1f} s)")
        if said is None or (known.over and self.outcome.known is None):
            return  # the last screen says how it ended
        iteration = (event.uid, known.iteration)
        if said.topic in ("weights", "progress", "decided") and known.iteration:
            if iteration in self._told:  # the last one is both decided and followed by a move
                return
            self._told.add(iteration)
        self.screen.say(said.text)

    def _note(self, change: WeightChange) -> None:
        kind, namespace, name = self.world.example.carrier.split("/")
        struck = self._ticks.get(change.iteration)
        for changed in change.objects:
            same = (changed.kind, changed.namespace, changed.name) == (kind, namespace, name)
            if same and struck is not None:
                self.outcome.struck.append((struck, changed.resource_version))

    def _lateness(self, known: Known | None) -> str:
        if known is None:
            logs = self.world.directory / "services"
            return f"the experiment did not start within {START_SECONDS:g} s; see {logs}"
        return f"the experiment did not end in time; it stands at {known.stage} {known.reason}"
