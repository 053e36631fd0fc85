"""Lines shared among processes: a run stays with one of them, answers keep the lines' order."""

from __future__ import annotations

import multiprocessing
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from multiprocessing.connection import Connection

import orjson

Answer = bytes | list[str]
"""What is written for a line, or what is wrong with it."""
Answering = Callable[[bytes], Answer]


def processors() -> int:
    """How many processes can work at once; 1 where a process cannot be forked."""
    if "fork" not in multiprocessing.get_all_start_methods():
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def shared(
    batches: Iterable[Sequence[bytes]], answering: Answering, count: int
) -> Iterator[list[Answer]]:
    """The answers to every batch, by `count` processes that begin with a copy of `answering`."""
    crew = [_begun(answering) for _ in range(count)]
    for batch in batches:
        places = [_place(line, count) for line in batch]
        for i, far in enumerate(crew):
            far.send([line for line, place in zip(batch, places, strict=True) if place == i])
        found = [iter(far.recv()) for far in crew]
        yield [next(found[place]) for place in places]


def _begun(answering: Answering) -> Connection:
    """A process that answers what is sent to it, until this one ends."""
    forking = multiprocessing.get_context("fork")
    near, far = forking.Pipe()
    forking.Process(target=_answer, args=(far, answering), daemon=True).start()
    far.close()  # so that a process that died is the end of what can be read
    return near


def _answer(asked: Connection, answering: Answering) -> None:
    while True:
        asked.send([answering(line) for line in asked.recv()])


def _place(line: bytes, count: int) -> int:
    """Which process a line is for, by its run; what is none anywhere."""
    try:
        return zlib.crc32(str(orjson.loads(line)["uid"]).encode()) % count
    except (ValueError, LookupError, TypeError):
        return 0
