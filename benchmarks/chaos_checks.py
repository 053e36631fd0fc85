"""What must hold after a chaos, asked of the log, the buckets, the cluster and the tasks' notes.

Two things that no design can promise are counted and not blamed. A task whose actuator died
between its last line and the record of its outcome runs once more, and knows it by its attempt. A
line of the notifier whose notifier died between saying it and remembering so is said once more.
Both need a kill at that very moment, and without one they are violations.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import orjson
from chaos_monkey import Monkey
from chaos_runs import TASKS, notes_of

from crossfade.events import (
    ActionOutcome,
    Assessment,
    Event,
    Incident,
    StageChange,
    WeightChange,
)

ORDER = ("Waiting", "Initializing", "Running", "Finishing", "Completed")
FOLLOWS = {
    "": {"Waiting", "Completed"},
    "Waiting": {"Waiting", "Initializing", "Completed"},
    "Initializing": {"Initializing", "Running", "Completed"},
    "Running": {"Running", "Finishing", "Completed"},
    "Finishing": {"Finishing", "Completed"},
}
"""Stage by stage as docs/reference/lifecycle.md; nothing follows Completed."""
RETURNED = ("rolled-back", "aborted", "inconclusive", "no-data", "kept")
MOST_MEGABYTES = 250.0
TOPICS = frozenset({"winner", "rolled-back", "failed", "aborted", "ended"})
"""What the notifier calls the end of a run."""


@dataclass(frozen=True)
class Line:
    """One message of the log; `at` is Unix time."""

    sequence: int
    at: float
    id: str
    body: bytes
    event: Event


@dataclass
class Evidence:
    """Everything that is left when the world stands still."""

    lines: list[Line]
    keys: list[str]
    """Of the runs bucket."""
    queues: dict[str, list[str]]
    """By target key: who is still in the queue."""
    rules: dict[str, tuple[int, ...]]
    observed: dict[str, dict[str, int]]
    """By uid: the split that the actuator believes in."""
    told: list[tuple[str, str, float]]
    """Uid, topic and time of each line of the log channel."""
    monkey: Monkey
    statuses: dict[str, str] = field(default_factory=dict)
    """Stage by the name of each Experiment that is there."""
    megabytes: dict[str, float] = field(default_factory=dict)
    given_up: list[str] = field(default_factory=list)

    def of(self, uid: str, kind: type[Event]) -> list[Line]:
        """The lines of one run's events of one kind, each id once."""
        found = [x for x in self.lines if x.event.uid == uid and isinstance(x.event, kind)]
        return list({x.id: x for x in reversed(found)}.values())[::-1]

    @property
    def uids(self) -> list[str]:
        """Every run that the log knows."""
        return list(dict.fromkeys(x.event.uid for x in self.lines if x.event.uid != "-"))

    def named(self, name: str) -> set[str]:
        """The runs of one Experiment's name."""
        return {x.event.uid for x in self.lines if x.event.name == name}

    def end(self, uid: str) -> Line | None:
        """The line that says the run is over."""
        over = [x for x in self.of(uid, StageChange) if _stage(x) == "Completed"]
        return over[0] if over else None

    def outcome(self, uid: str) -> str:
        """How a run ended, or `open`."""
        end = self.end(uid)
        return "open" if end is None else str(getattr(end.event, "outcome", None))


@dataclass
class Verdict:
    """Counts to print, and what was violated."""

    counts: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)

    def check(self, what: str, found: Iterator[str | None]) -> None:
        """Count each thing looked at; a text is a violation."""
        self.counts.setdefault(what, 0)
        for problem in found:
            self.counts[what] += 1
            if problem is not None:
                self.violations.append(f"{what}: {problem}")


def judge(evidence: Evidence) -> Verdict:
    """Every invariant over all the evidence."""
    verdict = Verdict()
    for what, rule in INVARIANTS.items():
        verdict.check(what, rule(evidence))
    for uid in evidence.uids:
        verdict.counts[f"= {evidence.outcome(uid)}"] += 1
    again = sum(max(0, _ends(f) - 1) for _, _, _, f in _files(evidence))
    verdict.counts["= tasks run to their end again, after a kill"] = again
    verdict.counts["= events"] = len(evidence.lines)
    return verdict


def sums(evidence: Evidence) -> Iterator[str | None]:
    """Every split of every weight change adds up."""
    for line in evidence.lines:
        if isinstance(line.event, WeightChange):
            event = line.event
            splits = [s for s in (event.before, event.asked, event.observed) if s]
            found_by_hand = event.cause == "found"
            bad = [s for s in splits if sum(s.values()) != 100]
            yield f"{line.id} has {bad}" if bad and not found_by_hand else None


