"""The one settings module: environment variables `CROSSFADE_<SECTION>__<FIELD>`.

Only the command line creates `Settings`; a service receives its own section. The sentence under a
field is its documentation; `crossfade settings` prints them all. A misspelt variable stops the
start.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from crossfade.errors import FieldError, Malformed

PREFIX = "CROSSFADE_"


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


class WebhookSettings(Section):
    """One HTTP endpoint that is told."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,40}$")
    """Tells endpoints apart in logs and metrics."""
    url: SecretStr
    """Where sentences are posted to."""
    secret: SecretStr | None = None
    """Signs each post (HMAC-SHA256, header `Crossfade-Signature`)."""
    template: str | None = None
    """A Jinja2 template of the body over `experiment`, `told`, `known`; absent means our JSON."""
    topics: tuple[str, ...] = ()
    """Topics such as `winner`, `rolled-back`, `failed`, `trouble`; empty means all."""
    quiet: bool = False
    """Whether it keeps quiet hours, because people read along."""


class AppriseSettings(Section):
    """Addresses that are told through Apprise."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,40}$")
    """Tells them apart in logs, metrics and annotations: the channel `apprise-<name>`."""
    urls: tuple[SecretStr, ...] = ()
    """Apprise URLs, such as `mailtos://…`, `discord://…`, `workflows://…` (Teams)."""
    file: Path | None = None
    """A file of such URLs, one a line."""
    topics: tuple[str, ...] = ()
    """Topics such as `winner`, `rolled-back`, `trouble`; empty means all but single looks."""
    quiet: bool = True
    """Whether it keeps quiet hours."""


class RouteSettings(Section):
    """Who is told of some experiments, in the form of their annotations, which go before."""

    namespace: str = "*"
    """A pattern of namespaces, such as `shop-*`."""
    name: str = "*"
    """A pattern of experiments' names."""
    notify: str | None = None
    """The channels that tell, such as `slack, apprise-team`; `none` for nobody."""
    events: str | None = None
    """What they tell: topics, or `terminal`, `approval`, `trouble`, `progress`."""
    slack_channel: str | None = None
    """The id of the channel of the living message."""
    quiet_hours: str | None = None
    """When progress waits, such as `22:00-07:00 Europe/Berlin`."""


class NotifierSettings(Section):
    """Who is told, and how."""

    log: bool = True
    """Whether every sentence is also a log line."""
    slack_webhook: SecretStr | None = None
    """An incoming-webhook URL of Slack."""
    slack_token: SecretStr | None = None
    """A bot token with `chat:write`; makes one living message per experiment."""
    slack_channel: str | None = None
    """The id of the channel of the living messages; an experiment's annotation
    `crossfade.io/slack-channel` names another."""
    slack_api: str = "https://slack.com/api/"
    """Where Slack's Web API is."""
    slack_per_second: float = Field(default=0.8, gt=0)
    """How many living messages a second are brought up to date; Slack bears some fifty updates a
    minute, and about one post a second in a channel."""
    slack_signing_secret: SecretStr | None = None
    """Slack's signing secret; with it messages have buttons and the interactivity door opens."""
    slack_app_token: SecretStr | None = None
    """An app-level token with `connections:write`; with it messages have buttons and presses come
    by Socket Mode, over a connection that we open: nothing has to be reachable from Slack."""
    slack_users: tuple[str, ...] = ()
    """Slack user ids whose presses count; JSON."""
    slack_answer_hosts: tuple[str, ...] = ("hooks.slack.com",)
    """The hosts at which Slack takes answers to presses; JSON."""
    slack_host: str = "127.0.0.1"
    """The address at which the interactivity door listens."""
    slack_port: int = Field(default=0, ge=0, le=65535)
    """Its port; 0 takes a free one, and says which."""
    webhooks: tuple[WebhookSettings, ...] = ()
    """Other endpoints that are told; JSON."""
    apprise: tuple[AppriseSettings, ...] = ()
    """What is told through Apprise (Teams, Discord, e-mail, PagerDuty, …), a list of `name`,
    `urls` or `file`, and `topics`; JSON. Needs `pip install 'crossfade[apprise]'`."""
    routes: tuple[RouteSettings, ...] = ()
    """Who is told of which experiments, and when not; JSON. The first that fits counts."""
    quiet_passes: tuple[Literal["terminal", "approval", "trouble", "progress"], ...] = (
        "terminal",
        "approval",
        "trouble",
    )
    """What is told in quiet hours too; the rest waits for their end and comes as one digest.
    JSON."""
    page_url: str | None = None
    """The console's address as people reach it, for links."""
    grafana_url: str | None = None
    """Grafana's address as people reach it, for links and annotations."""
    grafana_token: SecretStr | None = None
    """A service-account token with `annotations:create` and `annotations:write`; with it every
    step of a split is a region and every turn of a run a point over any of Grafana's panels."""
    coalesce_seconds: float = Field(default=5, ge=0)
    """How long progress is gathered before a living message is updated."""
    timeout_seconds: float = Field(default=5, gt=0)
    """How long one delivery may take."""


