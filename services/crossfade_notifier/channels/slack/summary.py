"""Many runs of one channel in one message: counts, then those that need a look, the worst first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from crossfade.telling import Known, headline
from crossfade.telling.sentences import NEEDS_APPROVAL, PAUSED
from crossfade_notifier.channels.links import Links
from crossfade_notifier.channels.mrkdwn import FIELD, SECTION, cut, escape, fitting
from crossfade_notifier.channels.slack.blocks import Block, icon
from crossfade_notifier.outbox import Outbox

LISTED = 15
NAMED = 10
WORDS = ("needs approval", "stuck", "in trouble", "paused", "running", "starting", "waiting")
ENDED = {
    "promoted": "promoted",
    "rolled-back": "rolled back",
    "kept": "kept their baseline",
    "inconclusive": "inconclusive",
    "no-data": "without data",
    "failed": "failed",
    "aborted": "aborted",
}


def standing(run: Outbox) -> str:
    """The word of WORDS for where a run stands."""
    known = run.known
    if known.reason == NEEDS_APPROVAL:
        return "needs approval"
    if run.signs.stuck:
        return "stuck"
    if known.troubles:
        return "in trouble"
    if known.reason == PAUSED:
        return "paused"
    return {"Waiting": "waiting", "Initializing": "starting"}.get(known.stage, "running")


def title(runs: Sequence[Outbox]) -> str:
    """The first line, for notifications and screen readers too."""
    return f"{len(runs)} experiments under way"


def summary(
    runs: Sequence[Outbox], ended: Sequence[Known], links: Links, at: datetime
) -> list[Block]:
    """The message about open runs, and those that ended within a day; the clock comes last."""
    counts = Counter(map(standing, runs))
    told = [f"{counts[word]} {word}" for word in WORDS if counts[word]]
    made = [_header(f":bar_chart: {title(runs)}"), _section(f"*{' · '.join(told)}*")]
    first = sorted(runs, key=_order)[:LISTED]
    rest = len(runs) - len(first)
    lines = [_line(run, links) for run in first]
    lines += [f"_and {rest} more: each has its page, and tells its end here_"] if rest else []
    made.append(_section(fitting(lines, SECTION)))
    over = Counter(known.outcome or "" for known in ended)
    parts = [f"{over[key]} {word}" for key, word in ENDED.items() if over[key]]
    if parts:
        made.append(_context(f"Ended within a day: {', '.join(parts)}"))
    page = f"<{links.page.rstrip('/')}/|all experiments> · " if links.page else ""
    stamp = f"<!date^{int(at.timestamp())}^{{time_secs}}|{at:%H:%M:%S} UTC>"
    return [*made, _context(f"{page}updated {stamp}")]


def dispersed(runs: Sequence[Outbox]) -> list[Block]:
    """What takes the summary's place once there are few runs again."""
    told = "Each tells of itself again, in a message of its own."
    return [_header(f":bar_chart: {title(runs)}"), _section(told)]


def newly_stuck(runs: Sequence[Outbox]) -> str:
    """One sentence about all that got stuck, with the causes."""
    named = ", ".join(escape(run.known.title) for run in runs[:NAMED])
    more = f" and {len(runs) - NAMED} more" if len(runs) > NAMED else ""
    causes = Counter(text for run in runs for text in run.signs.stuck.values())
    why = "; ".join(escape(text) for text, _ in causes.most_common(3))
    are = "is" if len(runs) == 1 else "are"
    return cut(f":rotating_light: *{named}{more} {are} stuck:* {why}", SECTION)


def _order(run: Outbox) -> tuple[int, str]:
    return WORDS.index(standing(run)), run.known.title


def _line(run: Outbox, links: Links) -> str:
    known = run.known
    url = next((url for name, url in links.about(known) if name == "live page"), "")
    name = f"<{url}|{escape(known.title)}>" if url else escape(known.title)
    look = f" · look {known.iteration} of {known.of}" if known.of else ""
    said = "; ".join(run.signs.stuck.values()) or headline(known)
    return f"{icon(known, bool(run.signs.stuck))} {name} {escape(said[:160])}{look}"


def _header(text: str) -> Block:
    return {"type": "header", "text": {"type": "plain_text", "text": text, "emoji": True}}


def _section(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut(text, SECTION)}}


def _context(text: str) -> dict[str, Any]:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": cut(text, FIELD)}]}
