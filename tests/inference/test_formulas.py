"""Every formula against values worked out by hand or by scipy."""

from __future__ import annotations

import math

import pytest
from inference_builders import ERRORS, MEAN, P95
from scipy import special

from crossfade_analyzer.inference import (
    batches,
    claims,
    detectors,
    dispersion,
    distributions,
    gauges,
    increments,
    information,
    intervals,
    needs,
    predictive,
    ratio_check,
    risks,
)
from crossfade_analyzer.inference.claims import ClaimState


def test_a_share_under_a_limit_scores_requests_saved():
    assert increments.share_below_limit(1000.0, 3.0, 0.01) == pytest.approx((7.0, 9.9, 1000.0))


def test_a_difference_of_shares_is_the_mantel_haenszel_stratum():
    ds, dv, dw = increments.shares_differ(40.0, 8.0, 60.0, 6.0)
    assert ds == pytest.approx(8 - 40 * 14 / 100)
    assert dv == pytest.approx(40 * 60 * 14 * 86 / (100**2 * 99))
    assert dw == pytest.approx(24.0)
    assert ds / dw == pytest.approx(8 / 40 - 6 / 60)


def test_a_difference_of_rates_conditions_on_the_sum():
    ds, dv, dw = increments.rates_differ(40.0, 50.0, 60.0, 30.0)
    assert (ds, dv, dw) == pytest.approx((50 - 80 * 0.4, 24 * 80 / 100, 24.0))


def test_a_difference_of_means_weighs_by_the_smaller_side():
    ds, dv, dw = increments.means_differ(40.0, 400.0, 4.0, 60.0, 540.0, 9.0)
    assert (ds, dv, dw) == pytest.approx((24.0, 24**2 * (0.1 + 0.15), 24.0))


def test_two_pseudo_requests_stand_at_the_ceiling():
    v0 = increments.boundary_variance(98.0, 100.0, 50.0, 1100.0)
    assert v0 == pytest.approx((98 * 50 + 2 * 1000**2) / 100)


def test_a_histogram_gives_a_variance():
    found = increments.variance_of_buckets(4.0, 40.0, (1.0, 2.0, 1.0), (10.0, 20.0))
    by_hand = ((5 - 10) ** 2 + 100 / 12 + 2 * ((15 - 10) ** 2 + 100 / 12) + (30 - 10) ** 2) / 4
    assert found == pytest.approx(by_hand)


def test_squared_weights_sum_to_one_however_the_plan_moves():
    state = ClaimState()
    spent = []
    for k, (dv, rest) in enumerate([(3.0, 50.0), (1.0, 8.0), (9.0, 100.0), (0.5, 0.0)], 1):
        after = claims.step(state, (math.sqrt(dv), dv, 1.0), 0.0, rest, k == 4, 0)
        spent.append((after.u - state.u) ** 2)
        state = after
    assert math.fsum(spent) == pytest.approx(1.0)
    assert state.rho == 0.0


def test_the_planned_information_decides_the_share_of_the_budget():
    state = claims.step(ClaimState(), (2.0, 4.0, 10.0), 4.0, 12.0, False, 2)
    assert state.u == pytest.approx(math.sqrt(0.25) * 2.0 / 2.0)
    assert state.rho == pytest.approx(0.75)
    assert (state.k, state.a, state.b, state.c) == pytest.approx((1, 1.0, 5.0, 25.0))
    assert (state.s3, state.v3) == (2.0, 4.0)


def test_after_the_deciding_look_nothing_is_spent_any_more():
    state = claims.step(ClaimState(), (2.0, 4.0, 1.0), 0.0, 0.0, True, 2)
    later = claims.step(state, (-20.0, 4.0, 1.0), 0.0, 0.0, True, 2)
    assert later.u == state.u == pytest.approx(1.0)
    assert not claims.not_contradicted(later, 1.0)


def test_the_chance_left_is_the_tail_of_the_unspent_budget():
    state = ClaimState(u=0.5, rho=0.25, v=1.0)
    assert claims.chance_left(state, 1.0, 1.5) == pytest.approx(special.ndtr(-2.0))
    assert claims.chance_left(state._replace(rho=0.0), 1.0, 0.4) == 1.0


def test_predictive_probability_by_hand():
    found = predictive.predictive(0.6, 0.64, 0.02, 100.0, 300.0, 1.0, 1.67)
    expected = (0.6 + math.sqrt(0.64 * 300) * 0.02 - 1.67) / math.sqrt(0.64 * 4)
    assert found == pytest.approx(special.ndtr(expected))
    assert predictive.predictive(0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 1.67) == 1.0


def test_140_requests_cannot_prove_one_percent():
    v = 140 * 0.01 * 0.99
    assert predictive.impossible(0.0, 1.0, 0.0, v, 0.01, 0.25, 1.67)
    assert not predictive.impossible(0.0, 1.0, 0.0, 3 * v, 0.01, 0.25, 1.67)


