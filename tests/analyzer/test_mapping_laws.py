"""Whatever is admitted is mapped, explained, linted and judged: nothing raises, splits add up."""

from __future__ import annotations

import re

import orjson
from assured_builders import World, a_provable
from hypothesis import given, settings
from hypothesis import strategies as st

from crossfade.domain.splits import is_split
from crossfade.errors import Malformed
from crossfade.linting import lint
from crossfade_analyzer.explain import explain
from crossfade_analyzer.policies.assured import AssuredPolicy
from crossfade_analyzer.policies.mapping import map_document
from crossfade_analyzer.policies.port import written
from crossfade_analyzer.provability import rules


def maybe(**options):
    return st.fixed_dictionaries(
        {}, optional={k: st.sampled_from(v) for k, v in options.items()}
    )


METRIC = maybe(
    type=["Counter", "Gauge"],
    distribution=["bernoulli", "poisson", "mean", "quantile"],
    exposure=["requests", "time"],
    sampleSize=["requests"],
    numerator=["conversion", "errors"],
    denominator=["requests"],
    histogram=["within"],
    sumOfSquares=["within", "p95"],
    upperBound=["0", "1", "5000"],
    window=["cumulative", "interval"],
    units=["milliseconds", "s"],
    provider=["prometheus"],
)
OBJECTIVE = maybe(
    upperLimit=["-1", "0", "0.01", "1", "500", "1e9"],
    lowerLimit=["-1", "0", "0.005", "1"],
    relativeTo=["baseline"],
    margin=["0", "0.01", "-5", "1e3"],
    burden=["prove", "monitor"],
    minSamples=[1, 100000],
    rollback_on_failure=[True, False],
)
DECISION = maybe(
    alpha=[0.001, 0.05, 0.99],
    rollbackAlpha=[0.05, 0.99],
    futility=[0, 0.5],
    soak=[0, 3, 100],
    earlyStop=[True, False],
    onNoData=[{"action": "hold"}, {"action": "rollback", "after": 1}],
)
UNSAYABLE = re.compile(r"\bnan\b|\binf\b|None|  |-0\.0 %|\de\+\d|: $|, $")
"""What no sentence may hold."""
NAMES = ["requests", "plain", "p95", "error-rate", "conversion", "feedback", "latency"]


@settings(max_examples=150, deadline=None)
@given(
    metrics=st.dictionaries(st.sampled_from(NAMES), METRIC, max_size=4),
    objectives=st.lists(st.tuples(st.sampled_from(NAMES), OBJECTIVE), max_size=4),
    reward=st.none() | st.tuples(st.sampled_from(NAMES), st.sampled_from(["High", "Low"])),
    effect=st.sampled_from([None, "-0.1", "0.02", "1e6"]),
    decision=DECISION,
    shape=st.sampled_from([{}, {"deploymentPattern": "FixedSplit"}]),
)
def test_every_admitted_document_is_judged(
    metrics, objectives, reward, effect, decision, shape
):
    wanted = None
    if reward:
        wanted = {"metric": reward[0], "preferredDirection": reward[1]}
        wanted |= {"minEffect": effect} if effect else {}
    try:
        document = a_provable(
            [{"metric": name, **spec} for name, spec in objectives],
            wanted,
            metrics=metrics,
            decision=decision,
            strategy=shape,
            iterations=4,
        )
    except Malformed:
        return
    mapping = map_document(document)
    assert len({m.claim.name for m in mapping.criteria}) == len(mapping.criteria)
    assert all(bool(m.why) != m.provable for m in mapping.criteria)
    assert len(explain(document, 10.0)) == len(mapping.criteria)
    assert all(finding.code != "lint-failed" for finding in lint(document, rules("assured")))
    world, memory, policy = World(document, requests=200), {}, AssuredPolicy()
    for iteration in range(1, 5):
        world.grow()
        sample = world.sample(iteration, silent=("c",) if iteration == 2 else ())
        judgement = policy.judge(document, memory, sample)
        assert is_split(judgement.split)
        assert judgement.winner in (None, "c")
        assert not (judgement.winner and mapping.blocked)
        memory = orjson.loads(written(judgement.memory))
        orjson.dumps([judgement.evidence, judgement.analysis])
        assert judgement.reasons
        assert not any(UNSAYABLE.search(reason.text) for reason in judgement.reasons)
        world.split = judgement.split
