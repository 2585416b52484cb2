"""Thresholds of alerts by port or mode: under one budget, held back from noise, applied by the judge."""

from __future__ import annotations

import json
from unittest import mock

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from biomatch.cli import run as run_command
from biomatch.errors import ResultsError, SettingsError
from biomatch.evaluation.alerts.by_part import AlertParts, joined
from biomatch.evaluation.alerts.curves import AlertCurve, alert_curves
from biomatch.evaluation.alerts.judge import judge_alerts
from biomatch.policy import OperatingPoint
from biomatch.settings.scenario import KINDS, Scenario
from biomatch.settings.system import System
from biomatch.system.run import run
from biomatch.tuning import tune
from biomatch.tuning.alerts.by_part import drawn_together, prior_trials
from biomatch.tuning.alerts.estimates import AlertCosts
from biomatch.tuning.alerts.plan import SILENT, tune_alerts
from biomatch.tuning.alerts.tune import plan_fraud, tune_fraud
from biomatch.worlds import world, write_world


def two_ports(rng, shift, honest=40_000, events=2_000, kind="sham_exit", labels=("A", "B"), share=(0.6, 0.4)):
    """Scores of honest travellers N(0, 1) at A and N(shift, 1) at B, of events N(4, 1) at both."""
    port = rng.choice(2, honest, p=share)
    at = rng.choice(2, events, p=share)
    own = rng.normal(4.0, 1.0, events)
    by = np.full((events, 2), -np.inf)
    by[np.arange(events), at] = own
    return AlertCurve(
        (kind,), own, np.array([kind] * events), rng.normal(0, 1, honest) + shift * (port == 1),
        np.arange(honest), 10.0, (1,), parts={"port": AlertParts(labels, by, port)},
    )  # fmt: skip


def true_rates(a, b, shift, share=(0.6, 0.4)):
    caught = share[0] * norm.sf(a - 4) + share[1] * norm.sf(b - 4)
    return caught, share[0] * norm.sf(a) + share[1] * norm.sf(b - shift)


def test_ports_that_differ_catch_more_with_the_same_stops():
    rng = np.random.default_rng(4)
    gains, stops = [], []
    for _ in range(10):
        curve = two_ports(rng, 1.5)
        plans = [
            tune_alerts({"sham_exit": curve}, max_stops_per_million=2_000, traffic=1e4, by=by)
            for by in (None, "port")
        ]
        for plan in plans:
            assert plan.estimates["sham_exit"].false_alarm_rate.value <= 0.002
        single = plans[0].thresholds["sham_exit"]
        own = plans[1].parts["sham_exit"]
        assert own["A"] < single <= own["B"]
        one, two = true_rates(single, single, 1.5), true_rates(own["A"], own["B"], 1.5)
        gains.append(two[0] - one[0])
        stops.append(two[1])
    # By the law itself, at 0.002 stopped: 0.469 caught from 4.08 at both, 0.666 from 2.96 and 4.28.
    assert np.mean(gains) == pytest.approx(0.666 - 0.469, abs=0.03)
    assert np.mean(stops) == pytest.approx(0.002, rel=0.15)  # what was counted is a little hopeful


def test_ports_that_do_not_differ_share_one_threshold_but_for_chance():
    rng = np.random.default_rng(5)
    off = []
    for _ in range(20):
        curve = two_ports(rng, 0.0)
        plan = tune_alerts({"sham_exit": curve}, max_stops_per_million=2_000, traffic=1e4, by="port")
        own = plan.parts["sham_exit"]
        off.append(abs(own["A"] - own["B"]))
    assert np.median(off) < 0.15  # thresholds of ports of a few hundred stops each, undrawn, scatter by more


def test_the_strength_of_the_prior_is_found_again():
    """Beta-binomial with a prior of 200 trials: the moment estimate; no bound where parts are equal."""
    rng = np.random.default_rng(6)
    trials = rng.integers(500, 3_000, 400).astype(float)
    rates = rng.beta(200 * 0.02, 200 * 0.98, 400)
    assert prior_trials(rng.binomial(trials.astype(int), rates).astype(float), trials) == pytest.approx(
        200, rel=0.25
    )
    equal = np.array([prior_trials(rng.binomial(1_000, 0.02, 5).astype(float), np.full(5, 1e3))
                      for _ in range(200)])  # fmt: skip
    assert np.isinf(equal).mean() > 0.5
    assert np.isinf(prior_trials(np.array([3.0]), np.array([10.0])))  # one part alone
    assert np.isinf(prior_trials(np.zeros(3), np.full(3, 10.0)))  # nothing happened


