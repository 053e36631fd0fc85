"""A run as Block Kit; source: Slack's limits on blocks (header 150, section 3,000, 10 fields)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crossfade.telling import Known, headline, objective_states, why
from crossfade.telling.numbers import duration, number, spoken, unit
from crossfade.telling.objectives import ObjectiveState, chances
from crossfade_notifier.buttons import LABELS, Ask, button, offered
from crossfade_notifier.channels.links import Links

Block = dict[str, Any]

ICONS = {
    "promoted": ":white_check_mark:",
    "kept": ":white_check_mark:",
    "rolled-back": ":rewind:",
    "inconclusive": ":grey_question:",
    "no-data": ":grey_question:",
    "failed": ":x:",
    "aborted": ":octagonal_sign:",
}
MARKS = {
    "proved": ":white_check_mark:",
    "held": ":white_check_mark:",
    "not-yet": ":hourglass_flowing_sand:",
    "missed": ":x:",
    "unknown": ":grey_question:",
}
CONFIRM = {
    "abort": "All traffic goes back to the baseline and the experiment ends.",
    "approve": "The experiment goes on with what you see here.",
    "reject": "The experiment does not go on.",
    "pause": "The split stays where it is until somebody lets it go on.",
    "resume": "The split moves again.",
}
STUCK = ":rotating_light:"
WIDTH = 10
MOST_OBJECTIVES = 12


def fallback(known: Known) -> str:
    """The text of notifications and screen readers."""
    return escape(f"{known.title}: {headline(known)}. {why(known)}".strip())[:3900]


def blocks(
    known: Known,
    links: Links,
    key: bytes | None,
    remarks: Sequence[str] = (),
    stuck: Mapping[str, str] | None = None,
) -> list[Block]:
    """The living message; buttons only with a key to sign them."""
    made = [_header(known, bool(stuck)), _verdict(known), _fields(known)]
    objectives = objective_states(known)
    if objectives:
        made.append(_section(_objectives(objectives)))
    trouble = [f"{STUCK} *Stuck:* {escape(text)}" for text in (stuck or {}).values()]
    trouble += [
        f":warning: {escape(text)}"
        for what, text in known.troubles.items()
        if what not in (stuck or {})
    ]
    if trouble:
        made.append(_section("\n".join(trouble)))
    asks = offered(known) if key is not None else ()
    if asks and key is not None:
        made.append(_actions(known, asks, key))
    if remarks:
        told = "\n".join(f":information_source: {escape(text)}" for text in remarks)
        made.append({"type": "context", "elements": [{"type": "mrkdwn", "text": told[:2000]}]})
    return [*made, _context(known, links)]


def escape(text: str) -> str:
    """Text in which Slack finds no markup of its own."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _icon(known: Known, stuck: bool) -> str:
    if known.over:
        return ICONS.get(known.outcome or "", ":checkered_flag:")
    if stuck:
        return STUCK
    if known.troubles:
        return ":warning:"
    return ":hourglass:" if known.stage == "Waiting" else ":arrow_forward:"


def _header(known: Known, stuck: bool) -> Block:
    against = f"{' and '.join(known.candidates)} vs {known.baseline}"
    what = f": {against}" if known.candidates else ""
    text = f"{_icon(known, stuck)} {known.name or 'Crossfade'}{what}"
    return {"type": "header", "text": {"type": "plain_text", "text": text[:150], "emoji": True}}


def _section(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:3000]}}


def _verdict(known: Known) -> Block:
    reason = why(known)
    return _section(f"*{escape(headline(known))}*" + (f"\n{escape(reason)}" if reason else ""))


def _fields(known: Known) -> Block:
    texts = [_traffic(known), _counts(known), _reward(known)]
    fields = [{"type": "mrkdwn", "text": text[:2000]} for text in texts if text]
    return {
        "type": "section",
        "fields": fields or [{"type": "mrkdwn", "text": "_no look yet_"}],
    }


def _traffic(known: Known) -> str:
    """A bar for each version, and what was asked where it differs."""
    lines = ["*Traffic*"]
    for version, weight in known.split.items():
        asked = known.asked.get(version, weight)
        beside = f" (asked {asked} %)" if asked != weight else ""
        lines.append(f"`{_bar(weight)}` {escape(version)} {weight} %{beside}")
    return "\n".join(lines) if known.split else ""


def _bar(weight: int) -> str:
    full = round(weight / 100 * WIDTH)
    return "█" * full + "░" * (WIDTH - full)


def _counts(known: Known) -> str:
    if not known.of:
        return ""
    lines = [f"*Look* {known.iteration} of {known.of}"]
    if not known.over and known.interval_seconds and known.stage == "Running":
        left = (known.of - known.iteration) * known.interval_seconds
        lines.append(f"about {duration(left)} to go")
    if known.requests:
        for version in known.versions:
            count = known.value(known.requests, version)
            if count is not None:
                lines.append(f"{escape(version)}: {number(count)} requests")
    return "\n".join(lines)


def _reward(known: Known) -> str:
    if not known.reward:
        return ""
    lines = [f"*{escape(spoken(known.reward).capitalize())}*"]
    suffix = unit(known.units.get(known.reward))
    lines += [
        f"{escape(v)} {number(known.value(known.reward, v))}{suffix}{_chance(known, v)}"
        for v in known.versions
    ]
    return "\n".join(lines)


def _chance(known: Known, version: str) -> str:
    best = chances(known).get(version)
    return "" if best is None else f" · P(best) {best:.3f}"


def _objectives(states: Sequence[ObjectiveState]) -> str:
    lines = ["*Objectives*"]
    for state in states[:MOST_OBJECTIVES]:
        need = f" · {state.progress}" if state.progress else ""
        value = f"{number(state.value)}{state.unit}"
        lines.append(
            f"{MARKS[state.standing]} {escape(spoken(state.metric))} of "
            f"{escape(state.version)}: {value}, limit {escape(state.limit)}{need}"
        )
    rest = len(states) - MOST_OBJECTIVES
    return "\n".join(lines) + (f"\n_and {rest} more_" if rest > 0 else "")


def _actions(known: Known, asks: Sequence[Ask], key: bytes) -> Block:
    return {
        "type": "actions",
        "block_id": "crossfade",
        "elements": [_button(known, ask, key) for ask in asks],
    }


def _button(known: Known, ask: Ask, key: bytes) -> Block:
    style = {"abort": "danger", "approve": "primary"}.get(ask)
    made: Block = {
        "type": "button",
        "action_id": f"crossfade-{ask}",
        "text": {"type": "plain_text", "text": LABELS[ask]},
        "value": button(known, ask).sealed(key),
        "confirm": {
            "title": {"type": "plain_text", "text": f"{LABELS[ask]}: {known.name}?"[:100]},
            "text": {"type": "plain_text", "text": CONFIRM[ask]},
            "confirm": {"type": "plain_text", "text": LABELS[ask]},
            "deny": {"type": "plain_text", "text": "Leave it"},
        },
    }
    return made | ({"style": style} if style else {})


def _context(known: Known, links: Links) -> Block:
    found = [f"<{url}|{name}>" for name, url in links.about(known)]
    parts = [f"`{escape(known.title)}`", f"run {known.uid[:8]}", *found]
    if known.updated_at is not None:
        stamp, plain = int(known.updated_at.timestamp()), f"{known.updated_at:%H:%M:%S} UTC"
        parts.append(f"updated <!date^{stamp}^{{time_secs}}|{plain}>")
    text = " · ".join(parts)[:2000]
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text}]}
