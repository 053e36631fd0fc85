"""What every service may be told: broker, logs, health, cluster, and each service's own."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

UNTOLD = "untold"
"""The type of a mistake whose value is a secret."""


class Section(BaseModel):
    """A frozen group of settings whose field docstrings are their reference."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class BusSettings(Section):
    """Where the broker is and what it keeps."""

    url: str = "nats://127.0.0.1:4222"
    """NATS URLs, separated by commas; `nats://token@host:port` carries a token, `tls://…` asks
    for TLS."""
    ca_file: Path | None = None
    """Certificates of the authority that signed the broker's; absent means the machine's."""
    certificate_file: Path | None = None
    """The client's certificate for mutual TLS, in PEM, with its key or beside `key_file`."""
    key_file: Path | None = None
    """The key of `certificate_file`."""
    tls_first: bool = False
    """TLS before the broker's greeting, so that nobody between can talk a client out of it;
    the broker needs `handshake_first`."""
    credentials_file: Path | None = None
    """A user's `.creds` file (JWT and seed), or the seed of an nkey."""
    connect_timeout_seconds: float = Field(default=3.0, gt=0)
    """How long one connection attempt may take."""
    replicas: int = Field(default=1, ge=1, le=5)
    """Copies of each stream and bucket; 3 on a cluster of three."""
    retention_days: float = Field(default=30, gt=0)
    """How long the event log keeps an event."""
    retention_gigabytes: float = Field(default=20, gt=0)
    """How large the event log may grow, counted before compression."""
    ack_wait_seconds: float = Field(default=30, gt=1)
    """How long a message may be worked on before the broker gives it to somebody else."""


class LogSettings(Section):
    """How services log."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe line that is written."""
    format: Literal["auto", "json", "text"] = "auto"
    """`auto` writes JSON, and coloured text on a terminal."""


class HealthSettings(Section):
    """The small HTTP server beside every service."""

    host: str = "127.0.0.1"
    """The address it listens on; `0.0.0.0` inside a container."""
    port: int = Field(default=0, ge=0, le=65535)
    """The port of `/healthz`, `/readyz` and `/metrics`; 0 takes a free one, and says which."""


class ClusterSettings(Section):
    """How to reach the Kubernetes API."""

    kubeconfig: Path | None = None
    """A kubeconfig file; absent means in-cluster credentials, and without those no cluster."""
    context: str | None = None
    """The context to use; absent means the current one."""
    timeout_seconds: float = Field(default=10, gt=0)
    """How long one call to the API server may take."""
    namespace: str | None = None
    """The one namespace whose Experiments are watched; absent means all."""


class CollectorSettings(Section):
    """How metric back-ends are asked."""

    timeout_seconds: float = Field(default=5, gt=0)
    """How long one query may take."""
    concurrency: int = Field(default=16, ge=1)
    """How many queries one back-end gets at once."""
    connect_to: dict[str, str] = Field(default_factory=dict)
    """Host names (`host` or `host:port`) to `address:port`, as curl's `--connect-to`; JSON."""
    round_seconds: float = Field(default=20, gt=0)
    """How long all queries of one tick may take; below the broker's `ack_wait`."""
    secrets_namespace: str = "crossfade-system"
    """The namespace of Secrets that a Metric names without one: the collector's own."""
    secrets_directory: Path | None = None
    """A folder `<namespace>/<name>/<key>` of secrets, for installs without a cluster."""


class AnalyzerSettings(Section):
    """How experiments are judged."""

    default_policy: Literal["iter8", "assured"] = "iter8"
    """The policy of documents without `spec.decision`."""


class ActuatorSettings(Section):
    """What the actuator may do to the cluster and the machine."""

    actions: Literal["off", "process", "job"] = "off"
    """How `strategy.actions` run: not at all, as child processes, or as Kubernetes Jobs."""
    action_seconds: float = Field(default=300, gt=0)
    """How long one action may take."""
    phase_seconds: float = Field(default=120, gt=0)
    """How long a run may stay in Initializing, or without its next sample beyond the interval."""
    handler_image: str = "crossfade:0.1.0"
    """The image of the Jobs that run actions."""
    handler_namespace: str = "crossfade-system"
    """The namespace of those Jobs."""
    handler_service_account: str = "crossfade-handler"
    """The service account of those Jobs."""
    secrets_directory: Path | None = None
    """A folder `<namespace>/<name>/<key>` of secrets that tasks name, in place of the cluster's."""
    slack_api: str = "https://slack.com/api/"
    """Where the task `notification/slack` finds Slack's Web API."""
    github_api: str = "https://api.github.com"
    """Where the task `notification/github-workflow` finds GitHub's API."""
