"""From objects to a routing table, without processes: what is asked for, and what is refused."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossfade_lab.operator.documents import deployment_of, service_of
from crossfade_lab.operator.routing import Routing
from crossfade_lab.router.tables import Backend, check

SKLEARN = {"implementation": "SKLEARN_SERVER", "modelUri": "gs://seldon-models/sklearn/iris"}
XGBOOST = {"implementation": "XGBOOST_SERVER", "modelUri": "gs://seldon-models/xgboost/iris"}


def a_deployment(*predictors, version="1", namespace="ns"):
    meta = {"namespace": namespace, "name": "iris", "resourceVersion": version}
    return deployment_of({"metadata": meta, "spec": {"predictors": list(predictors)}})


def a_predictor(name, graph=SKLEARN, **fields):
    return {"name": name, "graph": graph, **fields}


def a_service(*http, version="2", hosts=("iris.example.com",)):
    meta = {"namespace": "default", "name": "rule", "resourceVersion": version}
    return service_of({"metadata": meta, "spec": {"hosts": list(hosts), "http": list(http)}})


def to(host, **fields):
    return {"destination": {"host": host}, **fields}


def ready(*deployments):
    names = [p.served.name for d in deployments for p in d.predictors]
    return {
        name: SimpleNamespace(ready=True, backend=Backend(name, "127.0.0.1", 9000 + at))
        for at, name in enumerate(names)
    }


def weights(plan, host="*"):
    routes = next(h.routes for h in plan.table.hosts if h.name == host)
    return {share.backend: share.weight for share in routes[0].shares}


@pytest.mark.parametrize(
    ("predictors", "expected"),
    [
        ([a_predictor("default")], [100]),
        ([a_predictor("default", traffic=0)], [100]),
        ([a_predictor("default", traffic=100)], [100]),
        ([a_predictor("a", traffic=100), a_predictor("b")], [100, 0]),
        ([a_predictor("a", traffic=30), a_predictor("b", traffic=70)], [30, 70]),
        ([a_predictor("a"), a_predictor("dark", shadow=True)], [100]),
    ],
)
def test_the_weights_of_a_deployment_are_those_of_the_whole_object(predictors, expected):
    assert [p.weight for p in a_deployment(*predictors).predictors] == expected


def test_a_predictor_that_cannot_be_served_is_named_by_its_field():
    found = a_deployment(
        a_predictor("a", traffic=50), a_predictor("b", {"implementation": "MLFLOW_SERVER"})
    )

    assert [e.field for e in found.errors] == ["spec.predictors[1].graph.implementation"]
    assert Routing().plan([found], [], ready(found)).table.hosts == ()


@pytest.mark.parametrize(
    "host", ["iris-default", "iris-default.default", "iris-default.default.svc.cluster.local"]
)
def test_a_destination_is_found_by_its_short_and_its_long_name(host):
    deployment = a_deployment(a_predictor("default"), namespace="default")

    plan = Routing().plan([deployment], [a_service({"route": [to(host)]})], ready(deployment))

    assert weights(plan, "iris.example.com") == {"default/iris/default/sklearn-iris": 100}


def test_prefix_rewrite_and_response_headers_of_a_virtual_service_are_kept():
    deployment = a_deployment(a_predictor("default"))
    headers = {"response": {"set": {"version": "iris-v1"}}}
    match = [{"uri": {"prefix": "/a/"}}, {"uri": {"prefix": "/b/"}}]
    http = {
        "match": match,
        "rewrite": {"uri": "/"},
        "route": [to("iris-default.ns", headers=headers)],
    }

    plan = Routing().plan([deployment], [a_service(http)], ready(deployment))

    routes = next(h.routes for h in plan.table.hosts if h.name == "iris.example.com")
    assert [(r.prefix, r.rewrite) for r in routes] == [("/a/", "/"), ("/b/", "/")]
    assert routes[0].shares[0].headers == (("version", "iris-v1"),)


def test_the_version_says_what_the_table_was_made_from():
    deployment = a_deployment(a_predictor("default"), version="11")
    service = a_service({"route": [to("iris-default.ns")]}, version="12")

    plan = Routing().plan([deployment], [service], ready(deployment))

    assert plan.version == "SeldonDeployment/ns/iris@11 VirtualService/default/rule@12"


def test_a_new_model_gets_nothing_before_it_is_ready_and_the_old_one_everything():
    routing = Routing()
    old = a_deployment(a_predictor("default"), version="1")
    new = a_deployment(a_predictor("default", XGBOOST), version="2")
    routing.plan([old], [], ready(old))

    waiting = routing.plan([new], [], ready(old))
    done = routing.plan([new], [], ready(old) | ready(new))

    assert weights(waiting) == {"ns/iris/default/sklearn-iris": 100}
    assert waiting.version == "SeldonDeployment/ns/iris@1"
    assert waiting.used == {"ns/iris/default/sklearn-iris"}
    assert weights(done) == {"ns/iris/default/xgboost-iris": 100}
    assert done.used == {"ns/iris/default/xgboost-iris"}


def test_a_model_without_a_share_is_not_waited_for():
    deployment = a_deployment(
        a_predictor("baseline", traffic=100), a_predictor("candidate", XGBOOST, traffic=0)
    )
    processes = ready(deployment)
    processes["ns/iris/candidate/xgboost-iris"].ready = False

    plan = Routing().plan([deployment], [], processes)

    assert weights(plan) == {"ns/iris/baseline/sklearn-iris": 100}


def test_a_rule_to_a_predictor_that_does_not_exist_leaves_the_routes_it_had():
    routing = Routing()
    deployment = a_deployment(a_predictor("default"))
    routing.plan(
        [deployment], [a_service({"route": [to("iris-default.ns")]})], ready(deployment)
    )

    astray = a_service({"route": [to("iris-nobody.ns")]}, version="9")
    plan = routing.plan([deployment], [astray], ready(deployment))

    assert weights(plan, "iris.example.com") == {"ns/iris/default/sklearn-iris": 100}
    assert plan.version.endswith("rule@2")


def test_a_deleted_object_takes_its_routes_with_it():
    routing = Routing()
    deployment = a_deployment(a_predictor("default"))
    routing.plan([deployment], [], ready(deployment))

    assert routing.plan([], [], ready(deployment)).table.hosts == ()


splits = st.lists(st.integers(0, 100), min_size=2, max_size=2)


@given(
    st.lists(st.tuples(splits, st.sets(st.sampled_from(["a", "b"]))), min_size=1, max_size=6)
)
def test_whatever_happens_no_table_would_lose_a_request(steps):
    routing = Routing()
    for at, (traffic, answering) in enumerate(steps):
        predictors = [
            a_predictor(n, traffic=t) for n, t in zip(["a", "b"], traffic, strict=True)
        ]
        deployment = a_deployment(*predictors, version=str(at))
        processes = ready(deployment)
        for process in processes.values():
            process.ready = process.backend.name.split("/")[2] in answering

        plan = routing.plan([deployment], [], processes)

        check(plan.table)
        if sum(traffic) and all(
            n in answering for n, t in zip("ab", traffic, strict=True) if t
        ):
            assert plan.version == f"SeldonDeployment/ns/iris@{at}"
