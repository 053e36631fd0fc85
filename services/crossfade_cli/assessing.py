"""`crossfade assess`: the analyzer as a filter, without a broker."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BufferedIOBase
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, cast

import typer

from crossfade.errors import FieldError, Malformed
from crossfade_cli.failing import lines
from crossfade_cli.options import Files

if TYPE_CHECKING:
    from crossfade.events import MetricSample
    from crossfade.resources import Document
    from crossfade_analyzer.policies.port import Policy
    from crossfade_cli.sharing import Answer

MALFORMED = 2
CHUNK = 1 << 20
"""Bytes that are read at once, where they are there."""
MANY = 200
"""Lines at once that are worth a second process, which takes a hundredth of a second."""


def assess(
    filename: Files,
    policy: Annotated[
        str | None,
        typer.Option(
            "--policy", help="Judge by this policy, iter8 or assured, whatever they say."
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            min=1, help="Processes that share what comes at once; absent, all processors."
        ),
    ] = None,
) -> None:
    """Assess metric samples from standard input, one JSON line each, as the analyzer would.

    Runs are told apart by `uid`. Exactly one assessment is written for each sample, in order; a
    trial reading (iteration 0) is none. The first line that is no sample of the documents' run
    ends it with exit code 2; what came before has been written.

    Example: crossfade assess -f experiment.yaml -f metrics.yaml < samples.jsonl
    """
    from crossfade.resources import admit, gather
    from crossfade.settings import load
    from crossfade_analyzer.policies.choice import policies
    from crossfade_cli.files import documents
    from crossfade_cli.sharing import processors

    body, _ = gather(documents(filename))
    installed = load().analyzer
    if policy is not None:  # then an installation's own default has no say
        installed = installed.model_copy(update={"default_policy": "iter8"})
    chosen, out = alone(policies(installed), policy), sys.stdout.buffer
    read = as_they_come(cast(BufferedIOBase, sys.stdin.buffer))
    raise typer.Exit(filtered(admit(body), chosen, read, out, jobs or processors()))


def alone(known: Mapping[str, Policy], name: str | None) -> Mapping[str, Policy]:
    """The policies, or the one of that name under every name. Raises Malformed."""
    if name is None:
        return known
    if name not in known:
        right = f"found {name}; right is {' or '.join(known)}"
        raise Malformed([FieldError("--policy", right)])
    return dict.fromkeys(known, known[name])


def as_they_come(source: BufferedIOBase) -> Iterator[list[bytes]]:
    """The lines of a stream, as many at once as are there."""
    rest = b""
    while chunk := source.read1(CHUNK):
        *whole, rest = (rest + chunk).split(b"\n")
        yield whole
    yield [rest]


def filtered(
    document: Document,
    policies: Mapping[str, Policy],
    samples: Iterable[Sequence[bytes]],
    out: BinaryIO,
    jobs: int = 1,
) -> int:
    """Write the assessment of each sample, whatever comes at once at once; the exit code.

    Where much comes at once, `jobs` processes share it: a run is always with the same one.
    """
    answering, batches = Assessor(document, policies), iter(samples)
    answers: Iterable[Iterable[Answer]]
    first = next(batches, [])
    if len(first) < MANY or jobs < 2:
        answers = (map(answering, batch) for batch in chain([first], batches))
    else:
        from crossfade_cli.sharing import shared

        answers = shared(chain([first], batches), answering, jobs)
    return _written(answers, out)


def _written(answers: Iterable[Iterable[Answer]], out: BinaryIO) -> int:
    """Write answers up to the first line that is none; the exit code."""
    number, found = 0, False
    for batch in answers:
        for answer in batch:
            number += 1
            if isinstance(answer, list):
                typer.echo("\n".join(f"line {number}: {told}" for told in answer), err=True)
                return MALFORMED
            found |= out.write(answer) > 0
        out.flush()
    if found:
        return 0
    right = "right would be one JSON object a line"
    typer.echo(f"standard input: found no sample; {right}", err=True)
    return MALFORMED


@dataclass(slots=True)
class Assessor:
    """Answers lines with assessments; remembers every run's latest iteration and memory."""

    document: Document
    policies: Mapping[str, Policy]
    runs: dict[str, tuple[int, Mapping[str, Any]]] = field(default_factory=dict)

    def __call__(self, line: bytes) -> Answer:
        """The assessment of a line's sample; nothing for none; what is wrong with it."""
        from crossfade_analyzer.service import assess as judged

        if not line.strip():
            return b""
        try:
            sample = self.understood(line)
        except Malformed as error:
            return lines(error)
        if sample.iteration == 0:  # the trial reading tells whether, not what
            return b""
        _, memory = self.runs.get(sample.uid, (0, {}))
        assessment, memory = judged(self.policies, self.document, memory, sample)
        self.runs[sample.uid] = (sample.iteration, memory)
        return assessment.body() + b"\n"

    def understood(self, line: bytes) -> MetricSample:
        """The sample of a line. Raises Malformed with every mistake by field."""
        from crossfade.events import MetricSample
        from crossfade_cli.by_hand import in_full, mistakes

        sample = in_full(self.document, MetricSample.from_json(line))
        latest, _ = self.runs.get(sample.uid, (0, None))
        if found := mistakes(self.document, sample, latest):
            raise Malformed(found)
        return sample
