"""What the page says of larger galleries and of costs is what was computed; edited points cannot break it."""

import pytest

import biomatch as bm
from biomatch.reporting.along import Slider, Tracks
from biomatch.reporting.content import content
from biomatch.reporting.figures import Ratio
from biomatch.reporting.points import drawn_curve
from biomatch.reporting.report import pictures
from biomatch.reporting.sections import costs, growth, rates
from biomatch.tuning.costs import Costs, cheapest, day


def with_growth(make, found, **more):
    made = make(count=900)
    guarantee = {**made.point.guarantee, "growth": found, **more}
    return make(count=900, guarantee=guarantee)


@pytest.fixture(scope="module")
def result(make, grown):
    return with_growth(make, grown())


def test_growth_is_told_as_it_was_tuned(result):
    table = growth.growth_table(result)
    assert table.columns[1:] == ("By binomial", "By face model", "By tail")
    assert [row[0] for row in table.rows] == ["20,000", "80,000"]
    assert table.rows[1][1:] == ("2.00% (0.10% to 5.0%)", "1.20% (0.10% to 5.0%)", None)
    measured = growth.measured_table(result).rows
    assert [row[0] for row in measured] == ["2,500", "5,000"]
    assert measured[1][1] == Ratio(9, 9_000, 0.0004, 0.002)
    tests = growth.back_test_table(result)
    assert tests.columns[3:] == ("Predicted by binomial", "Predicted by tail")
    (row,) = tests.rows
    assert (row[0], row[1].numerator, row[2].numerator) == ("0.3100", 200, 800)
    assert row[3] == "10.0% (9.0% to 11%): 1.13 times"  # 0.1 of 800 in 9,000
    assert row[4] is None
    said = growth.sentence(result)
    assert "At the operational gallery of 80,000, 16 times the tested 5,000" in said
    assert "2.00% (binomial), 1.20% (face model)" in said


def test_the_growth_chart_leaves_out_what_a_logarithm_cannot_show(result):
    rows = bm.charts.growth(result).to_dict()["datasets"]
    assert {row["method"] for row in rows["growth"]} == {"binomial", "face model"}
    assert [row["n"] for row in rows["measured"]] == [5_000]
    assert rows["operational"] == [{"n": 80_000}]


def test_without_growth_nothing_is_said(make):
    plain = with_growth(make, None)
    assert growth.growth_table(plain) is growth.back_test_table(plain) is None
    assert growth.measured_table(plain) is None
    assert growth.sentence(plain) == ""
    assert "growth" not in pictures(plain)


@pytest.mark.parametrize(
    "change",
    [
        {"tested": "many"}, {"tested": 0}, {"operational": "x"}, {"estimates": []}, {"back_test": [{}]},
        {"estimates": [{"size": 1}]},
        {"measured": [{"size": 5, "numerator": 9, "denominator": 3, "interval": [0, 1]}]},
        {"measured": [{"size": 5, "numerator": 1, "denominator": 3, "interval": [0.5]}]},
        {"estimates": [{"method": "tail", "size": 5, "fpir": 3.0, "low": 0.1, "high": 0.2}]},
    ],
)  # fmt: skip
def test_an_edited_point_shows_no_growth_and_no_traceback(make, grown, change):
    for found in (grown(**change), "text", [], {}):
        edited = with_growth(make, found)
        assert growth.growth_of(edited) is None
    content(edited, "edited")


def test_hostile_names_of_methods_stay_text(make, grown, tmp_path):
    name = "</script><script>alert(1)</script>" + "x" * 10_000
    hostile = grown(estimates=[{"method": name, "size": 9_000, "fpir": 0.1, "low": 0.1, "high": 0.2}])
    page = bm.report([with_growth(make, hostile)], tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page
    assert name not in page


def test_costs_follow_the_slider_and_say_who_priced_them(result):
    slider = Slider.of(result)
    made = costs.days(result, slider)
    prices, own = costs.costs_of(result)
    assert not own
    table = costs.costs_table(made)
    curve = drawn_curve(result)
    for at, threshold in enumerate(slider.thresholds):
        expected = day(curve, prices, threshold)
        shown = float(table.rows[0][1].values[at].split()[0].replace(",", ""))
        assert shown == pytest.approx(expected.false_alarms[0], rel=0.006, abs=0.006)
        assert made[at] == expected
    rows, least = costs.cost_rows(result, slider, made)
    assert [row["threshold"] for row in rows] == list(slider.thresholds)
    assert rows[3]["hours"] == made[3].cost_minutes[0] / 60
    assert least == [] or least[0]["threshold"] == cheapest(curve, prices).threshold
    sources = {row[0]: row[2] for row in costs.prices_table(result).rows}
    assert sources["Prevalence"] == "share of mated searches in the graded world"
    assert sources["Traffic per day"] == "searches on a mean day of the graded world"


def test_a_priced_day_has_the_searches_of_a_graded_day(result, make, grown):
    slider = Slider.of(result)
    tracks = Tracks(result, slider)
    searches = rates.day_table(tracks).rows[0]
    prices, _ = costs.costs_of(result)
    assert prices.traffic_per_day == pytest.approx(searches[2], rel=1e-3)
    alarms = rates.day_table(tracks).rows[1]
    made = costs.days(result, slider)
    for at in range(len(slider.thresholds)):
        assert made[at].false_alarms[0] == pytest.approx(alarms[2].values[at], rel=1e-3)
    undated = with_growth(make, grown())
    undated = undated.with_(about={**undated.about, "observed": {}})
    assert costs.costs_of(undated)[0].traffic_per_day == Costs(prevalence=0.5).traffic_per_day


def test_prices_of_the_tuning_are_kept(make, grown):
    given = Costs(prevalence=0.01, traffic_per_day=500).model_dump(mode="json")
    priced = with_growth(make, grown(), costs=given)
    prices, own = costs.costs_of(priced)
    assert own
    assert prices.traffic_per_day == 500
    assert costs.costs_of(with_growth(make, grown(), costs={"prevalence": "x"}))[1] is False


def test_both_charts_are_among_the_pictures(result):
    assert {"growth", "costs"} <= set(pictures(result))
    for name in ("growth", "costs"):
        assert pictures(result)[name].to_dict()["description"]
