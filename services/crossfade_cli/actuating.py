"""The actuator put together, with a cluster where one is configured."""

from __future__ import annotations

from dataclasses import replace

from crossfade.errors import FieldError, Malformed
from crossfade.events import subjects
from crossfade.runtime.clock import utc_now
from crossfade.runtime.connecting import Connection
from crossfade.runtime.publishing import NatsPublisher
from crossfade.runtime.runs import Runs
from crossfade.runtime.secret_files import DirectorySecrets
from crossfade.runtime.stores import NatsStore
from crossfade.runtime.topology import KEPT_DAYS
from crossfade.settings import Settings, variable
from crossfade_actuator import rehearsing
from crossfade_actuator.acting import Acting
from crossfade_actuator.actions.jobs import Jobs
from crossfade_actuator.actions.manifests import Place
from crossfade_actuator.actions.port import Executor, Means, SecretFiles
from crossfade_actuator.actions.processes import Off, Processes
from crossfade_actuator.actions.runner import Runner
from crossfade_actuator.admission import Admission
from crossfade_actuator.api import KubernetesApi, configured
from crossfade_actuator.cluster import Cluster
from crossfade_actuator.converging import Converger
from crossfade_actuator.leases import Leases
from crossfade_actuator.ledger import Ledger
from crossfade_actuator.locking import TargetLock
from crossfade_actuator.pruning import Pruner
from crossfade_actuator.revising import Revising
from crossfade_actuator.service import Actuator
from crossfade_actuator.shifting import Shifting
from crossfade_actuator.showing import Showing
from crossfade_actuator.status import StatusWriter
from crossfade_actuator.targets.weights import Weights
from crossfade_actuator.watching import Watcher
from crossfade_analyzer.provability import rules


def put_together(settings: Settings, opened: Connection, owner: str) -> Actuator:
    """The actuator of one process, known to its peers as `owner`."""
    store = NatsStore(opened, subjects.RUNS)
    publisher = NatsPublisher(opened, "actuator")
    ledger, runs = Ledger(store, publisher), Runs(store)
    cluster = _cluster(settings)
    executor = _executor(settings, cluster)
    runner = Runner(
        executor,
        settings.actuator.action_seconds,
        settings.cluster.kubeconfig,
        means=means_of(settings, cluster),
    )
    linted = (
        *rules(settings.analyzer.default_policy),
        *rehearsing.rules(settings.actuator.actions),
    )
    admission = Admission(ledger, runs, settings.actuator, utc_now, cluster, linted)
    writer = StatusWriter(cluster, runs, utc_now, f"actuator-{owner}") if cluster else None
    converger = Converger(
        ledger,
        TargetLock(store),
        runs,
        utc_now,
        Acting(ledger, Leases(store, owner, utc_now), runner),
        Shifting(utc_now, Weights(cluster) if cluster else None),
        Revising(admission).readmit,
        Showing(ledger, utc_now, writer.show if writer else None),
    )
    watchers = [Watcher(cluster, publisher).watch] if cluster else []
    return Actuator(
        ledger,
        admission,
        converger,
        publisher,
        utc_now,
        watchers=[Pruner(ledger, utc_now, KEPT_DAYS).run, *watchers],
        closers=[cluster.close] if cluster else [],
    )


def _executor(settings: Settings, cluster: Cluster | None) -> Executor:
    """How tasks run. Raises Malformed for Jobs without a cluster."""
    wanted = settings.actuator
    if wanted.actions == "off":
        return Off()
    if wanted.actions == "process":
        return Processes()
    if cluster is None:
        right = "right is process, or a kubeconfig in CROSSFADE_CLUSTER__KUBECONFIG"
        found = f"found job, but there is no cluster; {right}"
        raise Malformed([FieldError(variable("actuator", "actions"), found)])
    place = Place(
        wanted.handler_image, wanted.handler_namespace, wanted.handler_service_account
    )
    return Jobs(cluster.api, place)


def means_of(settings: Settings, cluster: Cluster | None) -> Means:
    """What tasks may use: the cluster's objects and secrets, Slack's and GitHub's addresses."""
    wanted = settings.actuator
    means = Means(slack_api=wanted.slack_api, github_api=wanted.github_api)
    if cluster is not None:
        means = replace(means, objects=cluster, secrets=cluster)
    if wanted.secrets_directory is not None:
        files = SecretFiles(DirectorySecrets(wanted.secrets_directory))
        means = replace(means, secrets=files)
    return means


def _cluster(settings: Settings) -> Cluster | None:
    if not configured(settings.cluster):
        return None
    api, watches = KubernetesApi(settings.cluster), KubernetesApi(settings.cluster)
    return Cluster(api, watches, settings.cluster.namespace)
