"""Lint: what documents get wrong without being invalid, each with its reason and its mend.

A rule is a small function from a Document to findings; it knows the seed's own mistakes by the
quirk register of v2alpha2 (Q14, Q23 to Q26) and the traps of the decision engine (§7).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from crossfade.resources import Document
from crossfade_analyzer.linting.addressing import (
    paths_by_index,
    placeholders_never_filled,
    same_for_every_version,
    secrets_in_the_open,
)
from crossfade_analyzer.linting.counting import (
    absence_as_zero,
    counts_as_rewards,
    grpc_successes_as_errors,
    sums_for_counts,
)
from crossfade_analyzer.linting.findings import Finding, Level
from crossfade_analyzer.linting.measuring import (
    buckets_at_limits,
    budgets,
    limits_that_never_bind,
    short_windows,
    units_against_series,
    windows_not_said,
)
from crossfade_analyzer.linting.proving import missing_sample_sizes, unprovable

__all__ = ["RULES", "Finding", "Level", "lint"]

Rule = Callable[[Document], Iterator[Finding]]

RULES: tuple[Rule, ...] = (
    sums_for_counts,
    units_against_series,
    limits_that_never_bind,
    grpc_successes_as_errors,
    secrets_in_the_open,
    placeholders_never_filled,
    same_for_every_version,
    windows_not_said,
    counts_as_rewards,
    absence_as_zero,
    missing_sample_sizes,
    budgets,
    unprovable,
    short_windows,
    buckets_at_limits,
    paths_by_index,
)
_ORDER = {"error": 0, "warning": 1, "info": 2}


def lint(document: Document) -> list[Finding]:
    """Every finding, errors first, each once."""
    found = dict.fromkeys(finding for rule in RULES for finding in rule(document))
    return sorted(found, key=lambda finding: _ORDER[finding.level])
