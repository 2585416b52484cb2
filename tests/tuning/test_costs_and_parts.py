"""Cost-optimal thresholds, and thresholds by part under one target."""

import numpy as np
import pytest
from scipy.stats import norm

from biomatch.curves.build import identification_curve
from biomatch.errors import ResultsError, SettingsError
from biomatch.policy import accept
from biomatch.tuning.by_part import decided, tune_parts
from biomatch.tuning.costs import Costs, cheapest, day
from biomatch.tuning.guarantee import guarantee
from biomatch.tuning.tune import tune

RNG = np.random.default_rng(17)
CURVE = identification_curve(
    RNG.normal(3, 1, 3000), np.ones(3000, int), RNG.normal(0, 1, 20_000), enrolled_count=100
)


def slow_cost(threshold, costs):
    fpir = accept(CURVE.non_mated_top_scores, threshold).mean()
    fnir = 1 - accept(CURVE.mated_scores, threshold).mean()
    p, n = costs.prevalence, costs.traffic_per_day
    alarms = n * ((1 - p) * fpir + p * (1 - fnir))
    return costs.alarm_minutes * alarms + costs.miss_minutes * n * p * fnir


@pytest.mark.parametrize("prevalence", [0.001, 0.1, 0.9])
def test_cheapest_is_cheapest(prevalence):
    costs = Costs(prevalence=prevalence)
    found = cheapest(CURVE, costs)
    assert found.cost_minutes[0] == pytest.approx(slow_cost(found.threshold, costs))
    assert all(found.cost_minutes[0] <= slow_cost(other, costs) + 1e-6 for other in np.linspace(-2, 6, 400))
    # The law's own optimum: the likelihood ratio equals the ratio of prices.
    ratio = (1 - prevalence) * costs.alarm_minutes / (prevalence * (costs.miss_minutes - costs.alarm_minutes))
    best = 1.5 + np.log(ratio) / 3.0
    law = costs.traffic_per_day * (
        costs.alarm_minutes * ((1 - prevalence) * norm.sf(best) + prevalence * norm.cdf(3 - best))
        + costs.miss_minutes * prevalence * norm.cdf(best - 3)
    )
    assert found.cost_minutes[1] <= law <= found.cost_minutes[2]


def test_a_day_adds_up():
    costs = Costs(prevalence=0.01, traffic_per_day=1000)
    found = day(CURVE, costs, 2.0)
    assert found.true_alarms[0] + found.misses[0] == pytest.approx(10)
    alarms = found.true_alarms[0] + found.false_alarms[0]
    assert found.positive_predictive_value[0] == pytest.approx(found.true_alarms[0] / alarms)
    assert (
        found.positive_predictive_value[1]
        < found.positive_predictive_value[0]
        < found.positive_predictive_value[2]
    )
    assert found.to_json()["misses"]["interval"][0] < found.misses[0]
    with pytest.raises(SettingsError, match="did you mean 'prevalence'"):
        Costs.from_mapping({"prevalence": 0.1, "prevalance": 0.1})
    with pytest.raises(ResultsError, match="both kinds"):
        cheapest(identification_curve([1.0], [1], [], enrolled_count=2), costs)


def ports(rng, searches=40_000):
    strata = rng.choice(["a", "b"], searches, p=[0.7, 0.3])
    tops = rng.normal(size=searches) + 1.5 * (strata == "b")
    mated = rng.choice(["a", "b"], 4000, p=[0.7, 0.3])
    return identification_curve(
        rng.normal(4.0, 1.0, 4000), np.ones(4000, int), tops, enrolled_count=100,
        mated_strata={"port": mated}, non_mated_strata={"port": strata},
        mated_subjects=np.arange(4000), non_mated_subjects=4000 + np.arange(searches) // 2,
    )  # fmt: skip


