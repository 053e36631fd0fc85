"""A notifier from its settings: which channels there are, and at what pace.

What needs slack_sdk is imported only where Slack's Web API or its sockets are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from crossfade.errors import FieldError, Malformed
from crossfade.runtime.service import Commander, Publisher, Store
from crossfade.settings import AppriseSettings, NotifierSettings, WebhookSettings
from crossfade.telling import Urgency
from crossfade_notifier.channels.grafana import GrafanaAnnotations
from crossfade_notifier.channels.links import Links
from crossfade_notifier.channels.log import LogChannel
from crossfade_notifier.channels.port import Channel, Manners
from crossfade_notifier.channels.slack_webhook import SlackWebhook
from crossfade_notifier.channels.webhook import Webhook
from crossfade_notifier.couriers import Courier
from crossfade_notifier.doors import Door, SignedDoor
from crossfade_notifier.presses import Presses
from crossfade_notifier.routing import Router
from crossfade_notifier.service import Notifier

if TYPE_CHECKING:
    from crossfade_notifier.summaries import Summaries

CALLS = 4
"""How many slow answers one delivery may wait for; a quick one is not counted."""


def build(
    settings: NotifierSettings, *, state: Store, publisher: Publisher, commander: Commander
) -> Notifier:
    """The notifier that the settings ask for. Raises Malformed where they contradict."""
    claim = CALLS * settings.timeout_seconds
    made = channels(settings)
    router = Router(
        settings.routes,
        frozenset(Urgency[word.upper()] for word in settings.quiet_passes),
        frozenset(channel.name for channel in made if not channel.manners.record),
    )
    couriers = [
        Courier(channel, state, publisher, router, claim_seconds=claim) for channel in made
    ]
    doors, kept = _doors(settings, state, commander), _summaries(settings, state, couriers)
    return Notifier(state, couriers, doors, router, summaries=kept)


def channels(settings: NotifierSettings) -> list[Channel]:
    """The channels that the settings ask for."""
    made: list[Channel] = [LogChannel()] if settings.log else []
    if settings.slack_webhook is not None:
        made.append(SlackWebhook(settings.slack_webhook, settings.timeout_seconds))
    if settings.slack_token is not None:
        made.append(_living(settings))
    if settings.grafana_token is not None:
        made.append(_annotations(settings))
    made.extend(_webhook(hook, settings.timeout_seconds) for hook in settings.webhooks)
    made.extend(_apprise(wanted, settings) for wanted in settings.apprise)
    _check_names(made)
    return made


def _summaries(
    settings: NotifierSettings, state: Store, couriers: Sequence[Courier]
) -> list[Summaries]:
    """One for the living messages, where there are any."""
    if settings.slack_token is None:
        return []
    from crossfade_notifier.channels.slack import LivingSlack
    from crossfade_notifier.summaries import Summaries

    return [
        Summaries(state, c.channel, c.router, c.pace, settings.slack_crowd)
        for c in couriers
        if isinstance(c.channel, LivingSlack)
    ]


def _annotations(settings: NotifierSettings) -> GrafanaAnnotations:
    if settings.grafana_url is None or settings.grafana_token is None:
        told = "is missing; a token for annotations needs Grafana's address"
        raise Malformed([FieldError("CROSSFADE_NOTIFIER__GRAFANA_URL", told)])
    return GrafanaAnnotations(
        settings.grafana_url, settings.grafana_token, settings.timeout_seconds
    )


def _webhook(hook: WebhookSettings, timeout_seconds: float) -> Webhook:
    name = f"webhook-{hook.name}"
    return Webhook(
        name,
        hook.url,
        hook.secret,
        hook.template,
        hook.topics,
        timeout_seconds,
        manners=Manners(quiet=hook.quiet),
    )


def _apprise(wanted: AppriseSettings, settings: NotifierSettings) -> Channel:
    from crossfade_notifier.channels.apprise import AppriseChannel, read_urls

    where = "CROSSFADE_NOTIFIER__APPRISE"
    urls = [*wanted.urls, *(read_urls(wanted.file, where) if wanted.file else ())]
    if not urls:
        told = f"found no URL for {wanted.name}; right would be `urls`, or a `file` of them"
        raise Malformed([FieldError(where, told)])
    return AppriseChannel(
        name=f"apprise-{wanted.name}",
        urls=urls,
        topics=wanted.topics,
        manners=Manners(quiet=wanted.quiet),
        links=_links(settings),
        timeout_seconds=settings.timeout_seconds,
        coalesce_seconds=settings.coalesce_seconds,
    )


def _check_names(made: list[Channel]) -> None:
    """A channel's name is the key of its progress: two of one name would silence each other."""
    names = [channel.name for channel in made]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        told = f"found {', '.join(twice)} more than once; right would be a name for each"
        raise Malformed([FieldError("CROSSFADE_NOTIFIER", told)])


def _links(settings: NotifierSettings) -> Links:
    return Links(settings.page_url, settings.grafana_url)


def _living(settings: NotifierSettings) -> Channel:
    from crossfade_notifier.channels.slack import LivingSlack

    assert settings.slack_token is not None
    if not settings.slack_channel:
        told = "is missing; a bot token needs the channel of its messages"
        raise Malformed([FieldError("CROSSFADE_NOTIFIER__SLACK_CHANNEL", told)])
    return LivingSlack(
        token=settings.slack_token,
        channel=settings.slack_channel,
        api=settings.slack_api,
        button_key=_button_key(settings),
        links=_links(settings),
        timeout_seconds=settings.timeout_seconds,
        coalesce_seconds=settings.coalesce_seconds,
        per_second=settings.slack_per_second,
    )


def _button_key(settings: NotifierSettings) -> bytes | None:
    """What buttons are signed with; None where no door is open to their presses."""
    secret = settings.slack_signing_secret or settings.slack_app_token
    return secret.get_secret_value().encode() if secret else None


def _doors(settings: NotifierSettings, state: Store, commander: Commander) -> list[Door]:
    key = _button_key(settings)
    if key is None:
        return []
    presses = Presses(
        state,
        commander,
        key,
        frozenset(settings.slack_users),
        answer_hosts=frozenset(settings.slack_answer_hosts),
        timeout_seconds=settings.timeout_seconds,
    )
    made: list[Door] = []
    if settings.slack_signing_secret is not None:
        secret, host = settings.slack_signing_secret, settings.slack_host
        made.append(SignedDoor(presses, secret, host, settings.slack_port))
    if settings.slack_app_token is not None:
        from crossfade_notifier.socket_mode import SocketDoor

        token, api = settings.slack_app_token, settings.slack_api
        made.append(SocketDoor(presses, token, api, settings.timeout_seconds))
    return made
