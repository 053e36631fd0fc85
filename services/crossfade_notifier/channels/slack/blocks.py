"""A run as Block Kit; source: Slack's limits on blocks (header 150, section 3,000, 10 fields)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crossfade.telling import Known, headline, objective_states, why
from crossfade.telling.sentences import NEEDS_APPROVAL, PAUSED
from crossfade_notifier.buttons import LABELS, Ask, button, offered
from crossfade_notifier.channels.links import Links
from crossfade_notifier.channels.mrkdwn import FIELD, SECTION, cut, escape, fitting
from crossfade_notifier.channels.slack import figures

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
CONFIRM = {
    "abort": "All traffic goes back to the baseline and the experiment ends.",
    "approve": "The experiment goes on with what you see here.",
    "reject": "The experiment does not go on.",
    "pause": "The split stays where it is until somebody lets it go on.",
    "resume": "The split moves again.",
}
LEAVES = "It has moved nothing yet. It ends, and whoever waits behind it goes on."
STUCK = ":rotating_light:"
HEADER, LONGEST = 150, 3900


def fallback(known: Known, stuck: Mapping[str, str] | None = None) -> str:
    """The text of notifications and screen readers."""
    said = [f"{known.title}: {headline(known)}.", _reason(known)]
    said += [f"Stuck: {text}." for text in (stuck or {}).values()]
    return cut(escape(" ".join(filter(None, said))), LONGEST)


def blocks(
    known: Known,
    links: Links,
    key: bytes | None,
    remarks: Sequence[str] = (),
    stuck: Mapping[str, str] | None = None,
) -> list[Block]:
    """The living message; buttons only with a key to sign them."""
    made = [_header(known, bool(stuck)), _verdict(known)]
    if trouble := _trouble(known, stuck or {}):
        made.append(_section(trouble))
    made += _fields(known)
    objectives = objective_states(known)
    if objectives and known.iteration:
        made.append(_section(figures.objectives(known, objectives)))
    asks = offered(known) if key is not None else ()
    if asks and key is not None:
        made.append(_actions(known, asks, key))
    if remarks:
        lines = [f":information_source: {escape(text)}" for text in remarks]
        told = fitting(lines, FIELD)
        made.append({"type": "context", "elements": [{"type": "mrkdwn", "text": told}]})
    return [*made, _context(known, links)]


def icon(known: Known, stuck: bool) -> str:
    """The sign of where a run stands."""
    if known.over:
        return ICONS.get(known.outcome or "", ":checkered_flag:")
    if stuck:
        return STUCK
    if known.reason == NEEDS_APPROVAL:
        return ":raised_hand:"
    if known.troubles:
        return ":warning:"
    if known.reason == PAUSED:
        return ":double_vertical_bar:"
    return ":hourglass:" if known.stage == "Waiting" else ":arrow_forward:"


def _header(known: Known, stuck: bool) -> Block:
    start = f"{icon(known, stuck)} {known.name or 'Crossfade'}"
    text = f"{start}: {' and '.join(known.candidates)} vs {known.baseline}"
    if not known.candidates:
        text = start
    elif len(text) > HEADER:
        text = f"{start}: {len(known.candidates)} candidates vs {known.baseline}"
    return {
        "type": "header",
        "text": {"type": "plain_text", "text": text[:HEADER], "emoji": True},
    }


def _section(text: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut(text, SECTION)}}


def _reason(known: Known) -> str:
    """Why it stands there; nothing where that only says again what the headline says."""
    reason = why(known)
    plain = reason.rstrip(".").casefold()
    said = plain in headline(known).casefold()
    return "" if said or (known.reason == "StageAdvanced" and not known.reasons) else reason


def _verdict(known: Known) -> Block:
    reason = _reason(known)
    return _section(f"*{escape(headline(known))}*" + (f"\n{escape(reason)}" if reason else ""))


def _trouble(known: Known, stuck: Mapping[str, str]) -> str:
    lines = [f"{STUCK} *Stuck:* {escape(text)}" for text in stuck.values()]
    lines += [
        f":warning: {escape(text)}"
        for what, text in known.troubles.items()
        if what not in stuck
    ]
    return fitting(lines, SECTION)


def _fields(known: Known) -> list[Block]:
    texts = [figures.traffic(known), figures.looks(known), figures.reward(known)]
    fields = [{"type": "mrkdwn", "text": text} for text in texts if text]
    return [{"type": "section", "fields": fields}] if fields else []


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
            "text": {"type": "plain_text", "text": _consequence(known, ask)},
            "confirm": {"type": "plain_text", "text": LABELS[ask]},
            "deny": {"type": "plain_text", "text": "Leave it"},
        },
    }
    return made | ({"style": style} if style else {})


def _consequence(known: Known, ask: Ask) -> str:
    return LEAVES if ask == "abort" and known.stage == "Waiting" else CONFIRM[ask]


def _context(known: Known, links: Links) -> Block:
    found = [f"<{url}|{name}>" for name, url in links.about(known)]
    parts = [f"`{escape(known.title)}`", f"run {known.uid[:8]}", *found]
    if known.updated_at is not None:
        stamp, plain = int(known.updated_at.timestamp()), f"{known.updated_at:%H:%M:%S} UTC"
        parts.append(f"updated <!date^{stamp}^{{time_secs}}|{plain}>")
    text = " · ".join(parts)[:2000]
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text}]}