def stages(evidence: Evidence) -> Iterator[str | None]:
    """The stages follow one another as the table says, epochs only grow."""
    for uid in evidence.uids:
        before, epoch = "", 0
        for line in evidence.of(uid, StageChange):
            now, its = _stage(line), getattr(line.event, "epoch", 0)
            fine = now in FOLLOWS.get(before, set()) and its >= epoch
            yield None if fine else f"{uid}: {before or 'nothing'}/{epoch} → {now}/{its}"
            before, epoch = now, its


def finality(evidence: Evidence) -> Iterator[str | None]:
    """After the end nothing moves, and nothing runs."""
    for uid in evidence.uids:
        end = evidence.end(uid)
        kinds = (StageChange, WeightChange, ActionOutcome)
        late = [
            x.id
            for kind in kinds
            for x in evidence.of(uid, kind)
            if end is not None and x.sequence > end.sequence
        ]
        yield f"{late} after {end.id if end else ''}" if late else None


def ends(evidence: Evidence) -> Iterator[str | None]:
    """Every Experiment that was made came to its end."""
    known = set(evidence.uids)
    for uid, (number, one) in evidence.monkey.made.items():
        over = evidence.end(uid) is not None
        # One that was deleted before anybody saw it has left no trace, and need not.
        yield None if over or uid not in known else f"{one.name} ({number}) {uid} is open"
    for uid in known:
        yield None if evidence.end(uid) is not None else f"{uid} is open"


def identities(evidence: Evidence) -> Iterator[str | None]:
    """One id, one content."""
    contents: dict[str, set[bytes]] = defaultdict(set)
    for line in evidence.lines:
        if isinstance(line.event, WeightChange | Assessment | StageChange | ActionOutcome):
            contents[line.id].add(line.body)
    for identity, bodies in contents.items():
        yield None if len(bodies) == 1 else f"{identity} has {len(bodies)}: {bodies}"


def once(evidence: Evidence) -> Iterator[str | None]:
    """A task runs to success once; again only by a kill, then as another attempt."""
    for uid, action, task, file in _files(evidence):
        yield _twice(evidence, uid, action, task, file)


def _twice(evidence: Evidence, uid: str, action: str, task: int, file: list) -> str | None:
    where = f"{action}/{task} of {uid}: {file}"
    attempts = [n.attempt for n in file if n.what == "begin"]
    if len(set(attempts)) != len(attempts):
        return f"one attempt began twice: {where}"
    succeeded = [n for n in file if n.what == "end"]
    for first, second in itertools.pairwise(succeeded):
        if not evidence.monkey.harmed(("actuator", "broker"), first.at, second.at):
            return f"ran again though nobody died: {where}"
    for line in evidence.of(uid, ActionOutcome):
        event = line.event
        same = isinstance(event, ActionOutcome) and (event.action, event.task) == (action, task)
        if same and event.ok and any(n.what == "begin" and n.at > line.at for n in file):
            return f"began after its outcome was told: {where}"
    return None


def alone(evidence: Evidence) -> Iterator[str | None]:
    """No attempt begins while another one goes on and ends later."""
    for uid, action, task, file in _files(evidence):
        done = {n.attempt: n.at for n in file if n.what == "end"}
        begun = {n.attempt: n.at for n in file if n.what == "begin"}
        overlap = [
            a
            for a, b in itertools.permutations(begun, 2)
            if begun[a] < begun[b] < done.get(a, 0)
        ]
        yield f"{action}/{task} of {uid} ran beside itself: {file}" if overlap else None


def baselines(evidence: Evidence) -> Iterator[str | None]:
    """Who did not win has given everything back: as the actuator saw, and on the object."""
    latest: dict[str, str] = {}
    for line in evidence.lines:
        made = evidence.monkey.made.get(line.event.uid)
        if isinstance(line.event, WeightChange) and made:
            latest[made[1].rule] = line.event.uid
    for uid, (_, one) in evidence.monkey.made.items():
        if not _gave_back(evidence, uid):
            continue
        observed = evidence.observed.get(uid)
        fine = observed == {"v1": 100, "v2": 0}
        yield None if fine else f"{uid} {evidence.outcome(uid)}, but believed in {observed}"
        by_hand = one.rule in evidence.monkey.edited
        if latest.get(one.rule) == uid and not by_hand:
            found = evidence.rules[one.rule]
            yield None if found == (100, 0) else f"{uid}: {one.rule} stands at {found}"


