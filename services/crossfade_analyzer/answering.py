"""What would have been: a recorded run under other rules, answered over the bus.

The console asks at `crossfade.request.replay`. Nothing is changed by it, and it must not disturb
those who are judging: the log is read up to a bound, the arithmetic runs in a thread with policies
of its own and gives up after a while, and there is one at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

import orjson

from crossfade.errors import Conflict, FieldError, Malformed, NotFound, Unreachable
from crossfade.events import Assessment, Event, MetricSample
from crossfade.resources import Document
from crossfade.runtime.runs import Runs
from crossfade.runtime.service import EventLog, Request
from crossfade_analyzer.policies.port import Policy
from crossfade_analyzer.replaying import Change, Replay, as_it_ran, as_judged, replay

MOST_SAMPLES = 5000
MOST_EVENTS = 50_000
"""Of all runs of the name; the log cannot be asked for one run alone."""
MOST_MOMENTS = 400
"""In an answer, which has to fit into one message."""
MOST_LIMITS = 20
READ_SECONDS = 4.0
COMPUTE_SECONDS = 4.0
"""Together below the ten seconds that a request waits."""
LARGEST_BODY = 16_384
MEMBERS = ("namespace", "name", "uid", "change")
CHANGES = ("policy", "alpha", "limits", "minEffect", "earlyStop")


@dataclass(slots=True)
class WhatIf:
    """Answers when a run would have stopped, and saying what; `policies` makes fresh ones."""

    log: EventLog
    runs: Runs
    policies: Callable[[], Mapping[str, Policy]]
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    @property
    def door(self) -> Request:
        """Where it is asked."""
        return Request("replay", self.answer)

    async def answer(self, body: bytes) -> Mapping[str, Any]:
        """Both courses of a run: `ran` (None without assessments) and `asked`.

        Raises Malformed by field, NotFound, Conflict while another one is computed, Unreachable.
        """
        about, change = asked(body)
        if self._busy.locked():
            raise Conflict("another replay is being computed; ask again in a moment")
        async with self._busy:
            samples, said = await self._read(about)
            document = await self.runs.document(samples[-1].uid, samples[-1].revision)
            change = as_judged(change, document, said)
            altered = change.applied(document)  # wrong fields are said before any work is done
            computed = await asyncio.to_thread(
                _computed, altered, document, samples, said, self.policies(), change
            )
        return {"accepted": True, "uid": samples[-1].uid} | computed

    async def _read(
        self, about: Mapping[str, str]
    ) -> tuple[list[MetricSample], list[Assessment]]:
        """The samples of the run that is meant, trial readings left out, and what was said."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                samples = [e async for e in self._events(MetricSample, about) if e.iteration]
                uid = about.get("uid") or (samples[-1].uid if samples else "")
                mine = [sample for sample in samples if sample.uid == uid]
                if not mine:
                    raise NotFound(f"the log keeps no sample of {about['name']} {uid}".strip())
                if len(mine) > MOST_SAMPLES:
                    told = f"{len(mine)} samples, at most {MOST_SAMPLES}"
                    raise Malformed(f"{told}; `crossfade replay` has no such limit")
                judged = [e async for e in self._events(Assessment, about) if e.uid == uid]
        except TimeoutError as error:
            raise Unreachable(f"the log was not read within {READ_SECONDS:g} s") from error
        return mine, judged

    async def _events(self, kind: type[Event], about: Mapping[str, str]) -> Any:
        """Events of one kind about an experiment, never more than the bound."""
        left = MOST_EVENTS
        async for logged in self.log.follow(
            kinds=(kind.kind,), namespace=about["namespace"], name=about["name"], live=False
        ):
            if left == 0:
                told = f"more than {MOST_EVENTS} events of {about['name']} are kept"
                raise Malformed(f"{told}; `crossfade replay` has no such limit")
            left -= 1
            yield logged.event


