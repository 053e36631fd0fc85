"""Lint: the seed's own mistakes are found, their mends are not, and each rule by itself."""

from __future__ import annotations

from functools import partial

import pytest
from assured_builders import a_metric
from test_mapping import EXAMPLES, an_example

from crossfade import linting
from crossfade.resources import admit
from crossfade.testing.documents import a_document
from crossfade_analyzer.provability import rules

RULES = rules()
lint = partial(linting.lint, rules=RULES)
QUERY = "sum(increase(x_seconds_count{v='$name'}[${elapsedTime}s]))"


def a_linted(query=QUERY, limit="500", reward=None, interval=30, variables=None, **spec):
    """Codes by level of a document whose one metric `m` asks this query."""
    metric = {"params": [{"name": "query", "value": query}]} | spec
    criteria = {"objectives": [{"metric": "m", "upperLimit": limit}]}
    if reward:
        criteria["rewards"] = [{"metric": "m", "preferredDirection": "High"}]
    versions = [{"name": n, "variables": (variables or {}).get(n, [])} for n in ("b", "c")]
    experiment = {
        "apiVersion": "iter8.tools/v2alpha2",
        "kind": "Experiment",
        "metadata": {"name": "exp"},
        "spec": {
            "target": "t",
            "strategy": {"testingPattern": "A/B" if reward else "Canary"},
            "criteria": criteria,
            "duration": {"intervalSeconds": interval},
            "versionInfo": {"baseline": versions[0], "candidates": versions[1:]},
        },
    }
    metrics = [a_metric("m", metric), a_metric("n", {"type": "Counter"})]
    return lint(admit({"experiment": experiment, "metrics": metrics}))


def codes(findings, *levels):
    return {f.code for f in findings if f.level in (levels or ("error", "warning", "info"))}


@pytest.mark.parametrize("folder", ["iris-separate", "iris-single"])
def test_the_seeds_own_mistakes_are_all_found(folder):
    found = lint(an_example(folder))
    assert codes(found, "error") == {
        "sum-for-count",
        "unit-mismatch",
        "limit-never-binds",
        "grpc-ok-as-error",
    }
    assert codes(found, "warning") == {"count-as-reward", "absence-as-zero"}
    assert {"path-by-index", "short-window", "not-provable"} <= codes(found, "info")
    assert sum(f.code == "limit-never-binds" for f in found) == 2
    assert sum(f.code == "unit-mismatch" for f in found) == 2


@pytest.mark.parametrize("folder", ["iris-separate", "iris-single"])
def test_the_corrected_example_has_no_errors(folder):
    assert codes(lint(an_example(folder, "-corrected")), "error") == set()


def test_every_finding_says_where_why_and_what_to_do():
    for finding in lint(an_example("iris-separate")):
        assert finding.where.startswith(("spec.", "iter8-seldon/"))
        assert finding.reason
        assert finding.mend
        assert set(finding.to_json()) == {"code", "level", "where", "reason", "mend"}


def test_errors_come_first_and_nothing_twice():
    found = lint(an_example("iris-separate"))
    order = [("error", "warning", "info").index(f.level) for f in found]
    assert order == sorted(order)
    assert len(found) == len(set(found))


def test_a_sum_of_seconds_that_is_divided_by_a_count_is_a_mean():
    mean = "sum(x_seconds_sum{v='$name'}) / sum(x_seconds_count{v='$name'})"
    assert "sum-for-count" not in codes(a_linted(mean, limit="1"))


@pytest.mark.parametrize(
    ("units", "query", "wrong"),
    [
        ("milliseconds", "histogram_quantile(0.9, x_seconds_bucket{v='$name'})", True),
        ("milliseconds", "1000 * histogram_quantile(0.9, x_seconds_bucket{v='$name'})", False),
        ("ms", "histogram_quantile(0.9, x_seconds_bucket{v='$name'}) * 1e3", False),
        ("seconds", "histogram_quantile(0.9, x_seconds_bucket{v='$name'})", False),
        ("seconds", "histogram_quantile(0.9, x_milliseconds_bucket{v='$name'})", True),
        ("s", "histogram_quantile(0.9, x_milliseconds_bucket{v='$name'}) / 1000", False),
        ("requests", "histogram_quantile(0.9, x_seconds_bucket{v='$name'})", False),
        ("milliseconds", "sum(x_seconds_count{v='$name'})", False),
    ],
)
def test_units_are_held_against_the_names_of_series(units, query, wrong):
    assert ("unit-mismatch" in codes(a_linted(query, limit="1", units=units))) == wrong


