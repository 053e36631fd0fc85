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

Ask = Literal["approve", "reject", "pause", "resume", "abort"]
GATES = frozenset({"ApprovalNeeded", "WaitingForApproval", "GateOpen"})
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
    stage: str

    def stale(self, known: Known | None) -> str:
        """Why a press comes too late, given what is known now; empty where it does not."""
        if known is None or known.uid != self.uid:
            return "this run is not known any more"
        if known.over:
            return f"the run is over: {known.outcome or 'ended'}"
        if known.stage != self.stage:
            return (
                f"the run was {self.stage} when the button was shown; it is {known.stage} now"
            )
        # Approving means these numbers; rolling back is right a look later too.
        if self.ask == "approve" and known.iteration != self.iteration:
            return f"there is a newer look: {known.iteration}, you saw {self.iteration}"
        return ""

    def sealed(self, key: bytes) -> str:
        """The signed value of the button."""
        body = "|".join(
            (self.ask, self.namespace, self.name, self.uid, str(self.iteration), self.stage)
        )
        return f"{body}|{_sign(key, body)}"


def unseal(value: str, key: bytes) -> Button:
    """The button of a signed value. Raises Forbidden where it is not one of ours."""
    body, _, sign = value.rpartition("|")
    if not hmac.compare_digest(_sign(key, body), sign):
        raise Forbidden("the button carries no valid signature of this installation")
    ask, namespace, name, uid, iteration, stage = body.split("|")
    if ask not in LABELS:
        raise Forbidden(f"no button asks for {ask}")
    return Button(ask, namespace, name, uid, int(iteration), stage)


def offered(known: Known) -> tuple[Ask, ...]:
    """The buttons that make sense now."""
    if known.over or not known.stage:
        return ()
    if known.reason in GATES:
        return ("approve", "reject", "abort")
    if known.stage != "Running":
        return ("abort",)
    return ("resume" if known.reason == "Paused" else "pause", "abort")


def button(known: Known, ask: Ask) -> Button:
    """A button about a run as it is known now."""
    return Button(ask, known.namespace, known.name, known.uid, known.iteration, known.stage)


def _sign(key: bytes, body: str) -> str:
    return hmac.new(key, b"crossfade-button:" + body.encode(), hashlib.sha256).hexdigest()[
        :_SIGNS
    ]
