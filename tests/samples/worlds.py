"""A broker, a cluster, and four real services in this process, for whole runs of experiments."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import orjson
from tests.samples.histories import Histories

from crossfade.resources.yaml import load_documents
from crossfade.runtime.bootstrap import bootstrap
from crossfade.runtime.bus import Bus
from crossfade.runtime.children import end, spawn
from crossfade.runtime.commanding import NatsCommander
from crossfade.runtime.connecting import connection
from crossfade.runtime.journal import Journal
from crossfade.settings import ActuatorSettings, BusSettings, ClusterSettings, Settings
from crossfade_cli.run import a_bus
from crossfade_lab.broker import Broker
from crossfade_lab.cluster import CRDS, ApiServer, ControlPlane, seldon_admission
from crossfade_lab.cluster.kubectl import find_kubectl
from crossfade_lab.crew import Crew

EXAMPLES = Path(__file__).parents[2] / "deploy/examples"
DEFINITIONS = Path(__file__).parents[2] / "deploy/crds"
CARRIERS = (
    "networking.istio.io/v1beta1/virtualservices",
    "machinelearning.seldon.io/v1/seldondeployments",
    "serving.knative.dev/v1/services",
    "serving.kserve.io/v1beta1/inferenceservices",
    "split.smi-spec.io/v1alpha2/trafficsplits",
    "gateway.networking.k8s.io/v1/httproutes",
)
"""The kinds whose objects carry weights in the examples."""
SERVICES = ("collector", "analyzer", "actuator", "notifier")
EXPERIMENTS = "/apis/iter8.tools/v2alpha2/namespaces/{}/experiments/{}"


def emulated() -> ApiServer:
    """The lab's API server."""
    return ApiServer(admission=[seldon_admission])