class ConsoleSettings(Section):
    """The live page and the HTTP API."""

    host: str = "127.0.0.1"
    """The address it listens on."""
    port: int = Field(default=8080, ge=0, le=65535)
    """The port; 0 takes a free one, and says which."""
    token: SecretStr | None = None
    """Whoever presents it may act; without a token or an OIDC issuer the console is read-only."""
    url: str | None = None
    """The console's address as people reach it; an OIDC provider sends them back to
    `<url>/sign-in/callback`. Absent means the address of the request."""
    oidc_issuer: str | None = None
    """The issuer of an OpenID Connect provider at which people sign in; needs the extra `oidc`."""
    oidc_client_id: str | None = None
    """The console's client id at the provider."""
    oidc_client_secret: SecretStr | None = None
    """Its client secret; absent for a public client."""
    oidc_scopes: str = "openid email profile"
    """What is asked of the provider, separated by spaces; some want `groups` too."""
    oidc_emails: tuple[str, ...] = ()
    """Verified e-mail addresses that may act, `*@example.com` for all of a domain; JSON."""
    oidc_groups: tuple[str, ...] = ()
    """Groups that may act, by the claim below; JSON."""
    oidc_groups_claim: str = "groups"
    """The claim of the identity token that lists a person's groups."""
    history: int = Field(default=720, ge=30, le=10_000)
    """How many iterations of a run the page keeps; older ones are thinned out."""
    keep_days: float = Field(default=7, gt=0)
    """How long the page shows a run after its end."""
    metrics_minutes: float = Field(default=10, ge=0)
    """How long `/metrics` keeps a run's series after its end."""
    grafana_url: str | None = None
    """Grafana's address as people reach it, for links."""

    @model_validator(mode="after")
    def _oidc_is_whole(self) -> Self:
        """An issuer alone would let in nobody, or everybody."""
        if self.oidc_issuer is None:
            return self
        if not self.oidc_client_id:
            raise ValueError("oidc_issuer is set without oidc_client_id")
        if not (self.oidc_emails or self.oidc_groups):
            raise ValueError(
                "oidc_issuer is set without oidc_emails or oidc_groups that may act"
            )
        if not _safe(self.oidc_issuer):
            raise ValueError("oidc_issuer: right is an https address")
        if "openid" not in self.oidc_scopes.split():
            raise ValueError("oidc_scopes: openid has to be one of them")
        return self


def _safe(address: str) -> bool:
    """Whether an address may carry secrets: by https, or never leaving this machine."""
    found = urlsplit(address)
    inside = found.hostname in ("localhost", "127.0.0.1", "::1")
    return found.scheme == "https" or (found.scheme == "http" and inside)


class Settings(BaseSettings):
    """All of Crossfade's settings."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
    )

    bus: BusSettings = BusSettings()
    """The broker."""
    log: LogSettings = LogSettings()
    """Logs."""
    health: HealthSettings = HealthSettings()
    """Health and metrics of services."""
    cluster: ClusterSettings = ClusterSettings()
    """The Kubernetes API."""
    collector: CollectorSettings = CollectorSettings()
    """The collector."""
    analyzer: AnalyzerSettings = AnalyzerSettings()
    """The analyzer."""
    actuator: ActuatorSettings = ActuatorSettings()
    """The actuator."""
    notifier: NotifierSettings = NotifierSettings()
    """The notifier."""
    console: ConsoleSettings = ConsoleSettings()
    """The console."""


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process. Raises Malformed with every mistake by variable."""
    present = os.environ if environment is None else environment  # noqa: TID251
    unknown = [name for name in present if name.startswith(PREFIX) and not _has_section(name)]
    if unknown:
        raise Malformed(FieldError(name, _advice()) for name in sorted(unknown))
    try:
        return Settings()
    except ValidationError as error:
        raise Malformed(
            FieldError(variable(*map(str, e["loc"])), _told(e["input"], e["msg"]))
            for e in error.errors(include_url=False)
        ) from error


def _told(found: object, message: str) -> str:
    """A mistake with what was found; never a whole section, which may hold secrets."""
    return message if isinstance(found, dict) else f"found {found!r}: {message}"


def variable(*path: str) -> str:
    """The environment variable of a setting, from section and field."""
    return PREFIX + "__".join(part.upper() for part in path)


def _has_section(name: str) -> bool:
    section = name.removeprefix(PREFIX).partition("__")[0].lower()
    # CROSSFADE_TEST_… steers the test suite and CROSSFADE_ATTEMPT is told to actions.
    return section in Settings.model_fields or section.startswith(("test", "attempt"))


def _advice() -> str:
    sections = ", ".join(variable(s) for s in Settings.model_fields)
    return f"no such section; settings start with one of {sections}"


def reference() -> str:
    """Every setting as a page of Markdown: variable, type, default, what it means."""
    lines = ["# Settings", "", *_PREAMBLE]
    for section, field in Settings.model_fields.items():
        group = field.default
        lines += ["", f"## {section}", "", field.description or "", "", *_COLUMNS]
        for name, setting in type(group).model_fields.items():
            default = getattr(group, name)
            told = " ".join((setting.description or "").split()).replace("|", "\\|")
            lines.append(f"| `{variable(section, name)}` | {_shown(default)} | {told} |")
    return "\n".join(lines) + "\n"


_PREAMBLE = (
    "Crossfade reads its settings from the environment. This page is made from the code; "
    "a test keeps it so.",
    "A variable whose section or field does not exist stops the start. Fields that say JSON "
    "take a JSON value.",
)
_COLUMNS = ("| Variable | Default | Meaning |", "|---|---|---|")


def _shown(default: object) -> str:
    if default is None:
        return "not set"
    return f"`{json.dumps(default)}`" if not isinstance(default, Path) else f"`{default}`"
