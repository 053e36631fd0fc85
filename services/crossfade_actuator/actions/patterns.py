"""`matches`: regular expressions whose cost is bounded, so that no document holds up the others.

Upstream's engine takes time in the length of the text, whatever the pattern; Python's goes back and
tries again. So what could make it do so for long is refused, with what would be right.
"""

from __future__ import annotations

import re

from crossfade_actuator.actions.port import TaskFailed

MOST_REPEATED = 3
LONGEST_TEXT = 300
_PLAIN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
"""An escape, or a class of characters: one character each, whatever stands in them."""


def matches(text: str, pattern: str) -> bool:
    """Whether a pattern is found in a text. Raises TaskFailed for one that may take for ever."""
    compiled = bounded(pattern)
    if len(text) > LONGEST_TEXT:
        told = f"found a text of {len(text)} characters, right are at most {LONGEST_TEXT}"
        raise TaskFailed(f"if: matches {pattern!r}: {told}")
    return compiled.search(text) is not None


def bounded(pattern: str) -> re.Pattern[str]:
    """A pattern made ready. Raises TaskFailed for one that is none, or may take for ever."""
    plain = _PLAIN.sub("x", pattern)
    if re.search(r"\)\s*[*+{]", plain) or len(re.findall(r"[*+{]", plain)) > MOST_REPEATED:
        right = f"right is no repeated group, and at most {MOST_REPEATED} of * + {{}}"
        raise TaskFailed(f"if: {pattern!r} might be tried for ever; {right}")
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise TaskFailed(f"if: {pattern!r} is no regular expression: {error}") from error
