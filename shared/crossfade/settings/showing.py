"""The console: where it listens, what it keeps, and who may act there."""

from __future__ import annotations

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from crossfade.settings.sections import Section


class ConsoleSettings(Section):
    """The live page and the HTTP API."""

    host: str = "127.0.0.1"
    """The address it listens on."""
    port: int = Field(default=8080, ge=0, le=65535)
    """The port; 0 takes a free one, and says which."""
    token: SecretStr | None = None
    """Whoever presents it may act; without a token or an OIDC issuer the console is read-only."""
    session_key: SecretStr | None = None
    """What the cookies of those who signed in are sealed with; absent means `token`, else
    `oidc_client_secret`, and without any of them a restart signs everybody out."""
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

    @property
    def sealed_with(self) -> SecretStr | None:
        """The secret that cookies are sealed with; None for one that lasts as long as a process."""
        return self.session_key or self.token or self.oidc_client_secret

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
