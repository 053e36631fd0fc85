"""Lint: what documents get wrong without being invalid, each with its reason and its mend.

A rule is a small function from a Document to findings; it knows the seed's own mistakes by the
quirk register of v2alpha2 (Q14, Q23 to Q26) and the traps of the decision engine (§7). What needs
to know how claims are proved is a rule of the analyzer's (`crossfade_analyzer.provability`).

The cost grows with the document's length and with nothing else: texts are searched without going
back, and no rule looks at every query for every criterion.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

from crossfade.linting.addressing import (
    paths_by_index,
    placeholders_never_filled,
    same_for_every_version,
    secrets_in_the_open,
    weights_that_stay,
)
from crossfade.linting.counting import (
    absence_as_zero,
    counts_as_rewards,
    grpc_successes_as_errors,
    sums_for_counts,
)
from crossfade.linting.findings import Finding, Level
from crossfade.linting.measuring import (
    buckets_at_limits,
    budgets,
    limits_that_exclude_each_other,
    limits_that_never_bind,
    short_windows,
    units_against_series,
    windows_not_said,
)
from crossfade.linting.sizing import missing_sample_sizes
from crossfade.resources import Document

__all__ = ["RULES", "Finding", "Level", "Rule", "lint"]

log = logging.getLogger(__name__)

Rule = Callable[[Document], Iterable[Finding]]

RULES: tuple[Rule, ...] = (
    sums_for_counts,
    units_against_series,
    limits_that_never_bind,
    limits_that_exclude_each_other,
    grpc_successes_as_errors,
    secrets_in_the_open,
    placeholders_never_filled,
    same_for_every_version,
    windows_not_said,
    counts_as_rewards,
    absence_as_zero,
    missing_sample_sizes,
    budgets,
    short_windows,
    buckets_at_limits,
    paths_by_index,
    weights_that_stay,
)
_ORDER = {"error": 0, "warning": 1, "info": 2}


def lint(document: Document, rules: Iterable[Rule] = RULES) -> list[Finding]:
    """Every finding, errors first, each once; a rule that fails is a finding itself."""
    found = dict.fromkeys(finding for rule in rules for finding in _by(rule, document))
    return sorted(found, key=lambda finding: _ORDER[finding.level])


def _by(rule: Rule, document: Document) -> Iterator[Finding]:
    """What one rule finds. Its mistake is told and logged, and costs nobody an experiment."""
    try:
        yield from rule(document)
    except Exception as fault:  # whatever it is: a lint is advice, and advice refuses nothing
        name = getattr(rule, "__name__", str(rule))
        log.exception("lint failed", extra={"rule": name, "experiment": document.name})
        yield Finding(
            "lint-failed",
            "warning",
            "spec",
            f"the rule {name} failed here: {type(fault).__name__}: {fault}",
            "report it with this document; nothing else depends on it",
        )
