"""Lines shared among processes: a run stays with one of them, answers keep the lines' order."""

from __future__ import annotations

import multiprocessing
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection

import orjson

from crossfade.errors import Missing

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
    """The answers to every batch, by `count` processes that begin with a copy of `answering`.

    Raises Missing where one of them is ended from outside: the memory of its runs is lost.
    """
    crew: list[Connection] = []
    for _ in range(count):
        crew.append(_begun(answering, crew))
    for batch in batches:
        places = [_place(line, count) for line in batch]
        try:
            for i, far in enumerate(crew):
                far.send([x for x, place in zip(batch, places, strict=True) if place == i])
            found = [iter(far.recv()) for far in crew]
        except (EOFError, OSError) as ended:
            raise Missing("a process that shared the work was ended from outside") from ended
        yield [next(found[place]) for place in places]


def _begun(answering: Answering, others: Sequence[Connection]) -> Connection:
    """A process that answers what is sent to it, until this one ends."""
    forking = multiprocessing.get_context("fork")
    near, far = forking.Pipe()
    # A pipe ends when nobody holds its other end: neither the new process nor a dead one may.
    told = (far, answering, (near, *others))
    forking.Process(target=_answer, args=told, daemon=True).start()
    far.close()
    return near


def _answer(asked: Connection, answering: Answering, ends: Sequence[Connection]) -> None:
    for end in ends:
        end.close()
    # The one who asks may end in the middle of an answer: then nobody wants it.
    with suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            asked.send([answering(line) for line in asked.recv()])


def _place(line: bytes, count: int) -> int:
    """Which process a line is for, by its run; what is none anywhere."""
    try:
        return zlib.crc32(str(orjson.loads(line)["uid"]).encode()) % count
    except (ValueError, LookupError, TypeError):
        return 0