def _gave_back(evidence: Evidence, uid: str) -> bool:
    """Whether it ran and had to return the traffic: an order while Running, no deletion."""
    end = evidence.end(uid)
    if end is None or evidence.outcome(uid) not in RETURNED:
        return False
    before = [_stage(x) for x in evidence.of(uid, StageChange)]
    stopped_at = before[-2] if len(before) > 1 else ""
    deleted = "deleted" in str(getattr(end.event, "message", ""))
    aborted = evidence.outcome(uid) == "aborted"
    running = stopped_at in ("Running", "Finishing") and not (
        aborted and stopped_at == "Finishing" and _was_promoted(evidence, uid)
    )
    return running and not deleted


def _was_promoted(evidence: Evidence, uid: str) -> bool:
    """Whether it was already finishing as promoted when somebody aborted it."""
    finishing = [x.event for x in evidence.of(uid, StageChange) if _stage(x) == "Finishing"]
    return any(getattr(e, "recommended", "") == "v2" for e in finishing)


def finishes(evidence: Evidence) -> Iterator[str | None]:
    """A promoted run had each task of its finish action told as done, once."""
    for uid in evidence.uids:
        if evidence.outcome(uid) == "promoted":
            tasks = [
                x.event.task
                for x in evidence.of(uid, ActionOutcome)
                if isinstance(x.event, ActionOutcome)
                and x.event.action == "finish"
                and x.event.ok
            ]
            fine = tasks == list(range(TASKS["finish"]))
            yield None if fine else f"{uid} finished {tasks}"


def leftovers(evidence: Evidence) -> Iterator[str | None]:
    """No lock, lease or open run is left."""
    left = [k for k in evidence.keys if k.startswith(("open.", "lease."))]
    left += [f"{key} {queue}" for key, queue in evidence.queues.items() if queue]
    yield f"{left} are left" if left else None


def tellings(evidence: Evidence) -> Iterator[str | None]:
    """The end of each run was told once; again only after a kill in between."""
    times: dict[str, list[float]] = defaultdict(list)
    for uid, topic, at in evidence.told:
        if topic in TOPICS:
            times[uid].append(at)
    for uid in evidence.uids:
        if evidence.end(uid) is None:
            continue
        told = times[uid]
        excused = all(
            evidence.monkey.harmed(("notifier", "broker"), *pair)
            for pair in itertools.pairwise(sorted(told))
        )
        yield None if told and excused else f"{uid} was told {len(told)} times: {told}"


def statuses(evidence: Evidence) -> Iterator[str | None]:
    """Every Experiment that is there shows its end."""
    for name, stage in evidence.statuses.items():
        yield None if stage == "Completed" else f"{name} shows {stage or 'nothing'}"


def letters(evidence: Evidence) -> Iterator[str | None]:
    """Set aside were only what nobody can read, and orders that came too late."""
    for line in evidence.lines:
        event = line.event
        if isinstance(event, Incident) and event.what_happened.startswith("set-aside"):
            fine = "crossfade.command." in event.text and event.text.startswith("actuator")
            yield None if fine else event.text


def services(evidence: Evidence) -> Iterator[str | None]:
    """No service was given up, and none grew beyond bounds."""
    for name, megabytes in evidence.megabytes.items():
        yield f"{name}: {megabytes:.0f} MB" if megabytes > MOST_MEGABYTES else None
    for name in evidence.given_up:
        yield f"{name} died again and again"


INVARIANTS = {
    "splits sum to 100": sums,
    "stages follow the table": stages,
    "nothing after the end": finality,
    "every run ends": ends,
    "one id, one content": identities,
    "tasks succeed once": once,
    "tasks run alone": alone,
    "baselines got all back": baselines,
    "promoted finished once": finishes,
    "nothing left in buckets": leftovers,
    "ends told once": tellings,
    "statuses show the end": statuses,
    "nothing else set aside": letters,
    "services bounded": services,
}


def _stage(line: Line) -> str:
    return str(getattr(line.event, "stage", ""))


def _files(evidence: Evidence) -> Iterator[tuple[str, str, int, list]]:
    for uid, (number, one) in evidence.monkey.made.items():
        if number in evidence.monkey.unanswered and len(evidence.named(one.name)) > 1:
            continue  # the unanswered start had begun a run too, which noted into the same files
        for action, count in TASKS.items():
            for task in range(count):
                file = notes_of(one.file(number, action, task))
                if file:
                    yield uid, action, task, file


def _ends(file: list) -> int:
    return sum(1 for note in file if note.what == "end")


def told_in(log: bytes) -> Iterator[tuple[str, str, float]]:
    """Uid, topic and Unix time of what the log channel said."""
    from datetime import datetime

    for raw in log.splitlines():
        if b'"crossfade.told"' in raw:
            line = orjson.loads(raw)
            at = datetime.fromisoformat(line["at"]).timestamp()
            yield line["uid"], line["topic"], at