def test_calm_intervals_pay_nothing_for_dispersion():
    calm = ClaimState(k=10.0, a=9.0, b=0.0, c=1.0)
    wild = calm._replace(a=36.0)
    assert dispersion.dispersion([calm]) == (1.0, 9.0)
    assert dispersion.dispersion([wild]) == (4.0, 9.0)
    assert dispersion.dispersion([wild, wild]) == (4.0, 18.0)
    assert dispersion.critical_value(4.0, 9.0, 0.05) == pytest.approx(special.stdtrit(9, 0.95))


def test_a_detector_is_a_mixture_over_shares_and_starting_times():
    odds = detectors.odds_of(0.01, (0.02, 0.05))
    first = detectors.step(detectors.fresh(2), 100.0, 3.0, odds, 5, True)
    both = detectors.step(first, 50.0, 2.0, odds, 5, False)

    def ratio(n, x, p):
        return (p / 0.01) ** x * ((1 - p) / 0.99) ** (n - x)

    by_hand = sum(
        (0.25 * ratio(100, 3, p) + 0.5 / 4 / 2) * ratio(50, 2, p) for p in (0.02, 0.05)
    )
    assert math.exp(detectors.log_evidence(both)) == pytest.approx(by_hand)


def test_risk_of_a_share_is_a_beta_tail():
    expected = 1 - special.betainc(0.5 + 4, 50 + 296, 0.01)
    assert risks.share_above(300.0, 4.0, 0.01) == pytest.approx(expected, rel=1e-9)
    many = 1 - special.betainc(0.5 + 2040, 50 + 197960, 0.01)
    assert risks.share_above(200000.0, 2040.0, 0.01) == pytest.approx(many, abs=2e-3)


def test_ratio_check_is_the_mean_of_likelihood_ratios():
    found = ratio_check.step(ratio_check.fresh(2), (60.0, 40.0), (55, 45))

    def ratio(w, counts, tilt):
        grown = 1 + w * (math.exp(tilt) - 1)
        return math.exp(counts * tilt) / grown**100

    by_hand = [ratio(0.55, 60, t) for t in ratio_check.TILTS]
    by_hand += [ratio(0.45, 40, t) for t in ratio_check.TILTS]
    assert math.exp(ratio_check.log_evidence(found)) == pytest.approx(sum(by_hand) / 8)


def test_a_share_without_failures_has_a_one_sided_interval():
    low, high = intervals.share(300.0, 0.0, 0.05)
    assert low == 0.0
    log_mix = special.betaln(0.5, 300.5) - special.betaln(0.5, 0.5)
    assert log_mix - 300 * math.log1p(-high) == pytest.approx(math.log(20.0), abs=1e-9)


def test_the_displayed_share_interval_is_the_inverted_mixture():
    for n, x in ((50.0, 7.0), (1000.0, 3.0), (1e6, 9e3), (1.0, 0.3), (10.0, 9.5)):
        for p in intervals.share(n, x, 0.05):
            log_mix = special.betaln(0.5 + x, 0.5 + n - x) - special.betaln(0.5, 0.5)
            log_e = log_mix - special.xlogy(x, p) - special.xlog1py(n - x, -p)
            assert log_e == pytest.approx(math.log(20.0), abs=1e-6)


def test_the_normal_mixture_interval_by_hand():
    low, high = intervals.difference(10.0, 90.0, 200.0, 10.0, 0.05)
    half = math.sqrt(100 * (math.log(10.0) + 2 * math.log(20.0)))
    assert (low, high) == pytest.approx(((10 - half) / 200, (10 + half) / 200))


def test_the_share_e_value_is_a_truncated_beta_mixture():
    from scipy.integrate import quad

    def density(p):
        return p**-0.5 * (1 - p) ** -0.5

    mass, _ = quad(density, 0, 0.1)
    mixed, _ = quad(lambda p: density(p) * p**2 * (1 - p) ** 48, 0, 0.1)
    expected = mixed / mass / (0.1**2 * 0.9**48)
    found = intervals.share_log_evidence(50.0, 2.0, 0.1)
    assert math.exp(found) == pytest.approx(expected, rel=1e-6)


def test_gauge_evidence_by_the_formula_of_the_specification():
    state = gauges.GaugeState()
    values = [1.2, 0.7, 1.5, 0.9, 1.1, 1.3]
    for d in values:
        state = gauges.step(state, d, 1.0, False)
    k, phi0 = 6, 15 / 8
    xz, zz = sum(values), sum(d * d for d in values)
    r = zz - xz**2 / (phi0 + k)
    t = (xz / (k + phi0)) / math.sqrt(r / (k * (phi0 + k)))
    expected = -0.5 * math.log(1 + k / phi0) - k / 2 * math.log(r / zz)
    expected += math.log(2 * special.stdtr(k, t))
    assert gauges.autocorrelation(state) == 0.0
    assert gauges.log_evidence(state, 15) == pytest.approx(expected)


def test_smoothed_gauges_have_their_evidence_damped():
    state, plain = gauges.GaugeState(), gauges.GaugeState()
    for k in range(40):
        state = gauges.step(state, 1.0 + math.sin(k / 6), 1.0, False)
    for k in range(40):
        plain = gauges.step(plain, 1.0 + math.sin(k * 2.9), 1.0, False)
    assert gauges.autocorrelation(state) > 0.8
    assert gauges.autocorrelation(plain) == 0.0
    assert gauges.log_evidence(state, 40) < 0.2 * gauges.log_evidence(plain, 40)


