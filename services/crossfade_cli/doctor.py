"""`crossfade doctor`: broker, bootstrap, services, cluster, rights, back-ends: a line each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from crossfade.errors import CrossfadeError, Malformed

if TYPE_CHECKING:
    from crossfade.runtime.topology import Durable
    from crossfade.settings import Settings
    from crossfade_cli.talking import Talk

RIGHTS = (
    ("watch", "iter8.tools", "experiments"),
    ("patch", "iter8.tools", "experiments/status"),
    ("get", "iter8.tools", "metrics"),
    ("patch", "machinelearning.seldon.io", "seldondeployments"),
    ("patch", "networking.istio.io", "virtualservices"),
)

NEEDED = frozenset({"collector", "analyzer", "actuator"})
"""The services without which no experiment moves."""
LOOKS = 3
LOOK_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, whether it is well, and what was found."""

    what: str
    well: bool
    text: str

    def __str__(self) -> str:
        return f"{'ok     ' if self.well else 'trouble'}  {self.what:<12} {self.text}"


def doctor(
    filename: Annotated[
        list[Path] | None,
        typer.Option("-f", "--filename", help="Documents whose back-ends are asked once."),
    ] = None,
) -> None:
    """Look at broker, services, cluster, rights and back-ends; exit code 1 on trouble.

    Example: crossfade doctor -f experiment.yaml -f metrics.yaml
    """
    from crossfade.settings import load
    from crossfade_cli.talking import now

    if not now(_look(load(), filename or [])):
        raise typer.Exit(1)


async def _look(settings: Settings, files: list[Path]) -> bool:
    well = True
    for looking in (_broker(settings), _cluster(settings), _backends(settings, files)):
        async for finding in looking:
            typer.echo(str(finding))
            well = well and finding.well
    return well


async def _broker(settings: Settings) -> AsyncIterator[Finding]:
    from crossfade_cli.talking import talking

    try:
        async with talking(settings.bus) as talk:
            client = talk.connection.client
            assert client is not None
            version = client.connected_server_version
            yield Finding(
                "broker", True, f"nats-server {version.major}.{version.minor} answers"
            )
            async for finding in _bootstrapped(talk, settings):
                yield finding
    except CrossfadeError as error:
        yield Finding("broker", False, str(error))


async def _bootstrapped(talk: Talk, settings: Settings) -> AsyncIterator[Finding]:
    import nats.js.errors

    from crossfade.runtime.topology import DURABLES, buckets, streams

    named = [s.name for s in streams(settings.bus)]
    named += [f"KV_{bucket.bucket}" for bucket in buckets(settings.bus)]
    missing = []
    for name in named:
        try:
            await talk.connection.js.stream_info(str(name))
        except nats.js.errors.NotFoundError:
            missing.append(str(name))
    told = f"{', '.join(missing)} missing; run `crossfade bootstrap`"
    yield Finding("bootstrap", not missing, told if missing else "streams and buckets stand")
    for service, durables in () if missing else DURABLES.items():
        if durables:  # the console's consumers are its own, and unknown to others
            yield await _listening(talk, service, durables)


async def _listening(talk: Talk, service: str, durables: Sequence[Durable]) -> Finding:
    import nats.js.errors

    js, behind = talk.connection.js, 0
    for _ in range(LOOKS):
        try:
            infos = [await js.consumer_info(d.stream, d.name) for d in durables]
        except nats.js.errors.NotFoundError:
            return Finding(service, False, "has no consumer; run `crossfade bootstrap`")
        behind = sum((info.num_pending or 0) + (info.num_ack_pending or 0) for info in infos)
        if any(info.num_waiting for info in infos):
            return Finding(service, True, f"is listening, {behind} messages behind")
        await asyncio.sleep(LOOK_SECONDS)  # it may just have been between two pulls
    waiting = f"is not running, {behind} messages wait for it"
    needed = service in NEEDED
    return Finding(
        service, not needed, f"{waiting}; `crossfade run {service}`" if needed else waiting
    )


async def _cluster(settings: Settings) -> AsyncIterator[Finding]:
    from crossfade_actuator.api import configured

    if not configured(settings.cluster):
        yield Finding("cluster", True, "none configured (CROSSFADE_CLUSTER__KUBECONFIG)")
        return
    from crossfade_actuator.api import KubernetesApi

    api = KubernetesApi(settings.cluster)
    try:
        found = await api.call("GET", "/version")
        yield Finding("cluster", True, f"Kubernetes {found.get('gitVersion', '?')} answers")
        for verb, group, resource in RIGHTS:
            yield await _right(api, settings.cluster.namespace, verb, group, resource)
    except CrossfadeError as error:
        yield Finding("cluster", False, str(error))
    finally:
        await api.close()


async def _right(
    api: Any, namespace: str | None, verb: str, group: str, resource: str
) -> Finding:
    name, _, sub = resource.partition("/")
    wanted = {"verb": verb, "group": group, "resource": name, "subresource": sub}
    if namespace:
        wanted["namespace"] = namespace
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": wanted},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    answer = await api.call("POST", path, body=review)
    allowed = bool((answer.get("status") or {}).get("allowed"))
    told = "" if allowed else " is not allowed; see deploy/"
    return Finding("rights", allowed, f"{verb} {resource}.{group}{told}")


async def _backends(settings: Settings, files: list[Path]) -> AsyncIterator[Finding]:
    if not files:
        return
    from crossfade.resources import admit, gather
    from crossfade_cli.files import documents
    from crossfade_cli.trial import trial

    try:
        body, _ = gather(documents(files))
        readings = await trial(admit(body), settings)
    except Malformed as error:
        for mistake in error.errors:
            yield Finding("documents", False, str(mistake))
        return
    from crossfade.events.samples import fatal

    for reading in readings:
        what = f"{reading.metric} of {reading.version}"
        known = f"{reading.value:g}" if reading.value is not None else str(reading.absent)
        detail = f" ({reading.detail})" if reading.detail else ""
        yield Finding("back-end", not fatal(reading), f"{what}: {known}{detail}")
