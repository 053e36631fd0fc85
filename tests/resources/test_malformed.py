"""Documents broken at random by the schema's own rules: each error names the field that broke."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from crossfade.errors import Malformed
from crossfade.resources import admit
from crossfade.resources.crds import experiment_crd, metric_crd
from crossfade.resources.yaml import load_documents

EXPERIMENT, *METRICS = load_documents(Path(__file__).with_name("right.yaml").read_text())
WHOLE: dict[str, Any] = {"experiment": EXPERIMENT, "metrics": METRICS}
WHOLE["experiment"]["spec"]["decision"] = {
    "policy": "assured",
    "alpha": 0.05,
    "rollbackAlpha": 0.05,
    "futility": 0.02,
    "soak": 2,
    "earlyStop": True,
    "onNoData": {"action": "rollback", "after": 3},
    "gates": ["start", "promote"],
    "deadlines": {"initializing": 60, "actions": 300, "converging": 60, "approval": 3600},
}
WHOLE["experiment"]["spec"]["criteria"]["objectives"][0] |= {
    "minSamples": 100,
    "burden": "prove",
    "margin": "5m",
    "relativeTo": "baseline",
}
WHOLE["experiment"]["spec"]["criteria"]["rewards"][0]["minEffect"] = "-0.01"
WHOLE["metrics"][0]["spec"] |= {
    "units": "requests",
    "provider": "prometheus",
    "params": [{"name": "query", "value": "x"}],
    "headerTemplates": [{"name": "a", "value": "b"}],
    "urlTemplate": "http://x",
    "method": "POST",
    "body": "{}",
    "authType": "Basic",
    "secret": "ns/secret",
    "distribution": "bernoulli",
    "exposure": "requests",
    "numerator": "seen",
    "denominator": "seen",
    "histogram": "seen",
    "sumOfSquares": "seen",
    "upperBound": "5",
    "window": "cumulative",
    "tls": {"insecureSkipVerify": True, "caSecret": "ca"},
    "maxAge": 30,
    "timestampExpression": ".at",
}


def schema_of(crd):
    return crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]


def places(value, schema, at):
    """Every field that the document has, with its schema and whether it may be left out."""
    for key, held in value.items() if isinstance(value, dict) else ():
        inner = schema.get("properties", {}).get(key) or schema.get("additionalProperties")
        if inner and "x-kubernetes-preserve-unknown-fields" not in inner:
            yield (*at, key), inner, key in schema.get("required", ())
            yield from places(held, inner, (*at, key))
    for index, held in enumerate(value) if isinstance(value, list) else ():
        yield (*at, index), schema["items"], False
        yield from places(held, schema["items"], (*at, index))


PLACES = [
    *places(WHOLE["experiment"]["spec"], schema_of(experiment_crd()), ("experiment", "spec")),
    *places(WHOLE["metrics"][0]["spec"], schema_of(metric_crd()), ("metrics", 0, "spec")),
    *places(WHOLE["metrics"][3]["spec"], schema_of(metric_crd()), ("metrics", 3, "spec")),
]
GONE = object()
JUNK = {
    "string": st.one_of(
        st.integers(), st.booleans(), st.just([]), st.just({"a": 1}), st.just(1.5)
    ),
    "integer": st.one_of(
        st.text(), st.booleans(), st.just(1.5), st.just([]), st.just({}), st.just(2**40)
    ),
    "number": st.one_of(st.text(alphabet="abc"), st.just([]), st.just({}), st.just(7)),
    "boolean": st.one_of(st.text(), st.integers(), st.just([]), st.just({})),
    "array": st.one_of(st.text(), st.integers(), st.just({"a": 1}), st.booleans()),
    "object": st.one_of(st.text(), st.integers(), st.just([1]), st.booleans()),
    "quantity": st.one_of(
        st.just("5 %"), st.just("1K"), st.booleans(), st.just([]), st.just({})
    ),
}


def wrong(schema, required, element):
    """Values that this schema refuses; null and absence too, where they are wrong."""
    if "x-kubernetes-int-or-string" in schema:
        junk = JUNK["quantity"]
    elif "enum" in schema:
        junk = st.text().filter(lambda text: text not in schema["enum"])
    else:
        junk = JUNK[schema["type"]]
    bounds = [st.just(schema["minimum"] - 1)] if schema.get("minimum") else []
    nothing = [st.none()] if required or element else []
    return st.one_of(junk, *nothing, *bounds, *([st.just(GONE)] if required else []))


@st.composite
def mistakes(draw):
    place, schema, required = draw(st.sampled_from(PLACES))
    return place, draw(wrong(schema, required, isinstance(place[-1], int)))


def told(place):
    """The place in the notation of errors, which leaves out `experiment.`."""
    steps = place[1:] if place[0] == "experiment" else place
    return re.sub(r"\.(\d+)", r"[\1]", ".".join(map(str, steps)))


def broken(*placed):
    body = copy.deepcopy(WHOLE)
    for place, value in placed:
        holder: Any = body
        for step in place[:-1]:
            holder = holder[step]
        if value is GONE:
            del holder[place[-1]]
        else:
            holder[place[-1]] = value
    return body


def refusals(body):
    """The mistakes; nothing if it was admitted."""
    try:
        admit(body)
    except Malformed as refused:
        return refused.errors
    return None


def errors_of(body):
    with pytest.raises(Malformed) as caught:
        admit(body)
    return caught.value.errors


def test_the_document_that_is_broken_below_is_right():
    assert admit(WHOLE).warnings == ()


@settings(max_examples=400, deadline=None)
@given(mistakes())
def test_a_document_broken_in_one_place_gets_an_error_that_names_it(mistake):
    place, value = mistake
    errors = errors_of(broken(mistake))

    assert any(error.field.startswith(told(place)) for error in errors), (place, value, errors)
    assert all(
        re.search(r"right would be|is missing|is not a", e.message)
        or e.message.startswith("Unable to find metric")
        for e in errors
    )


@settings(max_examples=200, deadline=None)
@given(st.lists(mistakes(), min_size=2, max_size=4))
def test_a_document_broken_in_several_places_gets_them_all_told(several):
    fields = [told(place) for place, _ in several]
    assume(
        not any(
            a.startswith(b)
            for i, a in enumerate(fields)
            for j, b in enumerate(fields)
            if i != j
        )
    )
    found = [error.field for error in errors_of(broken(*several))]

    assert all(any(f.startswith(field) for f in found) for field in fields), (several, found)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([p for p, _, _ in PLACES]), JSON)
def test_whatever_stands_in_a_place_it_is_admitted_or_refused_in_words(place, value):
    assert refusals(broken((place, value))) != ()


@given(JSON)
def test_whatever_is_sent_is_refused_in_words(body):
    assert errors_of(body)


def test_nesting_has_an_end():
    deep: list[Any] = []
    for _ in range(5000):
        deep = [deep]

    assert (
        "nested too deeply"
        in errors_of({"experiment": {"spec": {"strength": deep}}})[0].message
    )


def test_text_that_is_no_unicode_is_refused():
    assert (
        "no Unicode" in errors_of({"experiment": {"metadata": {"name": "\ud800"}}})[0].message
    )