def test_the_ramp_is_added_up_split_by_split():
    alone, paired = information.exposures([10], [40.0], 10.0, 5)
    weights = [20, 30, 40, 40, 40]
    assert alone == pytest.approx([sum(weights) / 100])
    assert paired == pytest.approx([sum(w * (100 - w) for w in weights) / 10000])


def test_a_long_ramp_is_extrapolated_from_its_plateau():
    alone, _ = information.exposures([10], [40.0], 10.0, 100_000)
    assert alone == pytest.approx([(20 + 30 + 40 * 99_998) / 100])


@pytest.mark.parametrize(("p0", "exact"), [(0.01, 299), (0.001, 2995), (0.05, 59)])
def test_clean_requests_match_the_textbook_and_the_rule_asks_a_little_more(p0, exact):
    assert needs.exact_clean_requests(p0, 0.05) == exact
    z = distributions.ndtri(0.95)
    n = needs.clean_requests(p0, z)
    assert exact < n < 1.2 * exact
    for count, enough in ((n, True), (n - 1, False)):
        v = count * p0 * (1 - p0)
        assert (count * p0 / math.sqrt(v) - 0.25 / math.sqrt(v) >= z) is enough


def test_planning_figures_of_the_specification():
    z = distributions.ndtri(0.95)
    assert needs.share_requests(0.01, 0.003, z) == pytest.approx(950, rel=0.1)
    assert needs.share_requests(0.01, 0.005, z) == pytest.approx(2100, rel=0.1)
    assert needs.share_requests(0.01, 0.008, z) == pytest.approx(14900, rel=0.05)
    assert needs.lift_requests(0.1, 0.5, z) == pytest.approx(570, rel=0.1)
    assert needs.lift_requests(0.1, 0.2, z) == pytest.approx(3200, rel=0.1)
    assert needs.lift_requests(0.1, 0.05, z) == pytest.approx(47500, rel=0.05)


@pytest.mark.parametrize("a", [0.5, 3.0, 77.5, 1e4])
@pytest.mark.parametrize("b", [0.5, 40.0, 3e5])
@pytest.mark.parametrize("x", [1e-4, 0.01, 0.3, 0.97])
def test_the_incomplete_beta_agrees_with_scipy(a, b, x):
    assert distributions.betainc(a, b, x) == pytest.approx(
        special.betainc(a, b, x), rel=1e-8, abs=1e-14
    )


@pytest.mark.parametrize("df", [2.0, 7.0, 60.0])
@pytest.mark.parametrize("p", [0.001, 0.3, 0.9525, 0.9999])
def test_students_quantile_agrees_with_scipy(df, p):
    assert distributions.stdtrit(df, p) == pytest.approx(special.stdtrit(df, p), rel=1e-9)
    assert distributions.ndtri(p) == pytest.approx(special.ndtri(p), rel=1e-12)


def test_a_batch_is_the_difference_and_a_restart_begins_again():
    assert batches.difference((100.0, 5.0), (150.0, 7.0)) == (50.0, 2.0)
    assert batches.difference((100.0, 5.0), (30.0, 1.0)) == (30.0, 1.0)
    assert batches.difference((100.0, 5.0), (99.0, 5.0)) is None
    assert batches.difference((100.0, 5.0), (120.0, 4.7)) is None


def test_time_does_not_restart_with_the_counter():
    assert batches.difference((50.0, 9.0), (60.0, 2.0), by_time=True) == (10.0, 2.0)


def test_a_missing_member_voids_its_group():
    for bad in (None, math.nan, math.inf):
        assert batches.group(ERRORS, {"req": 10.0, "err": bad}, 1.0) is None
    assert batches.group(ERRORS, {"req": 10.0}, 1.0) is None
    assert batches.group(ERRORS, {"req": 10.0, "err": 1.0}, 1.0) == (10.0, 1.0)


def test_more_errors_than_requests_are_clipped():
    assert batches.canonical(ERRORS, (10.0, 11.0)) == (10.0, 10.0)


def test_a_quantile_counts_what_lies_beyond_the_limit():
    assert P95.keys == ("req", "le500", "le500")
    assert batches.canonical(P95, (100.0, 97.0, 97.0)) == (100.0, 3.0, 3.0)
    assert P95.p0 == pytest.approx(0.05)
    assert P95.alternatives == pytest.approx((0.075, 0.11, 0.2, 0.5))


def test_a_mean_keeps_requests_per_bucket():
    found = batches.canonical(MEAN, (10.0, 900.0, *[0.0] * 6, 9.0, 9.0, 9.0, 9.0, 9.0, 9.0))
    assert found[:2] == (10.0, 900.0)
    assert found[2:] == (*[0.0] * 6, 9.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)


def test_errors_are_looked_for_at_five_shares():
    assert ERRORS.alternatives == pytest.approx((0.015, 0.025, 0.05, 0.15, 0.5))
