"""What the charts draw is what the curves say."""

import numpy as np
import pytest

import biomatch as bm
from biomatch.curves.build import identification_curve, verification_curve
from biomatch.reporting import charts, points


def test_the_front_door_offers_the_charts(result):
    assert bm.charts is charts
    assert bm.charts.det(result.curve).to_dict()["datasets"]["curve"]


def test_a_det_curve_holds_the_curves_own_rates(result):
    rows = charts.det(result.curve, at=0.42).to_dict()["datasets"]
    assert rows["curve"]
    for row in rows["curve"]:
        assert row["fpir"] == result.curve.fpir(row["threshold"]).value
        assert row["fnir"] == result.curve.fnir(row["threshold"], rank=20).value
        assert row["fnir_low"] <= row["fnir"] <= row["fnir_high"]
    (now,) = rows["now"]
    assert now["fnir"] == result.fnir.value


def test_a_drawn_curve_never_goes_up(result):
    rows = sorted(points.drawn(points.curve_rows(result.curve)), key=lambda row: row["fpir"])
    assert len(rows) > 5
    assert np.all(np.diff([row["fnir"] for row in rows]) <= 0)


def test_a_marked_threshold_of_the_curve_lies_on_it(result):
    rows = {row["fpir_errors"]: row for row in points.drawn(points.curve_rows(result.curve))}
    assert len(rows) > 5
    for errors, row in rows.items():
        known = result.curve.points(rank=result.list_length)
        least = known.misses[known.false_positives == errors].min()
        assert row["fnir_errors"] == least  # the best corner of the curve at that count


def test_the_ends_of_the_curve_are_drawn(result):
    rows = points.curve_rows(result.curve)
    assert len(rows) <= points.LARGEST_CURVE + 2
    counts = [row["fpir_errors"] for row in rows]
    assert counts[0] == max(counts)
    assert min(counts) == 0
    assert {1, 2, 3} <= set(counts) | {0}  # the rare counts, where borders operate, are not thinned out
    assert rows == sorted(rows, key=lambda row: row["threshold"])


def test_zero_stands_at_the_edge_and_not_below():
    curve = identification_curve([0.9] * 50, [1] * 50, [0.1] * 400, enrolled_count=10)
    row = charts.now_row(curve, 0.5)
    assert (row["fpir"], row["fnir"]) == (pytest.approx(1e-3), pytest.approx(1e-2))
    assert row["fpir_errors"] == 0


def test_no_search_draws_no_mark_and_no_curve():
    curve = identification_curve([0.9], [1], [], enrolled_count=10)
    assert points.drawn(points.curve_rows(curve)) == []
    assert charts.now_row(curve, 0.5)["fpir"] is None


def test_a_verification_curve_has_its_own_names():
    curve = verification_curve([0.5, 0.6, 0.7, 0.3], [0.1, 0.2, 0.3, 0.5])
    text = charts.det(curve, at=0.5).to_json()
    assert "FMR" in text
    assert "FNIR" not in text
    assert "FNMR" in charts.fnir_against_threshold(curve).to_json()


def test_groups_and_causes_draw_the_tuned_threshold(result):
    rows = charts.groups(result, "mode", rate="FPIR").to_dict()["datasets"]["strata"]
    wanted = {row["mode"]: row["fpir_errors"] for row in result.by("mode").iter_rows(named=True)}
    assert {row["label"]: row["errors"] for row in rows} == wanted
    bars = charts.causes(result).to_dict()["datasets"]["bars"]
    assert {row["label"]: row["errors"] for row in bars} == result.misses


def test_leads_and_alerts(result):
    rows = charts.overstays(result).to_dict()["datasets"]["leads"]
    hidden = [row["number"] for row in rows if row["what"] == "hidden overstays"]
    assert hidden == result.grid.sort("threshold")["hidden"].to_list()
    kinds = charts.alerts(result).to_dict()["datasets"]["alerts"]
    assert {row["label"] for row in kinds} == {
        "all kinds together", "sham exit", "second identity",
    }  # fmt: skip  # no trials: nothing to draw


@pytest.mark.parametrize("trials", [0, 1, 9, 10, 999, 1000, 12_345])
def test_the_axis_ends_at_the_decade_of_one_error(trials):
    floor = points.floor_of(trials)
    assert floor <= 1 / max(trials, 1) * (1 + 1e-6)
    assert floor > 1 / max(trials, 1) / 10
