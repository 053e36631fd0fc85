"""`crossfade assess`: the analyzer as a filter, without a broker."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import typer

from crossfade.errors import FieldError, Malformed
from crossfade_cli.failing import lines
from crossfade_cli.options import Files

if TYPE_CHECKING:
    from crossfade.events import MetricSample
    from crossfade.resources import Document
    from crossfade_analyzer.policies.port import Policy

MALFORMED = 2


def assess(
    filename: Files,
    policy: Annotated[
        str | None,
        typer.Option(
            "--policy", help="Judge by this policy, iter8 or assured, whatever they say."
        ),
    ] = None,
) -> None:
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
    installed = load().analyzer
    if policy is not None:  # then an installation's own default has no say
        installed = installed.model_copy(update={"default_policy": "iter8"})
    chosen = alone(policies(installed), policy)
    raise typer.Exit(filtered(admit(body), chosen, sys.stdin.buffer, sys.stdout.buffer))


def alone(known: Mapping[str, Policy], name: str | None) -> Mapping[str, Policy]:
    """The policies, or the one of that name under every name. Raises Malformed."""
    if name is None:
        return known
    if name not in known:
        right = f"found {name}; right is {' or '.join(known)}"
        raise Malformed([FieldError("--policy", right)])
    return dict.fromkeys(known, known[name])


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