@pytest.mark.parametrize(
    ("spec", "limit", "loose"),
    [
        ({"distribution": "bernoulli"}, "1", True),
        ({"distribution": "bernoulli"}, "0.01", False),
        ({"distribution": "mean", "upperBound": "10"}, "10", True),
        ({"distribution": "mean", "upperBound": "10"}, "9", False),
    ],
)
def test_a_limit_that_nothing_can_exceed_is_no_promise(spec, limit, loose):
    assert ("limit-never-binds" in codes(a_linted(limit=limit, **spec))) == loose


def test_limits_that_exclude_each_other_are_told_and_run_as_in_iter8():
    document = a_document(objectives=[{"metric": "lat", "lowerLimit": "2", "upperLimit": "1"}])
    (finding,) = [f for f in lint(document) if f.code == "limits-exclude-each-other"]
    assert (finding.level, finding.where) == ("error", "spec.criteria.objectives[0]")
    assert "no value is at least 2 and at most 1" in finding.reason


@pytest.mark.parametrize(
    ("matcher", "wrong"),
    [
        ("code!='200'", True),
        ('code!="200"', True),
        ("code!~'2..'", True),
        ("code!~'200|OK'", False),
        ("code!~'2..|OK'", False),
        ("code=~'5..'", False),
        ("response_code!='200'", False),
    ],
)
def test_grpcs_success_is_no_error(matcher, wrong):
    query = f"sum(increase(x_count{{{matcher},v='$name'}}[60s]))"
    assert ("grpc-ok-as-error" in codes(a_linted(query))) == wrong


def test_a_count_as_reward_is_told_and_a_rate_is_not():
    assert "count-as-reward" in codes(a_linted(reward=True))
    assert "count-as-reward" not in codes(
        a_linted(reward=True, distribution="poisson", exposure="time")
    )
    assert "count-as-reward" not in codes(
        a_linted(reward=True, distribution="bernoulli", sampleSize="n")
    )
    ratio = "sum(a_count{v='$name'}) / sum(b_count{v='$name'})"
    assert "count-as-reward" not in codes(a_linted(ratio, reward=True))


def test_zero_for_absence_is_told_but_not_above_the_line():
    one, all_ = "sum(e_count{v='$name'})", "sum(n_count{v='$name'})"
    zero = " or on() vector(0)"
    assert "absence-as-zero" in codes(a_linted(f"({one}{zero}) / ({all_}{zero})"))
    assert "absence-as-zero" not in codes(a_linted(f"({one}{zero}) / ({all_})"))
    assert "absence-as-zero" in codes(a_linted(f"{one}{zero}"), "warning")
    assert "absence-as-zero" in codes(a_linted(f"{one}{zero}", type="Counter"), "info")


@pytest.mark.parametrize("folder", sorted(p.name for p in EXAMPLES.iterdir() if p.is_dir()))
def test_no_example_of_ours_has_an_error(folder):
    if not folder.startswith("iris-"):  # those two are shipped with the seed's own mistakes
        assert codes(lint(an_example(folder)), "error") == set()


def test_a_ratio_without_its_sample_size_is_told():
    ratio = "sum(a_count{v='$name'}) / sum(b_count{v='$name'})"
    assert "no-sample-size" in codes(a_linted(ratio))
    assert "no-sample-size" not in codes(a_linted(ratio, sampleSize="n"))


def test_a_limit_on_a_count_is_a_budget():
    assert "count-under-limit" in codes(a_linted(type="Counter"))


@pytest.mark.parametrize(
    ("window", "interval", "level"),
    [
        ("[${elapsedTime}s]", 10, "info"),
        ("[${elapsedTime}s]", 30, None),
        ("[10s]", 60, "warning"),
        ("[1m]", 10, None),
        ("[${interval}s]", 15, "warning"),
    ],
)
def test_a_window_needs_two_scrapes(window, interval, level):
    found = a_linted(f"sum(increase(x_count{{v='$name'}}{window}))", interval=interval)
    assert [f.level for f in found if f.code == "short-window"] == ([level] if level else [])


def test_a_window_has_to_be_what_it_is_called():
    one = "sum(increase(x_count{v='$name'}[${interval}s]))"
    assert "window-not-said" in codes(a_linted(one, distribution="poisson"))
    assert "window-not-said" not in codes(
        a_linted(one, distribution="poisson", window="interval")
    )
    assert "window-not-said" in codes(a_linted(window="interval"))


