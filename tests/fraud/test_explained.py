"""A few alerts explained: the parts add up to the fused score that the alert carries."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import biomatch as bm
from biomatch.errors import SettingsError
from biomatch.evaluation.alerts.explained import REST, explained, tuned_for
from biomatch.evaluation.alerts.precision import PER_MILLION
from biomatch.evaluation.result import Result
from biomatch.fraud.detect import EVEN_ODDS
from biomatch.reporting.sections.fraud import alerts_table, groups_table


@pytest.fixture(scope="module")
def judged():
    made = bm.world(bm.Scenario.load("tiny"), seed=1)
    done = bm.run(made.observed, at=bm.OperatingPoint.of(0.4, bm.System.load("today")))
    return made, done, bm.evaluate(done, made.truth, grid=0)


def test_the_parts_add_up_to_the_highest_fused_scores(judged):
    _, _, result = judged
    raised = result.judged_alerts.filter("raised", "counted")
    told = result.alerts.explained
    assert [one.caught for one in told] == [True, False]
    for one in told:
        among = raised.filter("true" if one.caught else (~pl.col("true") & ~pl.col("affected")))
        assert one.ratio == among["log_likelihood_ratio"].max()
        assert sum(part.nats for part in one.parts) == pytest.approx(one.ratio, abs=1e-3)
        assert REST not in {part.evidence for part in one.parts}
        assert one.per_million == PER_MILLION
        assert one.prior == pytest.approx(-EVEN_ODDS, abs=0.01)
        assert one.posterior == one.ratio + one.prior
        row = among.filter(pl.col("encounter_id") == one.encounter_id, pl.col("kind") == one.kind)
        assert len(row) >= 1
        if not one.caught:
            assert one.truth in set(row["cause"])


def test_what_no_model_explains_is_said(judged):
    made, done, result = judged
    off = result.judged_alerts.with_columns(pl.col("log_likelihood_ratio") + 2.0)
    for one in explained(done, off, made.truth):
        assert {part.evidence: part.nats for part in one.parts}[REST] == pytest.approx(2.0, abs=1e-3)
        assert sum(part.nats for part in one.parts) == pytest.approx(one.ratio)


def test_odds_start_where_the_point_was_tuned_or_where_one_asks(judged):
    made, done, result = judged
    for asked in (8.0, 80.0, 800.0):
        told = explained(done, result.judged_alerts, made.truth, frauds_per_million=asked)
        for one, usual in zip(told, result.alerts.explained, strict=True):
            assert one.prior == pytest.approx(np.log(asked / (1e6 - asked)))
            assert one.posterior - usual.posterior == pytest.approx(np.log(asked / 8.0), abs=1e-3)
            assert one.parts == usual.parts
    for wrong in (0.0, 1e6, -1.0, float("nan")):
        with pytest.raises(SettingsError, match="frauds per million"):
            explained(done, result.judged_alerts, made.truth, frauds_per_million=wrong)
    kinds = {"sham_exit": {"prevalence_per_million": 50.0}, "watchlist": {"prevalence_per_million": 8.0}}
    point = done.point.with_({"guarantee": {"alerts": {"kinds": kinds}}})
    assert tuned_for(point) == 58.0
    for broken in (3, {}, {"kinds": 3}, {"kinds": {"watchlist": {}}}):
        assert tuned_for(done.point.with_({"guarantee": {"alerts": broken}})) == PER_MILLION


def test_nothing_raised_or_weighed_explains_nothing(judged):
    made, done, result = judged
    alerts = result.judged_alerts
    assert explained(done, alerts.with_columns(raised=pl.lit(value=False)), made.truth) == ()
    unweighed = alerts.with_columns(log_likelihood_ratio=pl.lit(None, pl.Float64))
    assert explained(done, unweighed, made.truth) == ()


def test_explained_alerts_survive_the_disk(judged, tmp_path):
    result = judged[2]
    result.write(tmp_path / "result")
    assert Result.read(tmp_path / "result").alerts.to_json() == result.alerts.to_json()


def test_false_alarms_by_group_add_up_to_all(judged):
    made, _, result = judged
    joint = result.alerts["all"]
    assert set(joint.groups) <= set(made.truth.people["group"])
    for part in ("numerator", "denominator"):
        assert (
            sum(getattr(one, part) for one in joint.groups.values()) == getattr(joint.false_alarms, part) > 0
        )
    table = groups_table(result.alerts)
    assert [(row[0], row[1].numerator) for row in table.rows] == [
        (name, one.numerator) for name, one in joint.groups.items()
    ]
    assert not any("group" in head.lower() for head in alerts_table(result.alerts).columns)