def test_rates_are_drawn_between_their_own_and_the_common_one():
    errors = np.array([[40.0, 80.0], [2.0, 5.0], [1.0, 1.0]])
    trials = np.array([1_000.0, 1_000.0, 10.0])
    found = drawn_together(errors, trials, 0)
    common, own = errors.sum(axis=0) / trials.sum(), errors / trials[:, None]
    assert (found >= np.minimum(common, own) - 1e-12).all()
    assert (found <= np.maximum(common, own) + 1e-12).all()
    # The part with ten trials lies nearer to the common rate than to its own.
    assert abs(found[2, 0] - common[0]) < abs(found[2, 0] - own[2, 0])


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_events_are_caught_where_some_alert_reaches_its_own_ports_threshold(data):
    value = st.sampled_from([-np.inf, 0.0, 1.0, 2.0])
    scores = np.array(data.draw(st.lists(st.tuples(value, value, value), max_size=6)), dtype=float)
    scores = scores.reshape(-1, 3)
    limits = np.array(data.draw(st.tuples(*[st.sampled_from([0.0, 1.0, 2.0, 3.0])] * 3)))
    parts = AlertParts(("a", "b", "c"), scores, np.zeros(0, dtype=np.int64))
    slow = [any(s >= t and s > -np.inf for s, t in zip(row, limits, strict=True)) for row in scores]
    assert parts.caught(limits).tolist() == slow
    for row, owner in zip(scores, parts.owners, strict=True):
        assert owner == (-1 if np.isneginf(row).all() else list(row).index(row.max()))
    both = joined([parts, AlertParts(("d", "b"), np.ones((1, 2)), np.zeros(0, dtype=np.int64))], [])
    assert both.labels == ("a", "b", "c", "d")
    assert both.event_scores[:-1, :3].tolist() == scores.tolist()
    assert both.event_scores[-1].tolist() == [-np.inf, 1.0, -np.inf, 1.0]


def test_a_port_with_too_few_encounters_keeps_the_single_threshold():
    rng = np.random.default_rng(7)
    curve = two_ports(rng, 1.5, share=(0.99, 0.01))  # 400 at B: 0.8 stops expected at 2,000 in a million
    plan = tune_alerts({"sham_exit": curve}, max_stops_per_million=2_000, traffic=1e4, by="port")
    assert plan.parts == {}
    assert plan.too_few["sham_exit"] == ("A", "B")  # one port alone is no breakdown
    assert "too few" in "\n".join(plan.lines())
    three = two_ports(rng, 1.5)
    wide = np.c_[three.parts["port"].event_scores, np.full(three.events, -np.inf)]
    port = three.parts["port"].honest.copy()
    port[:300] = 2
    three = AlertCurve(
        three.kinds, three.event_scores, three.event_kinds, three.false_scores, three.subjects, 10.0, (1,),
        parts={"port": AlertParts(("A", "B", "C"), wide, port)},
    )  # fmt: skip
    plan = tune_alerts({"sham_exit": three}, max_stops_per_million=2_000, traffic=1e4, by="port")
    assert set(plan.parts["sham_exit"]) == {"A", "B"}
    assert plan.too_few["sham_exit"] == ("C",)
    assert plan.estimates["sham_exit"].false_alarm_rate.value <= 0.002


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_the_limit_of_all_is_kept_whatever_the_parts(data):
    value = st.sampled_from([-np.inf, 0.0, 0.1, 0.2, 0.3, 0.4])
    curves = {}
    for kind in ("sham_exit", "morph")[: data.draw(st.integers(1, 2))]:
        events = np.array(data.draw(st.lists(st.tuples(value, value, value), max_size=8)), dtype=float)
        events = events.reshape(-1, 3)
        false = np.array(data.draw(st.lists(value, min_size=1, max_size=12)))
        port = np.array(data.draw(st.lists(st.integers(0, 2), min_size=len(false), max_size=len(false))))
        parts = AlertParts(("A", "B", "C"), events, port)
        best = events.max(axis=1) if len(events) else np.zeros(0)
        curves[kind] = AlertCurve(
            (kind,), best, np.array([kind] * len(best), dtype=str), false, np.arange(len(false)), 1.0, (1,),
            parts={"port": parts},
        )  # fmt: skip
    share = data.draw(st.floats(0, 1.0))
    with mock.patch(
        "biomatch.tuning.alerts.by_part.LEAST_STOPS", data.draw(st.sampled_from([1e-9, 0.5, 3.0]))
    ):
        stops = tune_alerts(curves, max_stops_per_million=1e6 * share, traffic=1.0, by="port", prevalence=0.1)
        alerts = tune_alerts(curves, max_alerts_a_day=share, traffic=1.0, by="port", prevalence=0.1)
    assert sum(one.false_alarm_rate.value for one in stops.estimates.values()) <= share + 1e-9
    # An event that two ports would catch is planned at one of them alone: what the other adds comes on top.
    extra = sum(
        0.1
        * max(one.catch_rate.numerator - _owned(curves[kind], alerts, kind), 0)
        / max(curves[kind].events, 1)
        for kind, one in alerts.estimates.items()
    )
    assert alerts.alerts_a_day <= share + extra + 1e-9