@pytest.mark.parametrize("version", ["baseline", "candidates[0]"])
def test_a_version_whose_number_in_a_list_nobody_writes_is_told(version):
    body = without_its_object("iris-single", version)
    found = [f.where for f in lint(admit(body)) if f.code == "weight-not-written"]
    assert found == [f"spec.versionInfo.{version}.weightObjRef"]


def test_one_number_for_two_versions_is_no_mistake():
    assert "weight-not-written" not in codes(lint(an_example("kserve-canary")))


def without_its_object(folder, version):
    """An example in which a version has no `weightObjRef`."""
    body = an_example(folder).to_json()
    info = body["experiment"]["spec"]["versionInfo"]
    del (info["baseline"] if version == "baseline" else info["candidates"][0])["weightObjRef"]
    return body


def test_a_secret_in_plain_text_is_an_error_and_never_repeated():
    headers = [{"name": "Authorization", "value": "Bearer s3cr3t"}]
    found = a_linted(headerTemplates=headers)
    assert "literal-secret" in codes(found, "error")
    assert not any("s3cr3t" in str(f) for f in found)
    in_url = a_linted(urlTemplate="http://me:s3cr3t@back.end/")
    assert "literal-secret" in codes(in_url, "error")
    assert not any("s3cr3t" in str(f) for f in in_url)


def test_a_placeholder_needs_a_secret_to_be_filled_from():
    headers = [{"name": "Authorization", "value": "Bearer ${token}"}]
    assert codes(a_linted(headerTemplates=headers), "error") == {"header-not-filled"}
    filled = a_linted(headerTemplates=headers, secret="s", authType="Bearer")
    assert codes(filled, "error") == set()


def test_a_query_that_is_the_same_for_all_compares_nothing():
    same = "sum(increase(x_count{v='$sid'}[${elapsedTime}s]))"
    one = {n: [{"name": "sid", "value": "iris"}] for n in ("b", "c")}
    two = {n: [{"name": "sid", "value": n}] for n in ("b", "c")}
    assert "same-for-all" in codes(a_linted(same, variables=one))
    assert "same-for-all" not in codes(a_linted(same, variables=two))
    assert "same-for-all" not in codes(a_linted())


def test_what_cannot_be_proved_is_an_error_only_where_a_proof_was_asked_for():
    body = an_example("iris-separate").to_json()
    body["experiment"]["spec"]["decision"] = {"policy": "assured"}
    found = [f for f in lint(admit(body)) if f.code == "not-provable"]
    assert {f.level for f in found} == {"error"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_rule_finds_something_somewhere(rule):
    seen = [an_example("iris-separate"), an_example("iris-separate", "-corrected")]
    ratio = "sum(a_count{v='b'}) / sum(b_count{v='b'})"
    headers = [{"name": "X-Key", "value": "literal"}, {"name": "A", "value": "${token}"}]
    odd = {
        "apiVersion": "iter8.tools/v2alpha2",
        "kind": "Experiment",
        "metadata": {"name": "exp"},
        "spec": {
            "target": "t",
            "strategy": {"testingPattern": "Canary"},
            "criteria": {
                "objectives": [
                    {"metric": "ratio"},
                    {"metric": "ratio", "lowerLimit": "2", "upperLimit": "1"},
                    {"metric": "count", "upperLimit": "5"},
                    {"metric": "p95", "upperLimit": "0.3"},
                ]
            },
            "versionInfo": {"baseline": {"name": "b"}, "candidates": [{"name": "c"}]},
        },
    }
    quantile = (
        "histogram_quantile(0.95, seldon_api_executor_client_requests_seconds_bucket{v='1'})"
    )
    one = "sum(increase(x_count{v='$name'}[${interval}s]))"
    metrics = [
        a_metric(
            "ratio", {"params": [{"name": "q", "value": ratio}], "headerTemplates": headers}
        ),
        a_metric(
            "count",
            {
                "type": "Counter",
                "distribution": "poisson",
                "params": [{"name": "q", "value": one}],
            },
        ),
        a_metric("p95", {"params": [{"name": "q", "value": quantile}]}),
    ]
    seen.append(admit({"experiment": odd, "metrics": metrics}))
    seen.append(admit(without_its_object("iris-single", "candidates[0]")))
    assert any(list(rule(document)) for document in seen)
