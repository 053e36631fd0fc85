"""YAML as a careful author means it."""

import pytest

from crossfade.errors import Malformed
from crossfade.resources.yaml import load_documents

EXPERIMENT = "apiVersion: iter8.tools/v2alpha2\nkind: Experiment\n"


def test_several_documents_are_read_and_empty_ones_left_out():
    assert load_documents("---\na: 1\n---\n---\nb: 2\n---\n# nothing\n") == [{"a": 1}, {"b": 2}]


def test_json_is_yaml():
    assert load_documents('{"a": [1, "x", null, true]}') == [{"a": [1, "x", None, True]}]


def test_lists_are_opened():
    assert load_documents("kind: List\nitems:\n- {kind: A}\n- {kind: B}\n") == [
        {"kind": "A"},
        {"kind": "B"},
    ]


@pytest.mark.parametrize("spelling", ["0.010", "0.1", "1.", "-0.5", "1.0e+3"])
def test_a_quantity_keeps_its_spelling(spelling):
    text = f"{EXPERIMENT}spec: {{criteria: {{objectives: [{{upperLimit: {spelling}}}]}}}}"

    (document,) = load_documents(text)
    assert document["spec"]["criteria"]["objectives"][0]["upperLimit"] == spelling


def test_other_floats_stay_plain_floats():
    (ours,) = load_documents(f"{EXPERIMENT}spec: {{decision: {{alpha: 0.05}}}}")
    (other,) = load_documents("kind: Gauge\nlevel: 0.10")

    assert type(ours["spec"]["decision"]["alpha"]) is float
    assert (type(other["level"]), other["level"]) == (float, 0.1)


def test_a_date_stays_text():
    assert load_documents("a: 2021-06-22\nb: 2021-06-22T15:20:18Z") == [
        {"a": "2021-06-22", "b": "2021-06-22T15:20:18Z"}
    ]


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2\n", "line 4, column 3", "'c' a second time"),
        ("a: [1, 2\n", "line 2, column 1", "expected"),
        ("a: 1\n b: 2\n", "line 2, column 3", "mapping values"),
        ("a: &x 1\nb: *y\n", "line 2, column 4", "undefined alias"),
        ("a: !!python/object/apply:os.system [ls]\n", "line 1, column 4", "the tag"),
        ("a: \t- 1\n", "line 1", ""),
        ("{a: 1}: b\n", "line 1, column 1", "key"),
        ("a: \x00\n", "", "unacceptable"),
    ],
)
def test_a_mistake_is_told_with_its_place(text, where, what):
    with pytest.raises(Malformed) as caught:
        load_documents(text)

    assert where in str(caught.value)
    assert what in str(caught.value)


@pytest.mark.parametrize("text", ["just words", "- a\n- b\n", "5"])
def test_what_is_no_resource_is_refused(text):
    with pytest.raises(Malformed, match="right would be a mapping with apiVersion"):
        load_documents(text)


def test_aliases_that_explode_are_refused():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]

    with pytest.raises(Malformed, match="expand without end"):
        load_documents("\n".join(lines))


def test_an_alias_inside_itself_is_refused():
    with pytest.raises(Malformed, match="expand without end"):
        load_documents("a: &a [*a]")


def test_ordinary_aliases_are_welcome():
    assert load_documents("a: &a {x: 1}\nb: *a\nc: {<<: *a, y: 2}") == [
        {"a": {"x": 1}, "b": {"x": 1}, "c": {"x": 1, "y": 2}}
    ]


def test_a_file_has_a_largest_size():
    with pytest.raises(Malformed, match="at most 4000000"):
        load_documents("#" * 4_000_001)


def test_nesting_without_end_is_refused():
    with pytest.raises(Malformed):
        load_documents("[" * 20_000)