def _owned(curve, plan, kind):
    """Events that are caught at the port of their highest alert."""
    parts = curve.part("port")
    limits = parts.thresholds(plan.parts.get(kind, {}), plan.thresholds[kind])
    return sum(
        owner >= 0 and scores[owner] >= limits[owner]
        for scores, owner in zip(parts.event_scores, parts.owners, strict=True)
    )


def test_least_cost_by_port():
    rng = np.random.default_rng(8)
    curve = two_ports(rng, 1.5)
    costs = AlertCosts(1.0, 2_000.0)
    cheap = [
        tune_alerts({"sham_exit": curve}, costs=costs, traffic=1e4, prevalence=1e-4, by=by)
        for by in (None, "port")
    ]
    assert cheap[1].estimates["sham_exit"].cost_a_day < cheap[0].estimates["sham_exit"].cost_a_day
    assert cheap[1].parts["sham_exit"]["A"] < cheap[1].parts["sham_exit"]["B"]


def test_a_breakdown_that_is_not_there_is_refused():
    plain = AlertCurve(("k",), np.ones(1), np.array(["k"]), np.zeros(9), np.arange(9), 1.0, (1,))
    with pytest.raises(ResultsError, match="by 'port'"):
        tune_alerts({"k": plain}, max_stops_per_million=1e5, traffic=1.0, by="port")
    with pytest.raises(SettingsError, match="max_stops_per_million"):
        tune_alerts({"k": plain}, max_stops_per_million=-1, traffic=1.0)
    with pytest.raises(ResultsError, match="one of them"):
        tune_alerts({"k": plain}, max_stops_per_million=1, max_alerts_a_day=1, traffic=1.0)


@pytest.fixture(scope="module")
def swept():
    """Two small worlds with an airport and a land port, each run at one point."""
    point = OperatingPoint.of(0.4, System.load("today"))
    found = []
    for seed, rate in ((1, 60_000.0), (2, 0.0)):
        changes = {"travellers": 1_500, **{f"subversion.{kind}": rate for kind in KINDS}}
        made = world(Scenario.load("tiny").with_(changes), seed)
        done = run(made.observed, at=point)
        found.append((made, done, alert_curves(done, made.truth)))
    return found


def test_the_judge_counts_what_the_plan_counted(swept):
    """Tuned by mode and judged on the same worlds: the same events and the same honest encounters."""
    curves = [one for _, _, one in swept]
    point, plan = plan_fraud(curves, max_stops_per_million=60_000, by="mode")
    assert plan.parts
    assert OperatingPoint.from_mapping(point.model_dump(mode="json")) == point
    judged = [judge_alerts(done.alerts, made.observed, made.truth, point)[1] for made, done, _ in swept]
    for kind, one in plan.estimates.items():
        both = [counts[kind] for counts in judged]  # so does the plan
        assert sum(counts.false_encounters for counts in both) == one.false_alarm_rate.numerator
        assert sum(counts.honest_encounters for counts in both) == one.false_alarm_rate.denominator
        events = sum(counts.events for counts in both)
        assert events == one.catch_rate.denominator == sum(own[kind].events for _, _, own in swept)
        assert sum(counts.caught_by_kind for counts in both) == one.catch_rate.numerator


