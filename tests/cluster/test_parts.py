"""The emulator's parts by themselves, where the recording has nothing to say."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossfade_lab.cluster import CRDS, ApiServer, Status
from crossfade_lab.cluster.documents import APPLY, JSON_PATCH, MERGE_PATCH, STRATEGIC, read
from crossfade_lab.cluster.fieldsets import decoded, difference, encoded, leaves
from crossfade_lab.cluster.kinds import Kind
from crossfade_lab.cluster.ownership import Owner, applied
from crossfade_lab.cluster.patches import json_patched, merge_patched, strategic_merged
from crossfade_lab.cluster.schemas import defaulted, pruned, undeclared
from crossfade_lab.cluster.selectors import selector
from crossfade_lab.cluster.storage import Store
from crossfade_lab.cluster.tables import table
from crossfade_lab.ports import lowest_given

PLACE, KEY = ("lab", "things"), ("default", "one")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(min_size=1, max_size=3), VALUES, max_size=4)
KEYED = {
    "properties": {
        "parts": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {"properties": {"name": {}, "weight": {}}},
        }
    }
}


def a_thing(**spec):
    return {"metadata": {"name": "one", "namespace": "default"}, "spec": spec}


# Patches


def test_a_pointer_may_hold_slashes_and_tildes():
    document = {"a/b": {"c~d": 1}}

    patched = json_patched(document, [{"op": "add", "path": "/a~1b/c~0d", "value": 2}])

    assert patched == {"a/b": {"c~d": 2}}
    assert document == {"a/b": {"c~d": 1}}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "add", "path": "/list/-1", "value": 0},
        {"op": "add", "path": "/list/4", "value": 0},
        {"op": "add", "path": "/list/x", "value": 0},
        {"op": "add", "path": "list", "value": 0},
        {"op": "add", "path": "/list/0"},
        {"op": "remove", "path": "/list/-"},
        {"op": "test", "path": "/number/deeper", "value": None},
        {"op": "copy", "from": "/nothing", "path": "/list/0"},
        {"op": "frobnicate", "path": "/list"},
        {"path": "/list"},
    ],
)
def test_a_patch_that_makes_no_sense_is_refused(operation):
    with pytest.raises(Status) as refused:
        json_patched({"list": [1, 2, 3], "number": 1}, [operation])

    assert refused.value.code == 422


@given(OBJECTS, OBJECTS)
def test_a_merge_patch_made_of_an_object_without_nulls_is_then_part_of_it(document, patch):
    patched = merge_patched(document, patch)

    for key, value in patch.items():
        assert (key in patched) == (value is not None)
        if not isinstance(value, dict) and value is not None:
            assert patched[key] == value
    assert {k: v for k, v in patched.items() if k not in patch} == {
        k: v for k, v in document.items() if k not in patch
    }


def test_a_strategic_merge_follows_keys_and_directives():
    document = {"parts": [{"name": "a", "weight": 1}, {"name": "b", "weight": 2}], "list": [1]}
    patch = {
        "parts": [{"name": "b", "weight": 9}, {"name": "a", "$patch": "delete"}, {"name": "c"}],
        "list": [2],
        "$setElementOrder/parts": [{"name": "b"}, {"name": "c"}],
    }

    merged = strategic_merged(document, patch, KEYED)

    assert merged == {"parts": [{"name": "b", "weight": 9}, {"name": "c"}], "list": [2]}


# Owners


def test_keyed_elements_have_owners_of_their_own():
    owners: list[Owner] = []
    live: dict[str, Any] = {}
    for manager, part in (("one", "a"), ("two", "b")):
        wanted = a_thing() | {"parts": [{"name": part, "weight": 1}]}
        writer = Owner(manager, "Apply", "lab/v1", "", frozenset())
        live, owners = applied(owners, live, wanted, KEYED, writer, force=False)

    assert [part["name"] for part in live["parts"]] == ["a", "b"]
    clash = a_thing() | {"parts": [{"name": "a", "weight": 2}]}
    with pytest.raises(Status) as refused:
        applied(
            owners,
            live,
            clash,
            KEYED,
            Owner("two", "Apply", "lab/v1", "", frozenset()),
            force=False,
        )
    details = refused.value.details or {}
    assert details["causes"][0]["field"] == '.parts[name="a"].weight'


@given(OBJECTS)
def test_field_sets_survive_being_written_and_read(item):
    fields = {path for path in leaves(item, {}) if path}

    assert set(decoded(encoded(fields))) == fields


@given(OBJECTS, OBJECTS)
def test_a_difference_is_nothing_exactly_between_equals(old, new):
    found = difference(old, new, {})
    nothing = not (found.written or found.removed)

    assert nothing == (old == new)


# Schemas


def test_pruning_and_defaults_reach_into_lists_and_leave_open_objects_alone():
    item = {"properties": {"weight": {"type": "integer", "default": 1}}}
    schema = {
        "properties": {
            "spec": {
                "properties": {
                    "routes": {"items": item},
                    "open": {"x-kubernetes-preserve-unknown-fields": True},
                }
            }
        }
    }
    thing = a_thing(routes=[{"x": 1}, {"weight": 5}], open={"y": 2}, z=3)

    kept = defaulted(pruned(thing, schema, embedded=True), schema)

    assert kept["spec"] == {"routes": [{"weight": 1}, {"weight": 5}], "open": {"y": 2}}
    assert kept["metadata"] == thing["metadata"]
    assert list(undeclared(thing, schema, embedded=True)) == ["spec.routes[0].x", "spec.z"]


# Selectors


@pytest.mark.parametrize(
    ("labels", "matches"),
    [
        ("a=1", True),
        ("a==1", True),
        ("a=2", False),
        ("a!=2", True),
        ("b!=1", True),
        ("a", True),
        ("!a", False),
        ("!b", True),
        ("a in (1, 2)", True),
        ("a notin (1,2)", False),
        ("b notin (1),a=1", True),
        ("a=1,b", False),
    ],
)
def test_a_label_selector_matches(labels, matches):
    item = {"metadata": {"name": "one", "labels": {"a": "1"}}}

    meant = selector(labels, "", custom=True)

    assert meant is not None
    assert meant(item) == matches


@pytest.mark.parametrize("labels", ["a in 1", "a=(", "=", "a b"])
def test_a_selector_that_makes_no_sense_is_refused(labels):
    with pytest.raises(Status) as refused:
        selector(labels, "", custom=True)

    assert refused.value.code == 400


# Storage


def test_the_past_can_be_listed():
    store = Store()
    store.put(PLACE, KEY, a_thing(size=1))
    then = store.version
    store.put(PLACE, KEY, a_thing(size=2))
    store.put(PLACE, ("default", "two"), a_thing())
    store.drop(PLACE, KEY)

    past = store.items_at(PLACE, "", then)

    assert [(key, item["spec"]) for key, item in past] == [(KEY, {"size": 1})]


def test_what_is_remembered_is_bounded_and_the_rest_is_410():
    store = Store(log_length=10)
    for size in range(25):
        store.put(PLACE, KEY, a_thing(size=size))

    assert [item["spec"]["size"] for item in store.history(PLACE, KEY)] == list(range(15, 25))
    with pytest.raises(Status) as forgotten:
        store.listen(PLACE, 5)
    assert forgotten.value.code == 410
    assert len(store.listen(PLACE, store.version - 10)[0]) == 10


def test_who_leaves_hears_nothing_more():
    store = Store()
    _, queue = store.listen(PLACE, None)
    store.put(PLACE, KEY, a_thing())
    store.leave(PLACE, queue)
    store.put(PLACE, KEY, a_thing())

    assert queue.qsize() == 1


# Tables


@pytest.mark.parametrize(
    ("seconds", "age"), [(5, "5s"), (119, "119s"), (130, "2m"), (7300, "2h"), (200000, "2d")]
)
def test_an_age_is_written_in_one_unit(seconds, age):
    then = (datetime.now(UTC) - timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    item = {"metadata": {"name": "one", "creationTimestamp": then}}
    kind = Kind("lab", "v1", "things", "Thing", custom=True)

    row = table(kind, [item], {})["rows"][0]

    assert row["cells"] == ["one", age]


@pytest.mark.parametrize(
    ("path", "cell"),
    [
        (".spec.a.b", "deep"),
        (".spec.list[1].n", "two"),
        (".spec.list[*].n", "one"),
        (".spec.list[?(@.n=='two')].v", "2"),
        (".spec.list[?(@.n=='three')].v", None),
        (".spec['a'].b", "deep"),
        (".spec.list[9].n", None),
        (".spec.flag", "true"),
        (".spec.nothing.at.all", None),
    ],
)
def test_a_column_follows_its_path(path, cell):
    spec = {"a": {"b": "deep"}, "list": [{"n": "one"}, {"n": "two", "v": 2}], "flag": True}
    column = {"name": "x", "type": "string", "jsonPath": path}
    kind = Kind("lab", "v1", "things", "Thing", custom=True, columns=(column,))

    row = table(kind, [a_thing(**spec)], {}, include="None")["rows"][0]

    assert row == {"cells": ["one", cell], "object": None}


# Documents


def test_definitions_and_namespaces_come_first_and_lists_are_unfolded(tmp_path):
    file = tmp_path / "all.yaml"
    file.write_text(
        "kind: List\nitems:\n- {kind: Thing, at: 2021-02-03}\n---\n---\nkind: Namespace\n"
    )
    definition = {"kind": "CustomResourceDefinition"}

    found = read([tmp_path, definition])

    kinds = [item["kind"] for item in found]
    assert kinds == ["CustomResourceDefinition", "Namespace", "Thing"]
    assert found[-1]["at"] == "2021-02-03"


async def test_an_unknown_kind_is_named(emulator):
    with pytest.raises(KeyError, match="no Widget in lab/v1 is served"):
        await emulator.apply(
            {"apiVersion": "lab/v1", "kind": "Widget", "metadata": {"name": "x"}}
        )


async def test_a_server_that_was_stopped_starts_on_its_old_port():
    async with ApiServer() as server:
        url = server.url
        await server.stop()
        await server.start()
        assert server.url == url
        assert int(url.rpartition(":")[2]) < lowest_given()  # no connection takes it meanwhile


async def test_a_port_in_use_is_an_error():
    async with ApiServer() as first:
        port = int(first.url.rsplit(":", 1)[1])
        with pytest.raises(OSError, match="address already in use"):
            async with ApiServer(port):
                pass


async def test_a_definition_that_goes_takes_its_objects_and_watches_along(
    emulator, until_watched
):
    thing = {
        "apiVersion": "split.smi-spec.io/v1alpha2",
        "kind": "TrafficSplit",
        "metadata": {"name": "one"},
        "spec": {"service": "a", "backends": []},
    }
    await emulator.apply(thing)
    path = "/apis/split.smi-spec.io/v1alpha2/trafficsplits"
    async with emulator.client() as client:
        watching = asyncio.create_task(client.watch(f"{path}?watch=1&timeoutSeconds=9"))
        await until_watched(emulator, ("split.smi-spec.io", "trafficsplits"))
        await emulator.delete("CustomResourceDefinition", "", "trafficsplits.split.smi-spec.io")
        events = await asyncio.wait_for(watching, 2)
        answer = await client.request("GET", path)

    assert [event["type"] for event in events] == ["ADDED", "DELETED"]
    assert answer.status == 404


# Rubbish

PLACES = [
    f"/{root}/namespaces/default/{plural}"
    for root, plural in (
        ("apis/split.smi-spec.io/v1alpha2", "trafficsplits"),
        ("api/v1", "configmaps"),
        ("api/v1", "secrets"),
        ("api/v1", "services"),
        ("apis/apps/v1", "deployments"),
        ("apis/events.k8s.io/v1", "events"),
    )
]

METADATA = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("name", "namespace", "labels", "annotations", "finalizers", "resourceVersion"), VALUES
    )
    | {
        "uid": VALUES,
        "managedFields": VALUES,
        "ownerReferences": VALUES,
        "generateName": VALUES,
    },
)
NEARLY_GOOD = st.fixed_dictionaries(
    {"name": st.just("one")},
    optional={
        "labels": st.dictionaries(st.text(max_size=3), st.text(max_size=3)),
        "finalizers": st.lists(st.text(max_size=3), max_size=2),
        "ownerReferences": st.lists(OBJECTS, max_size=2),
    },
)
PARTS = st.fixed_dictionaries(
    {},
    optional={
        "service": VALUES,
        "backends": st.lists(
            st.fixed_dictionaries({}, optional={"service": st.text(), "weight": VALUES})
        ),
        "ports": VALUES | st.lists(OBJECTS, max_size=2),
        "template": VALUES,
    },
)
RUBBISH = VALUES | st.fixed_dictionaries(
    {"metadata": NEARLY_GOOD | METADATA | VALUES},
    optional={
        "spec": PARTS | VALUES,
        "status": OBJECTS | VALUES,
        "data": OBJECTS,
        "stringData": OBJECTS,
        "kind": VALUES,
    },
)
OPERATIONS = VALUES | st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"])
            | VALUES,
            "path": st.sampled_from(
                ["/metadata", "/spec", "/metadata/labels", "/spec/backends/0"]
            )
            | VALUES,
            "from": st.sampled_from(["/spec", "/metadata/name", "/kind"]) | VALUES,
            "value": RUBBISH,
        },
    ),
    max_size=3,
)


@settings(max_examples=60)
@given(st.sampled_from(PLACES), RUBBISH, OPERATIONS)
def test_rubbish_is_refused_and_breaks_nothing(place, body, operations):
    asyncio.run(_throw(place, body, operations))


async def _throw(place, body, operations):
    async with ApiServer() as server:
        await server.apply(CRDS / "trafficsplits.yaml")
        async with server.client() as client:
            for method, sort, sent in (
                ("POST", "application/json", body),
                ("APPLY", APPLY, body),
                ("PATCH", JSON_PATCH, operations),
                ("PATCH", MERGE_PATCH, body),
                ("PATCH", STRATEGIC, body),
                ("PUT", "application/json", body),
            ):
                path = place if method == "POST" else f"{place}/one?fieldManager=x&force=true"
                verb = "PATCH" if method == "APPLY" else method
                answer = await client.request(verb, path, sent, content_type=sort)
                assert answer.status < 500 or isinstance(answer.body, dict), (sort, sent)
            listed = await client.request("GET", place + "?labelSelector=!a")
            shown = await client.request("GET", place, accept="application/json;as=Table")
            assert (listed.status, shown.status) == (200, 200)
