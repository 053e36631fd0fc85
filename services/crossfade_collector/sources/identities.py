"""Who asks: the `authType`s that need more than a header from a template."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TypeVar

from yarl import URL

from crossfade.resources import MetricSpec
from crossfade.resources.identities import SERVICES
from crossfade_collector.sources.aws_identity import (
    AwsIdentity,
    Chain,
    Keys,
    keys_in,
    region_in,
)
from crossfade_collector.sources.blocking import THREADS, Kept
from crossfade_collector.sources.google_identity import KEY, Account, GoogleIdentity
from crossfade_collector.sources.port import Identity, NoValue

T = TypeVar("T")

ACCOUNTS = 64


@dataclass(slots=True)
class Identities:
    """Gives each Metric its identity; credentials and tokens are kept here, in memory only."""

    timeout_seconds: float = 5.0
    threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(THREADS, thread_name_prefix="identity"),
        repr=False,
    )
    chain: Kept[Keys] | None = field(default=None, repr=False)
    accounts: OrderedDict[str, Kept[str]] = field(default_factory=OrderedDict, repr=False)

    def of(self, spec: MetricSpec, secret: Mapping[str, str], url: URL) -> Identity | None:
        """Who asks for a metric; None where nobody has to sign. Raises NoValue."""
        if spec.auth_type == "SigV4":
            return self._aws(spec, secret, url)
        if spec.auth_type == "Google":
            return self._google(spec, secret)
        return None

    def close(self) -> None:
        """Give the threads up; what they wait for has time limits of its own."""
        self.threads.shutdown(wait=False, cancel_futures=True)

    def _aws(self, spec: MetricSpec, secret: Mapping[str, str], url: URL) -> Identity:
        service = SERVICES.get((spec.provider or "").lower())
        if service is None:
            right = f"right would be one of {', '.join(SERVICES)}"
            raise NoValue("unauthorized", f"spec.provider: found {spec.provider!r}; {right}")
        if self.chain is None:
            self.chain = self._kept(Chain(self.timeout_seconds), "where AWS keeps credentials")
        keys = keys_in(secret, spec.secret) if spec.secret else None
        return AwsIdentity(service, region_in(url.host), keys, self.chain)

    def _google(self, spec: MetricSpec, secret: Mapping[str, str]) -> Identity:
        key = secret.get(KEY) if spec.secret else None
        if spec.secret and not key:
            missing = f"spec.secret: secret {spec.secret} has no key {KEY}"
            raise NoValue("unauthorized", f"{missing}; right would be a service account's JSON")
        known = sha256((key or "").encode()).hexdigest()
        if known not in self.accounts:
            account = Account(self.timeout_seconds, key)
            self.accounts[known] = self._kept(account, "where Google gives tokens")
            if len(self.accounts) > ACCOUNTS:
                self.accounts.popitem(last=False)
        self.accounts.move_to_end(known)
        return GoogleIdentity(self.accounts[known])

    def _kept(self, call: Callable[[], T], what: str) -> Kept[T]:
        return Kept(call, what, self.threads, self.timeout_seconds)
