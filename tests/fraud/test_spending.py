"""A limit of stops is never exceeded, is spent where it pays, and what is left is explained."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biomatch.errors import SettingsError
from biomatch.evaluation.alerts.curves import FUSED_KEY, AlertCurve, AlertCurves
from biomatch.fraud.detect import DETECTORS, FUSED, alert_threshold, searched_kinds, unsearched_kinds
from biomatch.policy import OperatingPoint
from biomatch.settings.system import System
from biomatch.tuning.alerts.estimates import AlertCosts
from biomatch.tuning.alerts.plan import SILENT, tune_alerts
from biomatch.tuning.alerts.tune import PrevalenceFile, plan_fraud

scores = st.lists(st.integers(0, 12).map(float) | st.just(-np.inf), min_size=1, max_size=25)
curves = st.dictionaries(
    st.sampled_from(["sham_exit", "morph", "concealer"]), st.tuples(scores, scores), min_size=1
)


def curve_of(kind, caught, stopped):
    return AlertCurve(
        (kind,),
        np.array(caught),
        np.full(len(caught), kind),
        np.array(stopped),
        np.arange(len(stopped)),
        10.0,
    )


@given(curves, st.integers(0, 1_000_000))
def test_a_limit_holds_and_nothing_that_it_allows_is_left(drawn, stops):
    every = {kind: curve_of(kind, *pair) for kind, pair in drawn.items()}
    plan = tune_alerts(every, max_stops_per_million=float(stops), traffic=100.0)
    spent = sum(one.false_alarm_rate.value for one in plan.estimates.values())
    assert spent <= stops / 1e6 + 1e-12
    left = stops / 1e6 - spent
    for kind, one in every.items():
        caught, stopped = one.at(plan.thresholds[kind])
        # The slow way: every lower threshold that catches more stops more than is left.
        for threshold in one.thresholds[one.thresholds < plan.thresholds[kind]]:
            more, dearer = one.at(threshold)
            assert more == caught or (dearer - stopped) / one.encounters > left - 1e-12
    assert plan.spending.startswith("limit: ")
    assert ("every event that any alert shows" in plan.spending) == all(
        one.at(plan.thresholds[kind])[0] == np.isfinite(one.event_scores).sum() for kind, one in every.items()
    )


def test_what_is_not_searched_is_called_that_and_what_is_off_says_why():
    system = System.load("all")
    assert unsearched_kinds(system) == ("watchlist",)
    assert set(searched_kinds(System.load("default"))) == set(DETECTORS)
    assert unsearched_kinds(System.load("watchlist")) == ("second_identity",)
    plan = tune_alerts(
        {"morph": curve_of("morph", [1.0], [2.0] * 9), "sham_exit": curve_of("sham_exit", [], [3.0])},
        max_stops_per_million=10.0,
        traffic=100.0,
    )
    told = "\n".join(plan.lines())
    assert plan.thresholds == {"morph": SILENT, "sham_exit": SILENT}
    assert "morph: off, no threshold within the limit catches any of its 1 events" in told
    assert "sham_exit: off, no event of its kind in the tuning worlds" in told
    assert "the next event to be caught (morph) would take" in told
    with pytest.raises(SettingsError, match="did you mean 'morph'"):
        searched_kinds(system.with_({"alerts.kinds": ["morf"]}))


def test_fused_kinds_share_one_threshold_and_the_watchlist_has_its_own():
    fused = AlertCurve(
        FUSED, np.array([5.0, 3.0, -np.inf]), np.array(["impostor", "morph", "morph"]),
        np.array([4.0, *[-np.inf] * 99]), np.arange(100), 10.0,
    )  # fmt: skip
    watch = curve_of("watchlist", [0.6], [0.4, *[-np.inf] * 99])
    plan = tune_alerts({FUSED_KEY: fused, "watchlist": watch}, max_stops_per_million=0.0, traffic=100.0)
    assert {kind: plan.thresholds[kind] for kind in FUSED} == dict.fromkeys(FUSED, 5.0)
    assert plan.thresholds["watchlist"] == 0.6
    assert {kind: rate.numerator for kind, rate in plan.events[FUSED_KEY].items()} == {
        "impostor": 1,
        "morph": 0,
    }
    point = plan.apply(OperatingPoint.of(0.4, System.load("default")))
    assert point.alert_thresholds == plan.thresholds
    wide = tune_alerts({FUSED_KEY: fused, "watchlist": watch}, max_stops_per_million=10_000.0, traffic=100.0)
    assert wide.thresholds["morph"] == 3.0


def test_a_watchlist_alarms_at_its_own_search_until_it_is_tuned():
    changes = {"face_threshold_by": {"search": {"watchlist": 0.31, "all": 0.55}}}
    point = OperatingPoint.of(0.45, System.load("default")).with_(changes)
    assert alert_threshold("watchlist", point) == 0.31
    by_evidence = point.with_({"system.alerts.scoring": "evidence"})
    assert alert_threshold("second_identity", by_evidence) == 0.55


def test_a_prevalence_without_kinds_is_of_any_fraud():
    assert PrevalenceFile().rates([FUSED_KEY, "watchlist"]) == {FUSED_KEY: 8e-6, "watchlist": 8e-6}
    given_ = PrevalenceFile.from_mapping({"per_million": {"morph": 4.0, "sham_exit": 2.0, "watchlist": 50.0}})
    assert given_.rates([FUSED_KEY, "watchlist"]) == pytest.approx({FUSED_KEY: 6e-6, "watchlist": 50e-6})


def test_fused_kinds_have_one_cost_of_a_miss():
    point = OperatingPoint.of(0.4, System.load("default"))
    fused = AlertCurve(FUSED, np.array([5.0]), np.array(["morph"]), np.zeros(9), np.arange(9), 10.0, (1,))
    curves = AlertCurves({"morph": curve_of("morph", [5.0], [0.0] * 9)}, point, fused)
    with pytest.raises(SettingsError, match="fused kinds share one threshold"):
        plan_fraud([curves], alert_costs=AlertCosts(1.0, 10.0, {"morph": 99.0}))
    tuned, plan = plan_fraud([curves], alert_costs=AlertCosts(1.0, 1e7))
    assert set(tuned.alert_thresholds) == set(FUSED)
    assert plan.not_searched == ()
