"""What the engine itself refuses to conclude, whoever calls it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from inference_builders import CONVERSION, ERRORS, a_look, a_plan

from crossfade_analyzer.inference import Claim, Evidence, gauges, many, step

BUDGET = Claim("error-count", "budget", numerator="count", upper=20.0)
DESCRIBED = Claim("plain", "descriptive", numerator="plain")
WATCHED = replace(ERRORS, burden="monitor")
LOAD = Claim("load", "gauge", numerator="load", denominator="req", upper=0.8)
MOOD = Claim("mood", "gauge", "reward", "load", "req")


def played(plan, read):
    """(findings of a run whose every look reads the same growth, verdict of the many path)."""
    evidence, both = Evidence.fresh(plan), many.ManyEvidence.fresh(plan, 1)
    keys = sorted({key for claim in plan.claims for key in claim.keys})
    split = dict.fromkeys(plan.versions, 50)
    for k in range(1, plan.iterations + 1):
        now = {key: read[key] * k if key in read else None for key in keys}
        look = a_look(plan, k, dict.fromkeys(plan.versions, now), split)
        evidence, findings = step(plan, evidence, look)
        values = {
            key: np.full((1, len(plan.versions)), np.nan if value is None else value)
            for key, value in now.items()
        }
        whole = many.ManyLook(k, k * plan.interval, np.array([[50, 50]]), values)
        both, found = many.step(plan, both, whole)
    return findings, many.VERDICTS[int(found.verdict[0])]


CASES = [
    # claims, what is read at every look, the verdict
    ((DESCRIBED,), {"plain": 1.0}, "inconclusive"),
    ((DESCRIBED,), {}, "no-data"),
    ((BUDGET,), {}, "no-data"),
    ((BUDGET,), {"count": 1.0}, "promote"),
    ((WATCHED,), {}, "no-data"),
    ((WATCHED,), {"req": 20.0, "err": 0.0}, "promote"),
    ((BUDGET, DESCRIBED), {"plain": 1.0}, "inconclusive"),
    ((WATCHED, BUDGET), {"req": 20.0, "err": 0.0}, "inconclusive"),
]


@pytest.mark.parametrize(("claims", "read", "verdict"), CASES)
def test_nobody_wins_by_what_was_never_read_or_cannot_be_decided(claims, read, verdict):
    findings, beside = played(a_plan(*claims), read)
    assert (findings.verdict, beside) == (verdict, verdict)
    assert (findings.winner == "c") == (verdict == "promote")
    assert findings.reasons


def test_a_budget_nobody_read_is_named():
    findings, _ = played(a_plan(WATCHED, BUDGET), {"req": 20.0, "err": 0.0})
    assert findings.reasons == (
        ("not-kept", "inconclusive: error-count ≤ 20 is not known to be kept by c: no complete "
         "reading yet"),
    )  # fmt: skip


def test_a_proof_of_one_claim_is_no_proof_of_an_unread_budget():
    plan = a_plan(CONVERSION, BUDGET)
    evidence = Evidence.fresh(plan)
    for k in range(1, 16):
        rates = {"b": 0.1, "c": 0.2}
        read = {v: {"req": 400.0 * k, "conv": 400.0 * k * r} for v, r in rates.items()}
        evidence, findings = step(plan, evidence, a_look(plan, k, read))
    assert (findings.verdict, findings.winner) == ("inconclusive", None)


@pytest.mark.parametrize("claim", [LOAD, MOOD])
@pytest.mark.parametrize("silent", [1, 3, 15])
def test_intervals_of_nobodys_requests_weigh_nothing(claim, silent):
    plan = a_plan(claim)
    evidence, bare = Evidence.fresh(plan), Evidence.fresh(plan)
    for k in range(1, 16):
        n, wave = (0.0 if k <= silent else 50.0), 0.01 * (k % 3)
        read = {v: {"req": n, "load": 0.5 + wave + (v == "c") / 10} for v in plan.versions}
        evidence, findings = step(plan, evidence, a_look(plan, k, read))
        if n:
            bare, _ = step(plan, bare, a_look(plan, k, read))
    assert evidence.lines[-1].gauge == bare.lines[-1].gauge
    assert evidence.lines[-1].gauge.k == 15 - silent
    assert findings.winner == ("c" if silent < 15 else None)


def test_a_gauge_remembered_with_a_weight_of_nothing_proves_nothing():
    state = gauges.GaugeState(k=3.0, xx=2.0, xz=1.0, zz=1.0, d=1.0, dd=1.0, scale=0.0)
    assert gauges.log_evidence(state, 15) == 0.0


def test_a_gauge_beyond_its_limit_never_leads_and_gets_no_more_traffic():
    plan = a_plan(replace(LOAD, denominator=None))
    evidence = Evidence.fresh(plan)
    for k in range(1, 15):
        read = {v: {"load": 0.9 + 0.01 * (k % 3)} for v in plan.versions}
        evidence, findings = step(plan, evidence, a_look(plan, k, read, {"b": 90, "c": 10}))
    assert findings.candidates[0].verdict == "collecting"
    assert findings.split["c"] <= 10
