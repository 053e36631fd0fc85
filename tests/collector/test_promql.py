"""Which series a query reads, compared with a parser of PromQL's whole grammar."""

from pathlib import Path

import promql_parser
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from crossfade_collector.sources.promql import freshness, scrapes, selectors

EXAMPLES = Path(__file__).parents[2] / "deploy/examples"


def parsed(query):
    """The selectors of a query as promql-parser finds them, range and offset taken off."""
    found = []

    def visit(expr):
        if isinstance(expr, promql_parser.VectorSelector):
            found.append(canonical(expr))
        elif isinstance(expr, promql_parser.MatrixSelector):
            visit(expr.vector_selector)
        else:
            for name in ("expr", "lhs", "rhs", "param"):
                if isinstance(inner := getattr(expr, name, None), promql_parser.Expr):
                    visit(inner)
            for inner in getattr(expr, "args", None) or ():
                visit(inner)

    visit(promql_parser.parse(query))
    return sorted(found)


def canonical(selector):
    matchers = sorted(f"{m.name}{m.op}{m.value}" for m in selector.matchers.matchers)
    return f"{selector.name} {matchers}"


def ours(query):
    return sorted(canonical(promql_parser.parse(one)) for one in selectors(query))


QUERIES = [
    "up",
    "sum(up)",
    'sum by (job) (rate(a_total{b=\'c}\',d!~"x\\"{"}[5m] offset 1h))',
    "sum(rate(a[5m])) by (le, offset) / on(y) group_left(z) b:c",
    '{__name__="d", e="f"}',
    "quantile_over_time(0.95, lat[1h:5m] @ end())",
    "a and b or c unless d > bool 5",
    "topk(3, e) - -f ^ 2e3",
    "label_replace(a, 'dst', '$1', 'src', '(.*)')",
    "count_values('v', build_info{x=`}y`})",
    "vector(1) + time() + Inf - NaN + 0x1F + 1e-5",
    "histogram_quantile(0.95, sum(rate(h_bucket[30s])) by (le)) # up",
    "absent(nonexistent{a=''}) or on() vector(0)",
    "sum without(instance)(rate(x[1h30m] offset -5m))",
    "(a + b)[30m:1m]",
    "a{b='by(c)'} * ignoring(b) c",
    "min_over_time(a[5m])",
]


def published():
    for file in sorted(EXAMPLES.rglob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text()):
            spec = (document or {}).get("spec") if isinstance(document, dict) else None
            for param in (spec or {}).get("params") or () if isinstance(spec, dict) else ():
                if param["name"] == "query":
                    filled = param["value"].replace("${elapsedTime}", "60")
                    yield filled.replace("${interval}", "10").replace("$", "v_")


@pytest.mark.parametrize("query", QUERIES)
def test_the_series_are_those_that_the_grammar_finds(query):
    assert ours(query) == parsed(query)


@pytest.mark.parametrize(
    ("query", "counted"),
    [
        ("sum(increase(a{b='c'}[10s]))", "max(count_over_time(a{b='c'}[10s]))"),
        ("rate(a[5m]) / rate(b [ 1h30m ])",
         "max(count_over_time(a[5m]) or count_over_time(b[ 1h30m ]))"),
        ("rate(a[5m]) / rate(a[5m])", "max(count_over_time(a[5m]))"),
        ("rate(a[5m] offset 1h) + rate(b[5m] @ end())", None),
        ("max_over_time(rate(a[1m])[30m:1m]) + max_over_time(b[1h:5m])",
         "max(count_over_time(a[1m]))"),
        ("up + {job='x'}", None),
        ("", None),
        ("rate(offsets[1m])", "max(count_over_time(offsets[1m]))"),
    ],
)  # fmt: skip
def test_the_windows_of_a_query_are_counted_where_they_lie_at_its_own_moment(query, counted):
    assert scrapes(query) == counted
    assert counted is None or promql_parser.parse(counted)


def test_every_query_of_the_examples_names_its_series():
    queries = {q for q in published() if not q.count("{v_")}

    assert len(queries) > 5
    for query in queries:
        assert ours(query) == parsed(query), query
        assert freshness(query, 60)


NAMES = st.sampled_from(["a", "b:c", "up", "x_total", "offsets", "summary", "bys"])
LABELS = st.sampled_from(["", "{}", "{x='}'}", '{by="[",z=~"[(]"}', "{a='b',}"])
SELECTORS = st.builds(lambda n, m, r: n + m + r, NAMES, LABELS, st.just(""))
RANGES = st.builds(lambda s, r: s + r, SELECTORS, st.sampled_from(["[5m]", "[1m] offset 2m"]))


def combined(inner):
    return st.one_of(
        st.builds(lambda e: f"sum by (a, offset) ({e})", inner),
        st.builds(lambda e: f"avg({e}) without (b)", inner),
        st.builds(lambda e, f: f"({e}) / on (x) group_left (y) ({f})", inner, inner),
        st.builds(lambda e, f: f"({e}) unless ({f})", inner, inner),
        st.builds(lambda e: f"abs(-({e}))[10m:1m]".join(("max_over_time(", ")")), inner),
    )


@given(
    st.recursive(st.one_of(SELECTORS, RANGES.map("rate({})".format)), combined, max_leaves=6)
)
def test_whatever_is_written_the_series_are_those_that_the_grammar_finds(query):
    assert ours(query) == parsed(query)
    assert promql_parser.parse(freshness(query, 60))


@given(st.text(max_size=60))
def test_no_text_breaks_the_search(query):
    assert len(list(selectors(query))) <= len(query)


@pytest.mark.parametrize(
    "query", ["", "vector(1)", "1 + 2", " + ".join(f"m{i}" for i in range(30))]
)
def test_a_query_without_series_or_with_too_many_cannot_be_told_the_age_of(query):
    assert freshness(query, 60) is None
