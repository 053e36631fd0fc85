"""Puts a Collector together from its settings; the composition root calls this."""

from __future__ import annotations

from typing import Any

from crossfade.runtime.runs import Runs
from crossfade.runtime.service import Store
from crossfade.settings import ClusterSettings, CollectorSettings
from crossfade_collector.broker import Broker
from crossfade_collector.secrets import (
    DirectorySecrets,
    KeptSecrets,
    KubernetesSecrets,
    NoSecrets,
    SecretSource,
)
from crossfade_collector.service import Collector
from crossfade_collector.sources.builtin import BuiltinSource
from crossfade_collector.sources.http import HttpBackends
from crossfade_collector.sources.identities import Identities
from crossfade_collector.sources.requests import Requests


def compose(
    runs: Runs,
    state: Store,
    settings: CollectorSettings,
    cluster: ClusterSettings | None = None,
) -> Collector:
    """A collector; `cluster` is None where there is no cluster to read Secrets from."""
    source = secret_source(settings, cluster)
    queries = Broker(
        requests=asking(source, settings),
        backends=HttpBackends(settings.timeout_seconds, settings.connect_to),
        concurrency=settings.concurrency,
        round_seconds=settings.round_seconds,
        builtin=BuiltinSource(runs),
    )
    return Collector(runs, state, queries)


def asking(source: SecretSource, settings: CollectorSettings) -> Requests:
    """What makes requests of Metrics, with their Secrets and credentials."""
    identities = Identities(settings.timeout_seconds)
    return Requests(KeptSecrets(source), settings.secrets_namespace, identities)


def secret_source(settings: CollectorSettings, cluster: ClusterSettings | None) -> SecretSource:
    """Files where a folder is set, else the cluster's Secrets, else none."""
    if settings.secrets_directory is not None:
        return DirectorySecrets(settings.secrets_directory)
    if cluster is None:
        return NoSecrets()

    async def connect() -> Any:
        return await _api_client(cluster)

    return KubernetesSecrets(connect, timeout_seconds=settings.timeout_seconds)


async def _api_client(cluster: ClusterSettings) -> Any:
    from kubernetes_asyncio import client, config  # heavy: only once a Secret is asked for

    wanted = client.Configuration()
    if cluster.kubeconfig is None:
        config.load_incluster_config(client_configuration=wanted)  # type: ignore[no-untyped-call]
    else:
        await config.load_kube_config(
            config_file=str(cluster.kubeconfig),
            context=cluster.context,
            client_configuration=wanted,
        )
    return client.ApiClient(wanted)
