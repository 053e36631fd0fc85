"""Text for Slack: no markup but ours, and never cut in the middle of one."""

from __future__ import annotations

import re
from collections.abc import Sequence

FIELD, SECTION = 2000, 3000
"""Characters that Slack shows in a field or a context, and in a section."""
_MORE = len("\n_and 1000000 more_")
EARLIER = "({} earlier left out)"
_PEOPLE = re.compile(r"\bslack:([UW][A-Z0-9]+)\b")
_BROKEN = re.compile(r"(&[a-z]*|<[^>]*)$")


def escape(text: str) -> str:
    """Text in which Slack finds no markup of its own, but the people that pressed buttons."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _PEOPLE.sub(r"<@\1>", plain)


def cut(text: str, room: int) -> str:
    """Escaped text of at most so many characters, its end marked where it is cut."""
    return text if len(text) <= room else _BROKEN.sub("", text[: room - 1]) + "…"


def fitting(lines: Sequence[str], room: int) -> str:
    """As many whole lines as fit, and how many more there are; a first one too long is cut."""
    first = [cut(line, room - _MORE) for line in lines[:1]]
    kept = [*first, *lines[1:]]
    while len(kept) > 1 and sum(len(line) + 1 for line in kept) > room - _MORE:
        kept.pop()
    rest = len(lines) - len(kept)
    return "\n".join([*kept, *([f"_and {rest} more_"] if rest else [])])


def newest(lines: Sequence[str], room: int) -> str:
    """As many of the newest whole lines as fit, and how many older there were; no end is lost."""
    *older, last = lines
    kept = [cut(last, room - _MORE - len(EARLIER))]
    while older and sum(map(len, kept)) + len(kept) + len(older[-1]) <= room - len(EARLIER):
        kept.insert(0, older.pop())
    return "\n".join([*([EARLIER.format(len(older))] if older else []), *kept])
