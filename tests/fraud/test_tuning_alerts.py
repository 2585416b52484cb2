"""Thresholds of alerts: against enumeration of all choices, and intervals against plain simulation."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biomatch.errors import ResultsError, SettingsError
from biomatch.evaluation.alerts.curves import AlertCurve
from biomatch.policy import OperatingPoint
from biomatch.settings.system import System
from biomatch.tuning.alerts.estimates import AlertCosts, combined, estimate
from biomatch.tuning.alerts.front import MOST_POINTS
from biomatch.tuning.alerts.plan import SILENT, tune_alerts


def curve(events, false, kind="sham_exit", lineages=(1,)):
    events, false = np.array(events, dtype=float), np.array(false, dtype=float)
    return AlertCurve((kind,), events, np.array([kind] * len(events), dtype=str), false,
                      np.arange(len(false)), 10.0, lineages)  # fmt: skip


def expected(one, threshold, prevalence):
    c = np.mean(one.event_scores >= threshold) if one.events else 0.0
    f = np.mean(one.false_scores >= threshold)
    return prevalence * c, prevalence * c + (1 - prevalence) * f


scores = st.lists(st.sampled_from([-np.inf, 0.0, 0.1, 0.2, 0.3, 0.4, 0.5]), min_size=1, max_size=8)


@settings(deadline=None, max_examples=80)
@given(st.lists(st.tuples(scores, scores), min_size=1, max_size=3), st.floats(0, 1.0))
def test_the_limit_is_kept_and_no_single_change_catches_more_within_it(drawn, limit):
    curves = {f"k{i}": curve(e, f, f"k{i}") for i, (e, f) in enumerate(drawn)}
    plan = tune_alerts(curves, max_alerts_a_day=limit, traffic=1.0, prevalence=0.1)
    assert plan.alerts_a_day <= limit + 1e-12
    options = {kind: [SILENT, *one.thresholds] for kind, one in curves.items()}
    best = 0.0
    for choice in itertools.product(*options.values()):
        both = [expected(one, t, 0.1) for one, t in zip(curves.values(), choice, strict=True)]
        if sum(alerts for _, alerts in both) <= limit + 1e-12:
            best = max(best, sum(caught for caught, _ in both))
    got = sum(one.caught_a_day[0] for one in plan.estimates.values())
    # The hull leaves at most one segment untaken, which catches at most all events of one kind.
    assert best - 0.1 - 1e-9 <= got <= best + 1e-9


@settings(deadline=None, max_examples=80)
@given(scores, scores, st.floats(0.1, 10), st.floats(0.1, 1000), st.floats(0.001, 0.5))
def test_least_cost_against_enumeration(events, false, stop, miss, prevalence):
    one = curve(events, false)
    plan = tune_alerts({"k": one}, costs=AlertCosts(stop, miss), traffic=7.0, prevalence=prevalence)
    costs = []
    for threshold in [SILENT, *one.thresholds]:
        caught, alerts = expected(one, threshold, prevalence)
        costs.append(7.0 * (stop * alerts + miss * (prevalence - caught)))
    assert plan.estimates["k"].cost_a_day == pytest.approx(min(costs), rel=1e-9)


def test_the_base_rate_identity():
    """Alarming on every face that did not match, match 98 %, 7 impostors per million: right once in 2,900."""
    false = np.where(np.arange(100_000) < 2_000, 0.0, -np.inf)
    one = curve(np.zeros(1_000), false)
    found = estimate(one, 0.0, kind="sham_exit", prevalence=7e-6, traffic=1e6)
    assert 1 / found.precision[0] == pytest.approx(2_858, abs=1)  # 0.02 * (1 - 7e-6) / 7e-6 + 1
    assert found.alerts_a_day[0] == pytest.approx(7 + 20_000, rel=1e-4)
    assert found.officer_hours_a_catch[0] == pytest.approx(5 / 60 * 2_858, rel=1e-3)


def test_prevalence_moves_precision_and_neither_rate():
    one = curve(np.linspace(0, 1, 50), np.linspace(-1, 0.5, 5000))
    found = [estimate(one, 0.2, kind="k", prevalence=p, traffic=1e5) for p in (8e-6, 80e-6, 800e-6)]
    assert len({f.catch_rate for f in found}) == len({f.false_alarm_rate for f in found}) == 1
    assert found[0].precision[0] < found[1].precision[0] < found[2].precision[0]
    assert all(f.precision[1] <= f.precision[0] <= f.precision[2] for f in found)


def test_the_combined_interval_covers_plain_simulation():
    """600 replicates of an enriched and a clean world: the truth lies inside at least as often as said."""
    random = np.random.default_rng(11)
    catch, false, prevalence, traffic = 0.8, 0.004, 0.002, 1_000.0
    true_precision = prevalence * catch / (prevalence * catch + (1 - prevalence) * false)
    true_alerts = traffic * (prevalence * catch + (1 - prevalence) * false)
    inside = np.zeros(2)
    count = 600
    for _ in range(count):
        events = np.where(random.random(60) < catch, 1.0, -np.inf)
        stops = np.where(random.random(3_000) < false, 1.0, -np.inf)
        found = estimate(curve(events, stops), 1.0, kind="k", prevalence=prevalence, traffic=traffic)
        low, high = found.precision[1:] if found.precision else (0.0, 1.0)
        inside += [
            low <= true_precision <= high,
            found.alerts_a_day[1] <= true_alerts <= found.alerts_a_day[2],
        ]
    # 95 % less 2.6 standard deviations of a binomial of 600.
    assert (inside / count >= 0.95 - 2.6 * np.sqrt(0.95 * 0.05 / count)).all()


def test_events_of_one_actor_do_not_count_as_independent():
    """Three events an actor, all caught or all missed: the interval covers only where it knows of actors."""
    random = np.random.default_rng(12)
    catch, count = 0.8, 500
    inside = np.zeros(2)
    for _ in range(count):
        actors = np.repeat(np.arange(40), 3)
        events = np.where((random.random(40) < catch)[actors], 1.0, -np.inf)
        one = curve(events, [-np.inf] * 9)
        for at, known in enumerate((replace(one, event_subjects=actors), one)):
            low, high = known.catch_rate(1.0).interval
            inside[at] += low <= catch <= high
    assert inside[0] / count >= 0.95 - 2.6 * np.sqrt(0.95 * 0.05 / count)
    assert inside[1] / count < 0.85


def test_worlds_are_put_together_only_where_they_are_independent():
    rich, clean = curve([1.0], [0.5], lineages=(1,)), curve([], [0.1, 0.2], lineages=(2,))
    both = combined(rich, clean)
    assert (both.events, both.encounters, both.lineages) == (1, 2, (1, 2))
    with pytest.raises(ResultsError, match="different seeds"):
        combined(rich, curve([], [0.1], lineages=(1,)))
    with pytest.raises(ResultsError, match="same kinds"):
        combined(rich, curve([], [0.1], kind="morph", lineages=(3,)))


def test_a_plan_becomes_an_operating_point():
    plan = tune_alerts({"sham_exit": curve([0.9, 0.8], [0.1] * 50 + [0.95], lineages=(4,))},
                       max_alerts_a_day=1e-3, traffic=1.0)  # fmt: skip
    point = OperatingPoint.of(0.4, System.load("today"), lineages=[9], alert_thresholds={"morph": 0.3})
    applied = plan.apply(point)
    assert applied.alert_thresholds == {"morph": 0.3, "sham_exit": plan.thresholds["sham_exit"]}
    assert applied.lineages == [4, 9]
    assert applied.guarantee["alerts"]["kinds"]["sham_exit"]["threshold"] == SILENT
    assert OperatingPoint.from_mapping(applied.model_dump(mode="json")) == applied


def test_bad_questions():
    one = {"k": curve([1.0], [0.0])}
    with pytest.raises(ResultsError, match="one of them"):
        tune_alerts(one, traffic=1.0)
    with pytest.raises(ResultsError, match="no kind"):
        tune_alerts({}, max_alerts_a_day=1, traffic=1.0)
    for wrong in ({"traffic": 0.0}, {"traffic": 1.0, "prevalence": 1.0}, {"traffic": 1.0, "prevalence": {}}):
        with pytest.raises(SettingsError):
            tune_alerts(one, max_alerts_a_day=1, **wrong)
    with pytest.raises(SettingsError, match="max_alerts_a_day"):
        tune_alerts(one, max_alerts_a_day=-1, traffic=1.0)


def test_nothing_caught_has_no_price():
    found = estimate(curve([-np.inf], [-np.inf] * 9), 0.0, kind="k", prevalence=1e-5, traffic=10.0)
    assert found.precision is None
    assert found.officer_hours_a_catch is None
    assert found.to_json()["precision"] is None


def test_worlds_are_pooled_and_clean_ones_give_the_stops(tmp_path):
    from biomatch.evaluation.alerts.curves import AlertCurves
    from biomatch.tuning.alerts.tune import PrevalenceFile, plan_fraud, pool

    rich = {"sham_exit": curve([0.9, 0.8], [0.7, 0.1], lineages=(1,))}
    clean = {"sham_exit": curve([], [0.2, 0.3, 0.85], lineages=(2,))}
    both = pool([rich, clean])["sham_exit"]
    assert both.event_scores.tolist() == [0.9, 0.8]
    assert both.false_scores.tolist() == [0.2, 0.3, 0.85]  # of the world without fraud alone
    assert both.lineages == (1, 2)
    alone = pool([rich])["sham_exit"]
    assert alone.false_scores.tolist() == [0.7, 0.1]
    with pytest.raises(ResultsError, match="one seed"):
        pool([rich, rich])
    file = tmp_path / "p.toml"
    file.write_text("other_kinds = 100.0\n[per_million]\nsham_exit = 800.0\n")
    point = OperatingPoint.of(0.4, System.load("today"), lineages=[9])
    worlds = [AlertCurves(one, point) for one in (rich, clean)]
    tuned, plan = plan_fraud(worlds, max_alerts_a_day=1e9, traffic=10.0, prevalence=file)
    assert plan.estimates["sham_exit"].prevalence == pytest.approx(800e-6)
    assert tuned.lineages == [1, 2, 9]
    assert tuned.alert_thresholds["sham_exit"] == 0.8
    costs = tmp_path / "c.toml"
    costs.write_text("stop = 1.0\nmiss = 2.0\n")
    _, cheap = plan_fraud(worlds, alert_costs=costs, traffic=10.0)
    assert cheap.thresholds["sham_exit"] == 0.9  # nobody honest is stopped for it
    file.write_text("[per_million]\nsham = 1.0\n")
    with pytest.raises(SettingsError, match="sham"):
        PrevalenceFile.read(file)


@settings(deadline=None, max_examples=80)
@given(st.lists(st.tuples(scores, scores), min_size=1, max_size=3))
def test_nothing_beats_a_point_of_the_front(drawn):
    curves = {f"k{i}": curve(e, f, f"k{i}") for i, (e, f) in enumerate(drawn)}
    rates = {kind: 1e-5 * (i + 1) for i, kind in enumerate(curves)}
    plan = tune_alerts(curves, max_alerts_a_day=1.0, traffic=1.0, prevalence=rates)
    total = sum(rates.values())
    options = []
    for choice in itertools.product(*([SILENT, *one.thresholds] for one in curves.values())):
        caught = stopped = 0.0
        for (kind, one), threshold in zip(curves.items(), choice, strict=True):
            caught += rates[kind] * np.mean(one.event_scores >= threshold) / total
            stopped += 1e6 * np.mean(one.false_scores >= threshold)
        options.append((caught, stopped))
    found = [(one["caught"], one["stopped_per_million"]) for one in plan.front]
    assert found == sorted(found)
    assert found[-1][0] == pytest.approx(max(caught for caught, _ in options))
    for caught, stopped in found:
        assert any(abs(caught - c) < 1e-9 and abs(stopped - s) < 1e-6 for c, s in options)
        assert not any(c > caught + 1e-9 and s <= stopped + 1e-6 for c, s in options)
    assert plan.to_json()["front"] == plan.front


def test_a_long_front_is_thinned_and_keeps_its_ends():
    random = np.random.default_rng(1)
    one = curve(random.normal(2, 1, 500), random.normal(0, 1, 5_000))
    many = tune_alerts({"k": one}, max_alerts_a_day=1.0, traffic=1.0, prevalence=8e-6).front
    assert 10 < len(many) <= MOST_POINTS + 1
    assert many[-1]["caught"] == many[-1]["kinds"]["k"] == 1.0
    assert tune_alerts({"k": one}, max_alerts_a_day=1.0, traffic=1.0, prevalence=0.0).front == []
