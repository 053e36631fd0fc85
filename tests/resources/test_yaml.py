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


BASE = "base: &base {x: 1, y: 2}\nmore: &more {y: 3, z: 4}\n"


@pytest.mark.parametrize(
    ("text", "merged"),
    [
        ("{<<: *base, x: 5}", {"x": 5, "y": 2}),
        ("{x: 5, <<: *base}", {"x": 5, "y": 2}),
        ("{<<: [*base, *more]}", {"x": 1, "y": 2, "z": 4}),
        ("{<<: [*more, *base], z: 9}", {"x": 1, "y": 3, "z": 9}),
        ("{<<: {x: 7, w: 8}, w: 9}", {"x": 7, "w": 9}),
        ("{'<<': 1}", {"<<": 1}),
        ("{=: 1}", {"=": 1}),
    ],
)
def test_a_merge_gives_what_a_mapping_does_not_say_itself(text, merged):
    (document,) = load_documents(f"{BASE}c: {text}")

    assert document["c"] == merged
    assert (document["base"], document["more"]) == ({"x": 1, "y": 2}, {"y": 3, "z": 4})


def test_merges_of_merges_override_on_every_level():
    text = "p: {q: {r: &a {<<: &b {k: 1, l: 1, m: 1}, l: 2, m: 2}}}\nc: {<<: *a, m: 3}\nb: *b\n"
    (document,) = load_documents(text)

    assert document["p"]["q"]["r"] == {"k": 1, "l": 2, "m": 2}
    assert document["c"] == {"k": 1, "l": 2, "m": 3}
    assert document["b"] == {"k": 1, "l": 1, "m": 1}


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("c: {<<: *base, x: 5, x: 6}", "line 3, column 22", "'x' a second time"),
        ("c: {<<: *base, <<: *more}", "line 3, column 16", "'<<' a second time"),
        ("c: &c {<<: *c}", "line 3", "merges itself"),
        ("c: {<<: 5}", "line 3, column 9", "an alias of a mapping"),
        ("c: {<<: [*base, [*more]]}", "line 3, column 17", "an alias of a mapping"),
    ],
)
def test_a_wrong_merge_is_told_with_its_place(text, where, what):
    with pytest.raises(Malformed) as caught:
        load_documents(BASE + text)

    assert where in str(caught.value)
    assert what in str(caught.value)


def test_a_quantity_that_was_merged_keeps_its_spelling():
    objective = "{<<: {upperLimit: 0.10, metric: a}, metric: b}"
    text = f"{EXPERIMENT}spec: {{criteria: {{objectives: [{objective}]}}}}"
    (document,) = load_documents(text)

    assert document["spec"]["criteria"]["objectives"] == [{"upperLimit": "0.10", "metric": "b"}]


def test_merges_that_explode_cost_what_they_give():
    """Written out they would be ten to the thirtieth keys; each is there once."""
    lines = ["a0: &a0 {x: 1}"]
    lines += [
        f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}], k{n}: 1}}" for n in range(1, 31)
    ]
    (document,) = load_documents("\n".join(lines))

    assert document["a30"] == {"x": 1} | {f"k{n}": 1 for n in range(1, 31)}


def test_merges_of_a_large_mapping_without_end_are_refused():
    large = ", ".join(f"k{n}: 1" for n in range(1000))
    lines = [f"base: &base {{{large}}}", *(f"c{n}: {{<<: *base}}" for n in range(600))]

    with pytest.raises(Malformed, match="expand without end"):
        load_documents("\n".join(lines))


def test_a_file_has_a_largest_size():
    with pytest.raises(Malformed, match="at most 4000000"):
        load_documents("#" * 4_000_001)


def test_nesting_without_end_is_refused():
    with pytest.raises(Malformed):
        load_documents("[" * 20_000)


def test_what_is_nested_too_deeply_is_refused_in_words():
    def nested(levels):
        return "deep: " + "{a: " * levels + "1" + "}" * levels

    assert load_documents(nested(100))
    with pytest.raises(Malformed, match="nested too deeply; right would be a hundred levels"):
        load_documents(nested(1000))
