"""No expression that somebody writes into a Metric stops the collector."""

import asyncio
import re
import time
from pathlib import Path

import pytest

from crossfade_collector.sources.bounds import is_quick
from crossfade_collector.sources.expressions import number_in
from crossfade_collector.sources.port import NoValue

ROOT = Path(__file__).parents[2]


def written_in_documents():
    pages = [*ROOT.glob("docs/how-to/providers/*.md"), *ROOT.glob("deploy/examples/**/*.yaml")]
    found = {
        e
        for p in pages
        for e in re.findall(r"^ *jqExpression: (.*)$", p.read_text(), re.MULTILINE)
    }
    return sorted(e.strip('"') for e in found)


def test_there_are_expressions_to_look_at():
    assert len(written_in_documents()) >= 7


@pytest.mark.parametrize("expression", written_in_documents())
def test_what_our_documents_write_is_quick(expression):
    assert is_quick(expression, 10_000)


@pytest.mark.parametrize(
    "expression",
    [
        ".data.result[0].value[1] | tonumber * 1000",
        '.["a-b"].c',
        '.results[] | select(.name == "x, y * z") | .v',
        'if .a then error("no \\(.a) here") else .b end',
    ],
)
def test_ordinary_work_is_quick(expression):
    assert is_quick(expression, 10_000)


@pytest.mark.parametrize(
    "expression",
    [
        "def f: f; f",
        "[range(1e12)] | length",
        "repeat(1)",
        "last(recurse(1))",
        '"x" * 1000000000 | length',
        '"x" * 1000000 * 1000000 | length',
        ".[1000000000] = 0 | length",
        '[.[1000000000]] | .[0] |= 1 | "\\(repeat(1))"',
        '"\\(def f: f; f)"',
        "[.a[] + .a[] + .a[]] | add",
        "[" + "+".join(["(1,1,1,1)"] * 40) + "] | add",
        "reduce .a[] as $x (0; . + $x)",
        '"aaaa" | test("(a+)+$")',
        "[..] | length",
        "input",
        '1 # "\nrepeat(1) # "',
        '"\\(")" | repeat(1))"',
        ".a as $x | $x",
    ],
)
def test_what_may_run_long_is_confined(expression):
    assert not is_quick(expression, 10_000)


@pytest.mark.parametrize(
    ("expression", "value"),
    [("reduce .a[] as $x (0; . + $x)", 6.0), ("[..|numbers] | length", 3.0)],
)
async def test_a_confined_expression_gives_its_number(expression, value):
    assert await number_in('{"a": [1, 2, 3]}', expression) == value


@pytest.mark.parametrize(
    ("expression", "absent"),
    [
        ("reduce .b as $x (null; .) | tonumber", "empty-result"),
        ("def f: nan; f", "not-a-number"),
        ("def f: infinite; f", "infinite"),
        ("def f: error(\"it broke\"); f", "jq-error"),
        ("input", "jq-error"),
        ("def f: $ENV | tojson | error; f", "jq-error"),
        ("[range(1e9)] | length", "jq-error"),
    ],
)  # fmt: skip
async def test_a_confined_expression_fails_with_its_reason(expression, absent):
    with pytest.raises(NoValue) as met:
        await number_in("{}", expression)

    assert met.value.absence == absent


async def test_a_loop_without_end_holds_nobody_up():
    endless = asyncio.ensure_future(number_in("{}", "def f: f; f"))
    longest, before = 0.0, time.monotonic()
    while not endless.done():
        await asyncio.sleep(0.01)
        longest, before = max(longest, time.monotonic() - before), time.monotonic()

    with pytest.raises(NoValue, match="takes more than"):
        await endless
    assert longest < 1.0