class World:
    """`async with World(tmp_path) as world`: everything runs until the block ends.

    A control plane that runs already stays up; any other cluster comes and goes with the world.
    Services that run `apart` are processes of their own, which may be killed.
    """

    def __init__(
        self,
        directory: Path,
        cluster: ApiServer | ControlPlane | None = None,
        *,
        apart: Sequence[str] = (),
        **actuator,
    ) -> None:
        self.directory = directory
        self.cluster = cluster or emulated()
        self.broker = Broker(directory / "nats")
        self.events: list = []
        self.buses: list[Bus] = []
        self._apart = apart
        self._actuator = {"actions": "process", **actuator}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> World:
        try:
            await self._stack.enter_async_context(self.broker)
            if not (isinstance(self.cluster, ControlPlane) and self.cluster.pids):
                await self._stack.enter_async_context(self.cluster)
            await self._set_up()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _set_up(self) -> None:
        self.kubeconfig = self.cluster.kubeconfig(path=self.directory / "kubeconfig")
        await self.cluster.apply(CRDS, DEFINITIONS)
        self.api = await self._stack.enter_async_context(self.cluster.client())
        kinds = [kind for kind in CARRIERS if await self._served(kind)]
        self.histories = await self._stack.enter_async_context(Histories(self.api, kinds))
        self.settings = Settings(
            bus=BusSettings(url=self.broker.url),
            cluster=ClusterSettings(kubeconfig=self.kubeconfig),
            actuator=ActuatorSettings(**self._actuator),
        )
        await bootstrap(self.settings.bus)
        self.client = connection(self.settings.bus, "test")
        await self.client.open()
        self._stack.push_async_callback(self.client.close)
        follower = asyncio.ensure_future(self._follow())
        self._stack.callback(follower.cancel)
        here = [name for name in SERVICES if name not in self._apart]
        self.buses = [a_bus(name, self.settings) for name in here]
        for bus in self.buses:
            self._stack.push_async_callback(bus.stop)
        await asyncio.gather(*(bus.start() for bus in self.buses))
        if self._apart:
            variables = {
                "CROSSFADE_BUS__URL": self.broker.url,
                "CROSSFADE_CLUSTER__KUBECONFIG": str(self.kubeconfig),
                **{f"CROSSFADE_ACTUATOR__{k.upper()}": v for k, v in self._actuator.items()},
            }
            crew = Crew(self.directory / "crew", variables, self._apart)
            self.crew = await self._stack.enter_async_context(crew)

    async def _served(self, kind: str) -> bool:
        return (await self.api.request("GET", f"/apis/{kind}?limit=1")).status == 200

    async def _follow(self) -> None:
        async for logged in Journal(self.client).follow():
            self.events.append(logged.event)

    # --- asking -------------------------------------------------------------------------------

    async def ask(self, verb: str, **body) -> Mapping:
        """What the door of a verb answers."""
        return await NatsCommander(self.client).request(verb, body)

    async def start(self, experiment: Mapping, metrics: Sequence[Mapping] = ()) -> str:
        """The uid of an experiment that was accepted at the door."""
        said = await self.ask("start-experiment", experiment=experiment, metrics=list(metrics))
        assert said["accepted"], said["errors"]
        return said["uid"]

    async def kubectl(self, *arguments: str, document: object = None) -> str:
        """What kubectl prints; AssertionError with its words where it fails."""
        with tempfile.TemporaryFile() as sent:
            sent.write(b"" if document is None else orjson.dumps(document))
            sent.seek(0)
            process = await spawn(
                [str(find_kubectl()), "--kubeconfig", str(self.kubeconfig), *arguments],
                env={"HOME": str(self.directory), "PATH": "/usr/bin:/bin"},
                stdin=sent,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            try:
                said, _ = await asyncio.wait_for(process.communicate(), 20)
            finally:
                await end(process)
        assert process.returncode == 0, said.decode()
        return said.decode()

    async def get(self, path: str) -> dict:
        """What the API server has there."""
        answer = await self.api.request("GET", path)
        assert answer.status == 200, answer.body
        return answer.body

    async def experiment(self, name: str, namespace: str = "default") -> dict:
        """The Experiment as the API server has it."""
        return await self.get(EXPERIMENTS.format(namespace, name))

    async def remove(self, path: str) -> None:
        """Delete what is there."""
        answer = await self.api.request("DELETE", path)
        assert answer.status == 200, answer.body

    async def create(self, experiment: Mapping) -> str:
        """The uid of an Experiment that was created as kubectl would."""
        namespace = experiment["metadata"].get("namespace", "default")
        path = EXPERIMENTS.format(namespace, "").rstrip("/")
        answer = await self.api.request("POST", path, experiment)
        assert answer.status == 201, answer.body
        return answer.body["metadata"]["uid"]

    async def delete(self, name: str, namespace: str = "default") -> None:
        """Delete an Experiment."""
        await self.remove(EXPERIMENTS.format(namespace, name))

    async def merge(self, name: str, patch: Mapping, namespace: str = "default") -> None:
        """Change an Experiment by a merge patch."""
        answer = await self.api.request(
            "PATCH",
            EXPERIMENTS.format(namespace, name),
            patch,
            content_type="application/merge-patch+json",
        )
        assert answer.status == 200, answer.body

    async def told(self, uid: str, namespace: str = "default") -> list[tuple[str, str]]:
        """Reason and note of the Kubernetes Events about an Experiment, in their order."""
        listed = await self.get(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")
        about = [e for e in listed["items"] if e["regarding"].get("uid") == uid]
        about.sort(key=lambda e: int(e["metadata"]["resourceVersion"]))
        return [(e["reason"], e["note"]) for e in about]

    # --- watching -----------------------------------------------------------------------------

    def of(self, uid: str, kind: str) -> list:
        """The events of one kind of one run, so far."""
        return [e for e in self.events if e.kind == kind and e.uid == uid]

    def stages(self, uid: str) -> list[str]:
        """The stages that a run has been through, each once."""
        return list(dict.fromkeys(e.stage for e in self.of(uid, "stage-change")))

    async def until(self, holds, seconds: float = 30.0, what: str = "") -> None:
        """Wait until `holds()`; AssertionError with the last events if it never does."""
        try:
            async with asyncio.timeout(seconds):
                while not holds():
                    await asyncio.sleep(0.02)
        except TimeoutError:
            last = "\n".join(f"{e.kind} {e.uid} {e.iteration}" for e in self.events[-30:])
            raise AssertionError(f"{what or holds} did not come about; last:\n{last}") from None

    async def sampled(self, uid: str, iteration: int) -> None:
        """Wait until an iteration's assessment."""
        await self.until(
            lambda: any(e.iteration >= iteration for e in self.of(uid, "assessment")),
            what=f"iteration {iteration} of {uid}",
        )

    async def reached(self, uid: str, stage: str, seconds: float = 30.0) -> None:
        """Wait until a run is in a stage."""
        await self.until(lambda: stage in self.stages(uid), seconds, f"{stage} of {uid}")

    async def ended(self, name: str, uid: str, namespace: str = "default") -> dict:
        """The Experiment once its run is over and its status says so."""
        await self.reached(uid, "Completed", 60.0)
        for _ in range(250):
            found = await self.experiment(name, namespace)
            if found.get("status", {}).get("stage") == "Completed":
                return found
            await asyncio.sleep(0.02)
        raise AssertionError(f"the status never said Completed: {found.get('status')}")


def example(
    name: str, *, iterations: int = 4, interval: int = 2, mocked: bool = True
) -> tuple[dict, list[dict], list[dict]]:
    """Experiment, Metrics and other objects of an example, shortened."""
    folder = EXAMPLES / name
    (experiment,) = load_documents((folder / "experiment.yaml").read_text())
    duration = experiment["spec"]["duration"]
    loops = duration.get("maxLoops", 1)
    duration |= {"intervalSeconds": interval, "iterationsPerLoop": iterations // loops}
    file = "metrics-mock.yaml" if mocked else "metrics.yaml"
    metrics = load_documents((folder / file).read_text())
    objects = [m for m in metrics if m["kind"] != "Metric"]
    objects += load_documents((folder / "target.yaml").read_text())
    return experiment, [m for m in metrics if m["kind"] == "Metric"], objects