def test_alerts_take_the_threshold_of_where_they_arose(swept):
    made, done, _ = swept[0]
    kind = "document_photo_conflict"
    by = {"mode": {"land": {kind: SILENT}}}
    at = OperatingPoint.of(0.4, System.load("today"), alert_thresholds_by=by)
    judged, _ = judge_alerts(done.alerts, made.observed, made.truth, at)
    plain, _ = judge_alerts(done.alerts, made.observed, made.truth, done.point)
    land = made.observed.encounters.filter(pl.col("mode") == "land")["encounter_id"].implode()
    here = pl.col("encounter_id").is_in(land)
    mine = pl.col("kind") == kind
    assert plain.filter(mine & here)["raised"].any()
    assert not judged.filter(mine & here)["raised"].any()
    assert judged.filter(~(mine & here)).equals(plain.filter(~(mine & here)))
    wrong = OperatingPoint.of(0.4, System.load("today"), alert_thresholds_by={"gate": {"7": {kind: 1.0}}})
    with pytest.raises(SettingsError, match="gate"):
        judge_alerts(done.alerts, made.observed, made.truth, wrong)


def test_a_threshold_of_a_kind_that_there_is_not_is_refused():
    for wrong in ({"alert_thresholds": {"sham_exits": 1.0}},
                  {"alert_thresholds_by": {"mode": {"land": {"sham_exits": 1.0}}}}):  # fmt: skip
        with pytest.raises(SettingsError, match=r"sham_exits.*did you mean 'sham_exit'"):
            OperatingPoint.of(0.4, System.load("today"), **wrong)


def test_tuning_again_without_parts_forgets_them(swept):
    curves = [one for _, _, one in swept]
    split, _ = plan_fraud(curves, max_stops_per_million=60_000, by="mode")
    other = OperatingPoint.from_mapping(
        {**split.model_dump(mode="json"), "alert_thresholds_by": {
            **split.alert_thresholds_by, "port": {"LAND1": {"morph": 0.5}}}}
    )  # fmt: skip
    _, plan = plan_fraud(curves, max_stops_per_million=60_000)
    assert plan.apply(other).alert_thresholds_by == {"port": {"LAND1": {"morph": 0.5}}}


def test_several_worlds_at_the_python_door(swept):
    curves = [one for _, _, one in swept]
    given = {"max_stops_per_million": 60_000, "prevalence": {"sham_exit": 80.0}, "traffic": 1e4}
    assert tune_fraud(curves, **given) == plan_fraud(curves, **given)[0]
    assert tune_fraud(curves[0], max_alerts_a_day=5).lineages == [1]
    assert tune_fraud(curves, by="mode", **given).alert_thresholds_by
    for wrong, words in (
        ([], "no world"),
        ([curves[0], "curve"], "a str; allowed: curves of alerts"),
    ):
        with pytest.raises(ResultsError, match=words):
            tune_fraud(wrong, max_stops_per_million=1.0)
    with pytest.raises(ResultsError, match=r"write bm\.tune_fraud"):
        tune(curves, max_fpir=0.1)


def test_the_command_tunes_by_mode(swept, tmp_path, capsys):
    pairs = []
    for seed, (made, done, _) in enumerate(swept, 1):
        write_world(Scenario.from_mapping(made.truth.scenario), seed, tmp_path / f"w{seed}")
        done.lists.write(tmp_path / f"l{seed}")
        pairs += [str(tmp_path / f"l{seed}"), str(tmp_path / f"w{seed}")]
    point = tmp_path / "at.json"
    point.write_text(json.dumps(swept[0][1].point.model_dump(mode="json")))
    words = ["tune", *pairs, "--for", "fraud", "--at", str(point), "--out", str(tmp_path / "t.json")]
    assert run_command([*words, "--max-stops-per-million", "60000", "--by", "mode", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["alert_thresholds_by"]["mode"].keys() <= {"air", "land"}
    assert OperatingPoint.read(tmp_path / "t.json").alert_thresholds_by == told["alert_thresholds_by"]
    assert run_command([*words, "--max-stops-per-million", "60000", "--by", "gate"]) == 2
    assert "by 'gate'" in capsys.readouterr().err
    assert run_command([*words, "--max-fpir", "0.1", "--max-stops-per-million", "9"]) == 2
    assert "--max-fpir with --for fraud" in capsys.readouterr().err
    words = ["tune", *pairs, "--max-fpir", "0.3", "--out", str(tmp_path / "f.json")]
    assert run_command([*words, "--by", "mode", "--jointly", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    point = OperatingPoint.read(tmp_path / "f.json")
    assert point.face_threshold_by == told["threshold_by"]
    assert set(told["threshold_by"]["mode"]) == {"air", "land"}
    assert told["guarantee"]["jointly_by"] == "mode"
    assert told["fpir"]["value"] <= 0.3
    assert run_command([*words, "--max-alerts-a-day", "3"]) == 2
    assert "--max-alerts-a-day without --for" in capsys.readouterr().err
