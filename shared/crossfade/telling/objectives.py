"""Where each version stands on each objective, with the evidence where a policy gave some."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from crossfade.telling.known import Known, Limit
from crossfade.telling.numbers import duration, number, quantity, short, spoken, unit

Standing = Literal["proved", "held", "not-yet", "missed", "unknown"]


@dataclass(frozen=True, slots=True)
class ObjectiveState:
    """One objective of one version.

    `proved` and `not-yet` are said by a policy with evidence, `held` by the latest value alone.
    `have` and `need` are the requests (`per`: or seconds, or intervals) seen and wanted for a
    proof, where that is known; `enough`: nothing more is wanted, a proof only waits for its look.
    """

    metric: str
    version: str
    value: float | None
    lower: float | None
    upper: float | None
    unit: str
    standing: Standing
    detail: str = ""
    have: float | None = None
    need: float | None = None
    per: str = "requests"
    enough: bool = False
    low: float | None = None
    high: float | None = None
    claim: Mapping[str, Any] | None = None
    """The entry of the evidence about it, where a policy gave one."""

    @property
    def limit(self) -> str:
        """The limit alone: `≤ 0.01`."""
        lower = f"≥ {number(self.lower)}{self.unit}" if self.lower is not None else ""
        upper = f"≤ {number(self.upper)}{self.unit}" if self.upper is not None else ""
        return " and ".join(part for part in (lower, upper) if part) or "vs baseline"

    @property
    def margin(self) -> float | None:
        """How far the value is within its limit, as a share of the limit; negative beyond it."""
        if self.value is None:
            return None
        if self.upper is not None:
            return (self.upper - self.value) / (abs(self.upper) or 1.0)
        if self.lower is not None:
            return (self.value - self.lower) / (abs(self.lower) or 1.0)
        return None

    @property
    def progress(self) -> str:
        """How far a proof is: `208 of 299 requests`; empty where that is not known."""
        if self.have is None or not self.need:
            return ""
        if self.per == "seconds":
            return f"{duration(self.have)} of {duration(self.need)}"
        return f"{self.have:,.0f} of {self.need:,.0f} {self.per}"

    @property
    def sentence(self) -> str:
        """The state in plain words."""
        what = f"{spoken(self.metric)} of {self.version}"
        if self.standing == "unknown":
            return f"{what} is not known ({self.detail or 'no reading yet'})"
        at = f"{what} is {quantity(self.value, self.unit.strip())}"
        if self.standing == "missed":
            return f"{at}, its limit {self.limit}"
        if self.standing == "not-yet" and self.need:
            return f"{at}: {self.progress} needed"
        return at


def objective_states(known: Known) -> tuple[ObjectiveState, ...]:
    """Every objective of every version, candidates first within each objective."""
    order = (*known.candidates, *known.versions[:1])
    return tuple(_state(known, o, v) for o in known.objectives for v in order)


def claims(known: Known) -> Iterator[Mapping[str, Any]]:
    """The entries of the evidence; nested ones are lifted out."""
    for entry in known.evidence:
        nested = entry.get("claims")
        if isinstance(nested, list | tuple):
            for claim in nested:
                yield {"candidate": entry.get("candidate"), **claim}
        else:
            yield entry


def chances(known: Known) -> dict[str, float]:
    """The probability of being best, by version, where evidence of the reward was computed.

    A reward that is only described leaves everybody at even chances, which says nothing.
    """
    rewards = [c for c in claims(known) if c.get("role") == "reward"]
    blind = {c.get("candidate") for c in rewards if c.get("kind") == "descriptive"}
    found = {}
    for claim in claims(known):
        chance, who = field(claim, "p_best", "pBest"), claim.get("candidate")
        if isinstance(chance, int | float) and who not in blind:
            found[str(who or claim.get("version", ""))] = float(chance)
    return found


def field(entry: Mapping[str, Any], snake: str, camel: str = "") -> Any:
    """A field of an evidence entry, in either spelling."""
    return entry.get(camel or snake, entry.get(snake))


def _state(known: Known, limit: Limit, version: str) -> ObjectiveState:
    value = known.value(limit.metric, version)
    claim = _claim(known, limit, version)
    standing = _standing(limit, value, claim)
    have, more = (field(claim, "n"), field(claim, "n_more", "nMore")) if claim else (None, None)
    return ObjectiveState(
        metric=limit.metric,
        version=version,
        value=value,
        lower=limit.lower,
        upper=limit.upper,
        unit=unit(known.units.get(limit.metric)),
        standing=standing,
        detail=known.absent.get(limit.metric, {}).get(version, "") or _lack(claim),
        have=have,
        need=have + more if have is not None and more else None,
        per=str(claim.get("per") or "requests") if claim else "requests",
        enough=more == 0,
        low=field(claim, "low") if claim else None,
        high=field(claim, "high") if claim else None,
        claim=claim,
    )


def about(claim: Mapping[str, Any], metric: str) -> bool:
    """Whether a claim is about a metric, by its key; else by the claim's own name."""
    named = claim.get("metric")
    if named is not None:
        return bool(named == metric)
    return short(str(claim.get("claim") or "")) == short(metric)


def _claim(known: Known, limit: Limit, version: str) -> Mapping[str, Any] | None:
    fitting = (
        c
        for c in claims(known)
        if c.get("candidate") == version
        and c.get("role", "objective") == "objective"
        and about(c, limit.metric)
    )
    return next((c for c in fitting if _same_limit(c, limit)), None)


def _same_limit(claim: Mapping[str, Any], limit: Limit) -> bool:
    """A metric may have a lower and an upper limit, each a claim of its own."""
    return ("lower" not in claim and "upper" not in claim) or any(
        claim.get(side) is not None and claim[side] == getattr(limit, side)
        for side in ("lower", "upper")
    )


def _lack(claim: Mapping[str, Any] | None) -> str:
    return str(claim.get("why") or "") if claim is not None and claim.get("lacks") else ""


def _standing(limit: Limit, value: float | None, claim: Mapping[str, Any] | None) -> Standing:
    if claim is not None and claim.get("violated"):
        return "missed"
    if claim is not None and claim.get("proved"):
        return "proved"
    if value is None:
        return "unknown"
    if (limit.upper is not None and value > limit.upper) or (
        limit.lower is not None and value < limit.lower
    ):
        return "missed"
    described = claim is None or claim.get("monitored") or claim.get("lacks")
    return "held" if described or limit.monitored else "not-yet"