def asked(body: bytes) -> tuple[Mapping[str, str], Change]:
    """Which run is meant, and what is to be otherwise. Raises Malformed with every mistake."""
    if len(body) > LARGEST_BODY:
        raise Malformed(f"{len(body)} bytes found; at most {LARGEST_BODY}")
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"not JSON: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("change", {}), dict):
        raise Malformed("expected {namespace, name, uid?, change?: {…}}")
    wrong = [
        *_strangers(found, MEMBERS, ""),
        *_strangers(found.get("change", {}), CHANGES, "change."),
    ]
    names = {key: found[key] for key in ("namespace", "name", "uid") if found.get(key)}
    wrong += [
        FieldError(key, f"found {names.get(key)!r}; right is text")
        for key in ("namespace", "name", "uid")
        if not isinstance(names.get(key, "" if key == "uid" else None), str)
    ]
    if wrong:
        raise Malformed(wrong)
    return names, changed(found.get("change", {}))


def changed(body: Mapping[str, Any]) -> Change:
    """A change as JSON tells it. Raises Malformed with every mistake by field."""
    policy, alpha, early = body.get("policy"), body.get("alpha"), body.get("earlyStop")
    limits, effect = body.get("limits") or {}, body.get("minEffect")
    level = isinstance(alpha, int | float) and 0.0 < alpha <= 0.5
    checks = (
        ("policy", policy, policy in (None, "iter8", "assured"), "iter8 or assured"),
        ("alpha", alpha, alpha is None or level, "a level above 0, up to 0.5"),
        ("earlyStop", early, early in (None, True, False), "true or false"),
        (
            "limits",
            limits,
            _limits(limits),
            f"at most {MOST_LIMITS} metrics, each with a number",
        ),
        ("minEffect", effect, effect is None or _quantity(effect), "a number"),
    )
    wrong = [
        FieldError(f"change.{where}", f"found {str(found)[:80]!r}; right is {right}")
        for where, found, fits, right in checks
        if not fits
    ]
    if wrong:
        raise Malformed(wrong)
    pairs = tuple((str(metric), str(limit)) for metric, limit in limits.items())
    least = None if effect is None else str(effect)
    return Change(policy, None if alpha is None else float(alpha), pairs, least, early)


def _strangers(
    found: Mapping[str, Any], known: tuple[str, ...], where: str
) -> Iterator[FieldError]:
    for name in found:
        if name not in known:
            yield FieldError(f"{where}{name[:40]}", f"unknown; known are {', '.join(known)}")


def _limits(found: Any) -> bool:
    return (
        isinstance(found, dict)
        and len(found) <= MOST_LIMITS
        and all(map(_quantity, found.values()))
    )


def _quantity(found: Any) -> bool:
    """Whether something may be a quantity; which spelling is right the document's parser says."""
    short = isinstance(found, str) and 0 < len(found) <= 40
    return short or (isinstance(found, int | float) and not isinstance(found, bool))


def _computed(
    altered: Document,
    document: Document,
    samples: list[MetricSample],
    said: list[Assessment],
    policies: Mapping[str, Policy],
    change: Change,
) -> dict[str, Any]:
    """Both courses as JSON; in a thread. Raises Unreachable when it takes too long."""
    ran = as_it_ran(document, samples, said) if said else None
    there = replay(altered, _in_time(samples), policies)
    told = replace(there, name=change.named(document))
    return {"ran": thinned(ran) if ran else None, "asked": thinned(told)}


def _in_time(samples: Iterable[MetricSample]) -> Iterator[MetricSample]:
    """The samples, until the time is up: a thread cannot be ended from outside."""
    end = monotonic() + COMPUTE_SECONDS
    for sample in samples:
        if monotonic() > end:
            told = f"not computed within {COMPUTE_SECONDS:g} s"
            raise Unreachable(f"{told}; `crossfade replay` has no such limit")
        yield sample


def thinned(column: Replay) -> dict[str, Any]:
    """A course as JSON, with the first and the last moment and not too many between."""
    moments = column.moments
    step = max(-(-len(moments) // MOST_MOMENTS), 1)
    kept = moments[:-1:step] + moments[-1:]
    return replace(column, moments=kept).to_json() | {
        "exposure": round(column.exposure, 2),
        "askedExposure": round(column.asked_exposure, 2),
        "looks": len(moments),
    }
