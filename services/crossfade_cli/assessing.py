"""`crossfade assess`: the analyzer as a filter, without a broker."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

import typer

from crossfade.errors import Malformed
from crossfade_cli.failing import lines
from crossfade_cli.options import Files

if TYPE_CHECKING:
    from crossfade.events import MetricSample
    from crossfade.resources import Document
    from crossfade_analyzer.policies.port import Policy

MALFORMED = 2


def assess(filename: Files) -> None:
    """Assess metric samples from standard input, one JSON line each, as the analyzer would.

    Runs are told apart by `uid`. Exactly one assessment is written for each sample, in order. The
    first line that is no sample ends it with exit code 2; what came before has been written.

    Example: crossfade assess -f experiment.yaml -f metrics.yaml < samples.jsonl
    """
    from crossfade.resources import admit, gather
    from crossfade.settings import load
    from crossfade_analyzer.policies.choice import policies
    from crossfade_cli.files import documents

    body, _ = gather(documents(filename))
    chosen = policies(load().analyzer)
    raise typer.Exit(filtered(admit(body), chosen, sys.stdin.buffer, sys.stdout.buffer))


def filtered(
    document: Document,
    policies: Mapping[str, Policy],
    samples: Iterable[bytes],
    out: BinaryIO,
) -> int:
    """Write the assessment of each sample; the exit code."""
    from crossfade.events import MetricSample
    from crossfade_analyzer.service import assess as judged

    memories: dict[str, Mapping[str, Any]] = {}
    for number, line in enumerate(samples, 1):
        if not line.strip():
            continue
        try:
            sample = MetricSample.from_json(line)
        except Malformed as error:
            for told in lines(error):
                typer.echo(f"line {number}: {told}", err=True)
            return MALFORMED
        sample = in_full(document, sample)
        memory = memories.get(sample.uid, {})
        assessment, memories[sample.uid] = judged(policies, document, memory, sample)
        out.write(assessment.body() + b"\n")
        out.flush()
    return 0


def in_full(document: Document, sample: MetricSample) -> MetricSample:
    """The sample with metrics as `namespace/name`; by hand they may be written as in criteria."""
    if all("/" in reading.metric for reading in sample.readings):
        return sample
    named = [r.model_copy(update={"metric": document.key(r.metric)}) for r in sample.readings]
    return sample.model_copy(update={"readings": tuple(named)})
