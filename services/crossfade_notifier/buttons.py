"""Buttons: what each asks for, about which run, in which state it was shown; signed.

The value travels through Slack and back, so whoever can post into the channel could write one:
the signature proves that it is ours, and the state that was shown lets a stale press be refused.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Literal

from crossfade.errors import Forbidden
from crossfade.telling import Known
from crossfade.telling.sentences import NEEDS_APPROVAL, PAUSED

Ask = Literal["approve", "reject", "pause", "resume", "abort"]
LABELS: dict[Ask, str] = {
    "approve": "Approve",
    "reject": "Reject",
    "pause": "Hold",
    "resume": "Go on",
    "abort": "Roll back",
}
_SIGNS = 32


@dataclass(frozen=True, slots=True)
class Button:
    """One press waiting to happen."""

    ask: Ask
    namespace: str
    name: str
    uid: str
    iteration: int
    epoch: int

    def stale(self, known: Known | None) -> str:
        """Why a press comes too late, given what is known now; empty where it does not."""
        if known is None or known.uid != self.uid:
            return "this run is not known any more"
        if known.over:
            return f"the run is over: {known.outcome or 'ended'}"
        if known.epoch != self.epoch:
            return f"the run has moved on since the button was shown: {known.message}"
        # A newer look alone makes no press stale: whoever presses wants what the button says.
        return ""

    def sealed(self, key: bytes) -> str:
        """The signed value of the button."""
        body = "|".join(
            (
                self.ask,
                self.namespace,
                self.name,
                self.uid,
                str(self.iteration),
                str(self.epoch),
            )
        )
        return f"{body}|{_sign(key, body)}"


def unseal(value: str, key: bytes) -> Button:
    """The button of a signed value. Raises Forbidden where it is not one of ours."""
    body, _, sign = value.rpartition("|")
    if not hmac.compare_digest(_sign(key, body).encode(), sign.encode(errors="surrogatepass")):
        raise Forbidden("the button carries no valid signature of this installation")
    ask, namespace, name, uid, iteration, epoch = body.split("|")
    if ask not in LABELS:
        raise Forbidden(f"no button asks for {ask}")
    return Button(ask, namespace, name, uid, int(iteration), int(epoch))


def offered(known: Known) -> tuple[Ask, ...]:
    """The buttons that make sense now."""
    if known.over or not known.stage:
        return ()
    if known.reason == NEEDS_APPROVAL:
        return ("approve", "reject", "abort")
    if known.stage != "Running":
        return ("abort",)
    return ("resume" if known.reason == PAUSED else "pause", "abort")


def button(known: Known, ask: Ask) -> Button:
    """A button about a run as it is known now."""
    return Button(ask, known.namespace, known.name, known.uid, known.iteration, known.epoch)


def _sign(key: bytes, body: str) -> str:
    return hmac.new(key, b"crossfade-button:" + body.encode(), hashlib.sha256).hexdigest()[
        :_SIGNS
    ]
