"""The wire is a contract: a renamed field, subject or kind is a red test with a readable diff."""

import json
from datetime import datetime, timedelta, timezone

import jsonschema
import orjson
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from crossfade import events
from crossfade.events import CATALOGUE, asyncapi, subjects
from crossfade.testing.runs import IrisRun

NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
DOTTED = st.lists(NAMES, min_size=1, max_size=4).map(".".join)


@pytest.mark.parametrize("kind", CATALOGUE)
def test_the_body_of_an_event_is_as_recorded(kind, recorded):
    made = json.dumps(asyncapi.schema(CATALOGUE[kind]), indent=2, ensure_ascii=False)
    recorded(f"tests/contract/schemas/{kind}.json", made + "\n")


def test_no_recorded_schema_is_without_its_event(root):
    recorded = {file.stem for file in (root / "tests/contract/schemas").glob("*.json")}
    assert recorded == set(CATALOGUE)


def test_the_asyncapi_page_is_as_the_catalogue_says(recorded):
    made = yaml.safe_dump(asyncapi.document("0.1.0"), sort_keys=False, width=96)
    recorded("docs/reference/asyncapi.yaml", made)


def test_every_reference_of_the_asyncapi_document_leads_somewhere():
    made = asyncapi.document("0.1.0")
    for ref in _refs(made):
        found = made
        for step in ref.removeprefix("#/").split("/"):
            found = found[step]


def _refs(value):
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _refs(item)


EXAMPLES = [
    {
        "kind": "stage-change",
        "uid": "u",
        "revision": 1,
        "iteration": 0,
        "stage": "Running",
        "reason": "StageAdvanced",
        "message": "Advanced to Running",
    },
    {
        "kind": "metric-sample",
        "uid": "u",
        "revision": 1,
        "iteration": 7,
        "of": 15,
        "at": "2026-01-01T00:00:00Z",
        "elapsedSeconds": 70,
        "split": {"iris-v1": 40, "iris-v2": 60},
        "readings": [
            {"version": "iris-v1", "metric": "iter8-seldon/error-rate", "value": 0.004},
            {
                "version": "iris-v2",
                "metric": "iter8-seldon/error-rate",
                "absent": "empty-result",
            },
        ],
    },
    {
        "kind": "assessment",
        "uid": "u",
        "revision": 1,
        "iteration": 7,
        "split": {"iris-v1": 30, "iris-v2": 70},
        "winner": "iris-v2",
        "recommended": "iris-v2",
        "verdict": "continue",
        "final": False,
        "reasons": [{"code": "c", "text": "t"}],
    },
    {
        "kind": "action-outcome",
        "uid": "u",
        "iteration": 15,
        "action": "finish",
        "task": 0,
        "attempt": 1,
        "ok": True,
        "exit": 0,
        "seconds": 1.2,
        "output": "…tail…",
    },
    {
        "kind": "incident",
        "uid": "u",
        "iteration": 7,
        "what": "stale-data",
        "state": "opened",
        "text": "t",
    },
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e["kind"])
def test_what_the_design_shows_is_what_travels(example):
    event = CATALOGUE[example["kind"]]
    body = {key: value for key, value in example.items() if key != "kind"}
    jsonschema.validate(body, asyncapi.schema(event))
    said = event.from_json(body).to_json()
    jsonschema.validate(said, asyncapi.schema(event))
    assert {key: said.get(key) for key in body} == body


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e["kind"])
def test_a_reader_ignores_fields_of_a_later_release(example):
    event = CATALOGUE[example["kind"]]
    body = {key: value for key, value in example.items() if key != "kind"}
    assert event.from_json(body | {"ofTomorrow": 1}) == event.from_json(body)


def test_a_body_is_what_to_json_says():
    said = [event for _, event in IrisRun().events()]
    said += [CATALOGUE[e["kind"]].from_json(e | {"of": 15}) for e in EXAMPLES]
    moved = datetime(2026, 1, 1, 12, 0, 0, 500, timezone(timedelta(hours=2)))
    said += [event.model_copy(update={"at": moved}) for event in said if hasattr(event, "at")]
    said.append(events.Incident(uid="u", what_happened="x", text="é", detail={"none": None}))

    assert {type(event) for event in said} == set(CATALOGUE.values())
    for event in said:
        assert event.body() == orjson.dumps(event.to_json())


def test_every_exported_event_is_in_the_catalogue():
    exported = [getattr(events, name) for name in events.__all__]
    kinds = {e for e in exported if isinstance(e, type) and issubclass(e, events.Event)}
    assert kinds - {events.Event} == set(CATALOGUE.values())


@given(DOTTED, DOTTED)
def test_a_name_with_dots_comes_back_from_its_subject(namespace, name):
    for subject in (
        subjects.event_subject("incident", namespace, name),
        subjects.schedule_subject(namespace, name),
        subjects.tick_subject(namespace, name),
    ):
        assert subject.count(".") == 4 if "event" in subject.split(".") else 3
        assert subjects.experiment_of(subject) == (namespace, name)


@given(DOTTED, DOTTED, DOTTED, DOTTED)
def test_two_experiments_never_share_a_subject(a, b, c, d):
    same = subjects.event_subject("incident", a, b) == subjects.event_subject("incident", c, d)
    assert same == ((a, b) == (c, d))
