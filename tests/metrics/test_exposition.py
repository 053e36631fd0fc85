"""The text exposition format, held to the official Python client's own reader."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from crossfade.errors import Malformed
from crossfade_lab.metrics.exposition import labels_of, lines


def ours(text):
    return [(labels_of(line.metric), line.value) for line in lines(text)]


def theirs(text):
    return [
        ({"__name__": s.name} | {n: v for n, v in s.labels.items() if v}, s.value)
        for family in text_string_to_metric_families(text)
        for s in family.samples
    ]


@given(
    st.lists(
        st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=12), max_size=4
    ),
    st.floats(allow_nan=False),
)
def test_any_label_value_and_number_is_read_as_the_official_reader_does(values, number):
    registry = CollectorRegistry()
    counter = Counter("asked", "How often.", ["who"], registry=registry)
    for value in values:
        counter.labels(value).inc(abs(number))
    text = generate_latest(registry).decode()
    assert ours(text) == theirs(text)


def test_a_histogram_is_read_whole():
    registry = CollectorRegistry()
    histogram = Histogram("took", "Seconds.", ["code"], buckets=(0.1, 1), registry=registry)
    histogram.labels("200").observe(0.5)
    text = generate_latest(registry).decode()
    assert ours(text) == theirs(text)
    assert ({"__name__": "took_bucket", "code": "200", "le": "+Inf"}, 1.0) in ours(text)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a 1", ({"__name__": "a"}, 1.0)),
        ('a{x="1"}2', ({"__name__": "a", "x": "1"}, 2.0)),
        ("a{} 1 ", ({"__name__": "a"}, 1.0)),
        ('a{x="1",} -2e3', ({"__name__": "a", "x": "1"}, -2000.0)),
        (
            'a { x = "}" , y="a \\"b\\" {" } +Inf',
            ({"__name__": "a", "x": "}", "y": 'a "b" {'}, math.inf),
        ),
        ('a{x=""}\t3 1700000000000', ({"__name__": "a"}, 3.0)),
        (r'a{x="\\n\n"} 0', ({"__name__": "a", "x": "\\n\n"}, 0.0)),
    ],
)
def test_a_line_is_read(line, expected):
    assert ours(line) == [expected]


def test_a_line_may_name_its_own_time():
    [line] = lines("a 1 1700000000123")
    assert line.at_ms == 1700000000123


@pytest.mark.parametrize(
    "line", ["a", "a{", 'a{x="1} 2', "a b", "a 1_000", "{} 1", "a 1 2 3", "9a 1"]
)
def test_a_bad_line_is_named_by_number(line):
    with pytest.raises(Malformed, match="line 3"):
        list(lines(f"# HELP a\na 1\n{line}\n"))


def test_labels_that_do_not_parse_are_quoted():
    with pytest.raises(Malformed, match="labels: found"):
        labels_of('a{x="1" y="2"}')