def test_parts_share_a_target_better_than_one_threshold():
    rng = np.random.default_rng(3)
    over, better = 0, 0
    for _ in range(25):
        curve = ports(rng)
        found = tune_parts(curve, "port", max_fpir=0.01)
        a, b = found.thresholds["a"], found.thresholds["b"]
        over += 0.7 * norm.sf(a) + 0.3 * norm.sf(b - 1.5) > 0.01
        one = guarantee(curve.non_mated_top_scores, curve.non_mated_subjects, target=0.01).threshold
        better += 0.7 * norm.cdf(a - 4) + 0.3 * norm.cdf(b - 4) < norm.cdf(one - 4)
    assert over <= 5  # binomial, 25 at 5 %: more has a chance of 0.1 %
    assert better >= 20
    assert found.to_json()["by"]["port"].keys() == {"a", "b"}


def test_tune_by_costs_and_constraints():
    costs = Costs(prevalence=0.01)
    free = tune(CURVE, costs=costs)
    assert free.threshold == cheapest(CURVE, costs).threshold
    assert free.guarantee["day"]["misses"]["value"] > 0
    held = tune(CURVE, costs=costs, subject_to=["fpir<=0.002"])
    assert (
        held.threshold
        == guarantee(CURVE.non_mated_top_scores, None, target=0.002, others=CURVE.mated_scores).threshold
    )
    assert tune(CURVE, max_fpir=0.01, subject_to=["fnir<=0.5"]).guarantee["subject_to"][0]["verdict"] == "met"
    with pytest.raises(ResultsError, match=r"fnir<=0\.01.*not met"):
        tune(CURVE, max_fpir=0.01, subject_to=["fnir<=0.01"])
    with pytest.raises(ResultsError, match="max_fpir or costs"):
        tune(CURVE)
    with pytest.raises(ResultsError, match="one target"):
        tune(CURVE, max_fpir=0.1, costs=costs)


def test_one_target_for_all_ports_at_the_front_door():
    curve = ports(np.random.default_rng(3), searches=12_000)
    point = tune(curve, max_fpir=0.01, by="port", jointly=True)
    assert point.face_threshold_by["port"] == tune_parts(curve, "port", max_fpir=0.01).thresholds
    assert point.face_threshold == max(point.face_threshold_by["port"].values())
    assert (point.guarantee["target"], point.guarantee["jointly_by"]) == (0.01, "port")
    # Each with its own guarantee spends at a what catches more at b.
    each = tune(curve, max_fpir=0.01, by="port")
    assert point.face_threshold_by["port"]["a"] > each.face_threshold_by["port"]["a"]
    assert point.face_threshold_by["port"]["b"] < each.face_threshold_by["port"]["b"]
    for wrong in ({"by": None}, {"by": "group"}):
        with pytest.raises(ResultsError, match="jointly"):
            tune(curve, max_fpir=0.01, jointly=True, **wrong)


def test_the_curve_of_a_decision_counts_each_search_at_its_own_ports_threshold():
    curve = ports(np.random.default_rng(9), searches=4_000)
    own = {"a": 2.0, "b": 3.5}
    found = decided(curve, "port", own, 9.0)
    slow = [
        sum(s >= own[p] for s, p in zip(scores, strata["port"], strict=True))
        for scores, strata in ((curve.non_mated_top_scores, curve.non_mated_strata),
                               (curve.mated_scores, curve.mated_strata))
    ]  # fmt: skip
    assert found.fpir(1.0).numerator == slow[0]
    assert found.fnir(1.0).numerator == curve.mated - slow[1]
    assert decided(curve, "port", {}, 2.5).fpir(1.0) == curve.fpir(2.5)


def test_a_path_without_any_false_positive_is_open_to_its_end():
    """Strangers far below every mate: there was no score to begin from, and the tuning was refused."""
    rng = np.random.default_rng(4)
    found = tune_parts(
        identification_curve(
            rng.normal(9.0, 0.1, 400), np.ones(400, int), rng.normal(0.0, 0.1, 2000), enrolled_count=100,
            mated_strata={"port": rng.choice(["a", "b"], 400)},
            non_mated_strata={"port": rng.choice(["a", "b"], 2000)},
        ), "port", max_fpir=0.02,
    )  # fmt: skip
    assert found.guarantee.to_json()["realised"]["numerator"] == 0
    assert all(1.0 < threshold < 9.0 for threshold in found.thresholds.values())  # every mate of one half
