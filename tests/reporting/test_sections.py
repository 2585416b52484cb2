"""Every figure of the report is what the result says."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from judged_alerts import NO_ALERTS, make_alerts

from biomatch.rates import rate
from biomatch.reporting.along import Slider, Tracks, mated
from biomatch.reporting.content import content, labels_of
from biomatch.reporting.figures import Ratio
from biomatch.reporting.sections import fraud, overstays, rates, recommendation, review
from biomatch.reporting.tables import Along


@pytest.fixture(scope="module")
def tracks(result):
    return Tracks(result, Slider.of(result))


def row(table, name):
    (found,) = [cells for cells in table.rows if cells[0] == name]
    return found


def test_rates_along_the_slider_are_those_of_the_curve(result, tracks):
    table = rates.rates_table(tracks)
    fnir, fpir, whole = (table.rows[at][1] for at in range(3))
    for at, threshold in enumerate(tracks.slider.thresholds):
        assert fpir.values[at] == Ratio.of(result.curve.fpir(threshold))
        assert fnir.values[at] == Ratio.of(result.curve.fnir(threshold, rank=result.list_length))
        assert whole.values[at].numerator == fnir.values[at].numerator + result.curve.mated_failures


def test_rates_along_the_slider_are_those_of_the_grid(result):
    tracks = Tracks(result, Slider.of(result, 0))
    table = rates.rates_table(tracks)
    grid = result.grid.sort("threshold")
    assert [one.numerator for one in table.rows[0][1].values] == grid["misses"].to_list()
    assert [one.numerator for one in table.rows[1][1].values] == grid["false_positives"].to_list()


def test_the_tuned_position_is_the_result_itself(result, tracks):
    table, tuned = rates.rates_table(tracks), tracks.slider.tuned
    assert table.rows[0][1].values[tuned] == Ratio.of(result.fnir)
    assert table.rows[1][1].values[tuned] == Ratio.of(result.fpir)
    assert row(table, "System miss rate")[1].values[tuned] == Ratio.of(result.system_miss_rate)
    misses = {cells[0]: cells[1].values[tuned].numerator for cells in rates.misses_table(tracks).rows}
    assert misses == result.misses


def test_a_point_with_thresholds_by_mode_keeps_them_at_the_tuned_position(make):
    found = make(by_mode={"land": 0.55, "sea": 0.38})
    tracks = Tracks(found, Slider.of(found))
    tuned = tracks.slider.tuned
    table = rates.rates_table(tracks)
    assert table.rows[0][1].values[tuned] == Ratio.of(found.fnir)
    assert table.rows[1][1].values[tuned] == Ratio.of(found.fpir)
    assert table.rows[0][1].values[tuned] != Ratio.of(found.curve.fnir(0.42, rank=20))
    assert "(thresholds of their own by mode)" in recommendation.sentence(found)


def test_causes_add_up_to_the_misses_at_every_position(result, tracks):
    table, whole = rates.misses_table(tracks), rates.rates_table(tracks).rows[2][1]
    for at in range(len(tracks.slider.thresholds)):
        assert sum(cells[1].values[at].numerator for cells in table.rows) == whole.values[at].numerator


@pytest.mark.parametrize("by", ["group", "mode", "port"])
def test_breakdowns_are_those_of_the_result(result, tracks, by):
    table, frame = rates.breakdown_table(tracks, by), result.by(by)
    tuned = tracks.slider.tuned
    assert [cells[0] for cells in table.rows] == frame[by].to_list()
    for cells, wanted in zip(table.rows, frame.iter_rows(named=True), strict=True):
        for cell, name in ((cells[1], "fnir"), (cells[2], "fpir")):
            found = cell.values[tuned]
            assert (found.numerator, found.denominator) == (
                wanted[f"{name}_errors"],
                wanted[f"{name}_trials"],
            )
            assert found.high == pytest.approx(wanted[f"{name}_high"], rel=1e-3)
        assert cells[3].numerator == wanted["fta_errors"]


def test_many_strata_are_pooled_and_none_is_lost(make):
    found = make(groups=tuple(f"group {at:03}" for at in range(90)))
    tracks = Tracks(found, Slider.of(found))
    table = rates.breakdown_table(tracks, "group")
    assert len(table.rows) == rates.MOST_STRATA + 1
    tuned = tracks.slider.tuned
    assert sum(cells[1].values[tuned].numerator for cells in table.rows) == found.fnir.numerator
    assert sum(cells[1].values[tuned].denominator for cells in table.rows) == found.fnir.denominator


def test_a_stratum_without_trials_has_no_number(make):
    whole = make()
    found = replace(whole, trials=whole.trials.filter(pl.col("mated") | (pl.col("mode") != "land")))
    tracks = Tracks(found, Slider.of(found))
    land = row(rates.breakdown_table(tracks, "mode"), "land")
    assert {str(one) for one in land[2].values} == {"no trials"}


def test_a_day_at_the_port_counts_what_the_period_counts(result, tracks):
    table = rates.day_table(tracks)
    assert table.columns[1] == "In all 90 days"
    alarms = table.rows[1]
    for at in range(len(tracks.slider.thresholds)):
        number, mean, apart = (alarms[column].values[at] for column in (1, 2, 4))
        assert number == result.curve.fpir(tracks.slider.thresholds[at]).numerator
        assert mean * 90 == pytest.approx(number, rel=1e-3)
        assert apart == (pytest.approx(90 / number, rel=1e-3) if 0 < number < 90 else None)
    assert any(alarms[4].values)
    assert table.rows[0][1] == result.curve.mated + result.curve.non_mated


def test_a_day_at_the_port_carries_on_to_leads_and_fraud(result):
    tracks = Tracks(result, Slider.of(result, 0))
    table = rates.day_table(tracks, overstays.leads_table(result, tracks.slider))
    false = row(table, "False overstay leads, on the last list")
    grid = result.grid.sort("threshold")["false_leads"].to_list()
    assert list(false[1].values) == grid
    assert false[2].values[0] == pytest.approx(grid[0] / 90, rel=1e-3)
    alerts = make_alerts(stopped=18, raised=27, caught=9, events=12)
    told = rates.day_table(Tracks(replace(result, alerts=alerts), tracks.slider))
    assert row(told, "Honest travellers stopped, at the alerts' own thresholds")[1:] == (18, 0.2, None, 5.0)
    assert row(told, "Fraud caught, at the alerts' own thresholds")[1] == 9


def test_one_port_is_not_told_twice(result):
    alone = replace(result, trials=result.trials.with_columns(port=pl.lit("Aerilon")))
    table = rates.day_table(Tracks(alone, Slider.of(alone)))
    assert len(table.columns) == 4
    assert all("port" not in name for name in table.columns)


def test_the_consequences_are_the_counts_of_the_tables(result):
    said = recommendation.consequences(result)
    last = result.overstays[-1]
    for wanted in (
        "90 days long",
        f"{result.fpir.numerator} false alarm",
        f"{result.fnir.numerator} travellers who were not recognised",
        f"{last.false_leads} false overstay leads",
    ):
        assert wanted in said
    alerts = make_alerts(stopped=1, raised=10, caught=9, events=12)
    told = recommendation.consequences(replace(result, alerts=alerts))
    assert "1 honest traveller stopped by an alert of fraud and 9 of 12 frauds caught." in told
    bare = replace(result, trials=result.trials.clear(), stays=result.stays.clear(), alerts=NO_ALERTS)
    assert recommendation.consequences(bare) == ""


def test_no_days_no_figures(make):
    found = make(about={"observed": {}})
    assert rates.day_table(Tracks(found, Slider.of(found))) is None


def test_leads_follow_the_grid(result):
    tracks = Tracks(result, Slider.of(result, 0))
    table, grid = overstays.leads_table(result, tracks.slider), result.grid.sort("threshold")
    wrong = row(table, "Leads that are false")
    assert wrong[1] == Along(tuple(grid["false_leads"].to_list()))
    assert [(one.numerator, one.denominator) for one in wrong[2].values] == list(
        zip(grid["false_leads"], grid["leads"], strict=True)
    )
    lacking = row(table, "Overstays that the list lacks")
    assert [one.denominator for one in lacking[2].values] == (grid["true_leads"] + grid["hidden"]).to_list()


def test_without_a_grid_the_tuned_threshold_stands_alone(make):
    found = make(grid=False)
    slider = Slider.of(found)
    assert slider.thresholds == (found.point.face_threshold,)
    last = found.overstays[-1]
    wrong = row(overstays.leads_table(found, slider), "Leads that are false")
    assert wrong[1:] == (last.false_leads, Ratio.of(rate(last.false_leads, last.leads)))


@pytest.mark.parametrize("by", overstays.PARTS)
def test_who_is_wrongly_listed_adds_up(result, by):
    table, last = overstays.part_table(result, by), result.overstays[-1]
    assert sum(cells[1].numerator for cells in table.rows) == last.false_leads
    assert sum(cells[1].denominator for cells in table.rows) == last.expected_departures
    assert sum(cells[2].denominator for cells in table.rows) == last.leads
    assert sum(cells[3] for cells in table.rows) == last.hidden


def test_causes_of_false_leads_are_the_judges(result):
    slider, last = Slider.of(result, 0), result.overstays[-1]
    table, grid = overstays.causes_table(result, slider), result.grid.sort("threshold")
    shown = {cells[0]: cells[1] for cells in table.rows}
    for cause, number in last.causes.items():
        name = f"{overstays.OF_CAUSE}{cause}"
        if name in grid.columns:
            found = [one.numerator for one in shown[cause].values]
            assert found.pop(slider.tuned) == number  # the result's own, at its own thresholds
            assert found == [n for at, n in enumerate(grid[name]) if at != slider.tuned]
        else:
            assert shown[cause].numerator == number


def test_alerts_are_shown_as_the_judge_counts_them(result):
    shown = fraud.alerts_table(result.alerts)
    assert shown.columns[1:5] == fraud.HEADS
    assert shown.rows[0][0] == "all kinds together"
    assert row(shown, "sham exit")[1] == Ratio.of(rate(10, 14))
    assert str(row(shown, "watchlist")[1]) == "no trials"
    causes = fraud.causes_table(result.alerts)
    assert causes.rows[1] == ("second identity", "relative", Ratio.of(rate(1, 1)), 1e6 / 9_000)
    assert fraud.alerts_table(NO_ALERTS) is None


def test_the_sentence_says_threshold_confidence_and_target(result):
    said = recommendation.sentence(result)
    assert "scoring 0.42 or higher" in said
    assert "95% confidence" in said
    assert "0.1% (1 in 1,000)" in said
    assert "11 of 22,310" in recommendation.guarantee(result)


def test_a_threshold_without_a_guarantee_claims_none(make):
    found = make(guarantee={})
    assert "without a guarantee" in recommendation.sentence(found)
    assert "confidence" not in recommendation.sentence(found)


@pytest.mark.parametrize(
    ("target", "wanted"), [(0.5, "at or below the target"), (1e-7, "ABOVE the target"), (4e-4, "chance")]
)
def test_the_verdict_compares_the_grading_world_with_the_target(make, target, wanted):
    found = make(seed=3, count=20_000, guarantee={"target": target, "confidence": 0.95})
    assert found.fpir.numerator > 0
    if wanted == "chance":  # a target between the rate and its lower bound
        target = (found.fpir.value + found.fpir.interval[0]) / 2
        found = make(seed=3, count=20_000, guarantee={"target": target, "confidence": 0.95})
    assert wanted in recommendation.verdict(found)
    assert recommendation.holds(found) == (wanted != "ABOVE the target")


def test_resubstitution_is_said(make):
    assert recommendation.banner(make()) == ""
    assert recommendation.banner(make(resubstitution=True)).startswith("Resubstitution")


def test_equal_results_have_different_names(make):
    assert len(set(labels_of([make(), make(), make(name="other")]))) == 3


def test_thresholds_of_the_slider_are_listed_with_every_digit(result):
    made = content(result, "x")
    listed = [float(cells[0]) for cells in made.tables["thresholds"].rows]
    assert listed == list(made.slider.thresholds)
    picked = [cells[1] for cells in made.tables["thresholds"].rows]
    assert picked.count("tuned") == 1
    # Each row has its own T, so no line under the caption names one; N and L stand in the note.
    assert made.where(made.tables["thresholds"]) == made.where(made.tables["growth-back-test"]) == ""
    assert made.tables["thresholds"].note.startswith(recommendation.gallery(result))
    assert listed[picked.index("tuned")] == result.point.face_threshold


def test_mated_trials_are_the_counted_ones(result):
    part = mated(result.trials)
    assert np.all(part["counted"].to_numpy() & part["mated"].to_numpy())
    assert part.height == result.system_miss_rate.denominator


def test_review_tables_are_those_of_the_review(result):
    found = result.review
    table = review.review_table(result)
    assert row(table, "Leads on the list")[1] == found.leads > 0
    assert row(table, "True among the confirmed")[1:3] == (found.true_confirmed, Ratio.of(found.precision))
    assert row(table, "Closed")[2] == Ratio.of(found.closed)
    assert "54%" in table.note
    days = review.backlog_table(result)
    assert [cells[1] for cells in days.rows] == list(found.backlog)
    assert days.rows[-1][2:] == (found.reviews, found.true_confirmed, found.wrongly_confirmed)
    orders = review.orders_table(result)
    ends = {cells[-1].numerator for cells in orders.rows}
    assert ends == {found.true_confirmed}  # with time for all, every order ends alike
    assert len(orders.rows) == 4


def test_the_arithmetic_is_the_miss_rate_times_the_departures(result):
    table = overstays.arithmetic_table(result)
    due = result.stays.filter("truly_departed")
    exits = result.trials.filter(pl.col("encounter_id").is_in(due["true_exit_id"].implode()))
    unfound = exits.height - exits["hit"].sum()
    here = row(table, "Exit searches without a hit")
    assert (here[1], here[2].denominator) == (unfound, exits.height)
    flags = row(table, "False flags by the arithmetic, if faces alone recorded exits")
    assert flags[1] == round(unfound / exits.height * result.stays.height)
    assert flags[3] == pytest.approx(46_657_108 * unfound / exits.height, abs=1)
    assert row(table, "Reported as in-country overstays, FY2024")[3] == 482_954
    bare = replace(result, stays=result.stays.drop("true_exit_id"))
    assert overstays.arithmetic_table(bare) is None


def test_an_alarm_is_a_searchs_and_an_alert_is_frauds(result):
    made = content(result, "x")
    for name in ("alerts", "alert-causes", "alerts-by-group"):
        if name in made.tables:
            table = made.tables[name]
            assert "alarm" not in " ".join([table.caption, table.note, *table.columns]).lower()
    assert "false alarm" in made.decision.promise
