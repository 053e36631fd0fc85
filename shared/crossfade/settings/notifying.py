"""Whom the notifier tells, by which channels, and when."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_core import PydanticCustomError

from crossfade.settings.sections import UNTOLD, Section


class WebhookSettings(Section):
    """One HTTP endpoint that is told."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,40}$")
    """Tells endpoints apart in logs and metrics."""
    url: SecretStr
    """Where sentences are posted to, by http or https."""
    secret: SecretStr | None = None
    """Signs each post (HMAC-SHA256, header `Crossfade-Signature`)."""
    template: str | None = None
    """A Jinja2 template of the body over `experiment`, `told`, `known`; absent means our JSON."""
    topics: tuple[str, ...] = ()
    """Topics such as `winner`, `rolled-back`, `failed`, `trouble`; empty means all."""
    quiet: bool = False
    """Whether it keeps quiet hours, because people read along."""

    @field_validator("url")
    @classmethod
    def _is_web(cls, url: SecretStr) -> SecretStr:
        found = urlsplit(url.get_secret_value())
        if found.scheme not in ("http", "https") or not found.hostname:
            raise PydanticCustomError(UNTOLD, "right is an address of http:// or https://")
        return url


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
    slack_crowd: int = Field(default=25, ge=1)
    """A channel with more open runs than so many has one summary of them all; only ends and open
    gates still have messages of their own."""
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
