"""The front of catch rate against stops: shown as tuned, absent where nothing was tuned for fraud."""

import dataclasses

import pytest

import biomatch as bm
from biomatch.rates import rate
from biomatch.reporting.content import content
from biomatch.reporting.fraud.front import HEADING, front_of, front_table
from biomatch.reporting.report import pictures


def make_alerts(**more):
    def kind(caught, stopped):
        return {
            "threshold": 0.1, "prevalence_per_million": 8.0, "catch_rate": rate(caught, 100).to_json(),
            "false_alarm_rate": rate(stopped, 100_000).to_json(),
        }  # fmt: skip

    return {
        "front": [
            {"stopped_per_million": stops, "caught": (a + b) / 2, "kinds": {"sham_exit": a, "morph": b}}
            for stops, a, b in ((0.0, 0.1, 0.0), (120.0, 0.8, 0.4), (5_000.0, 0.9, 0.7))
        ],
        "kinds": {"sham_exit": kind(80, 10), "morph": kind(40, 2)}, **more,
    }  # fmt: skip


def tuned(result, alerts):
    point = result.point.with_({"guarantee": {**result.point.guarantee, "alerts": alerts}})
    return dataclasses.replace(result, point=point)


def test_the_front_is_shown_as_it_was_tuned(result):
    told = tuned(result, make_alerts())
    found = content(told, "a")
    assert found.texts["front-head"] == HEADING
    table = found.tables["alerts-front"]
    assert table.columns[1:] == ("Caught, all kinds", "sham exit", "morph")
    assert [row[1] for row in table.rows] == ["5.00%", "60.0%", "80.0%"]
    assert "Chosen: 120 stopped per million, 60.0% caught" in table.note
    drawn = bm.charts.front(told).to_dict()["datasets"]
    assert [row["stopped"] for row in drawn["front"]] == [120.0, 5_000.0]  # a logarithmic axis has no zero
    assert drawn["chosen"] == [{"stopped": pytest.approx(120.0), "caught": pytest.approx(0.6)}]
    assert "alerts-front" in pictures(told)


def test_what_was_not_tuned_for_fraud_has_none(result):
    assert front_of(result) is front_table(result) is None
    old = content(result, "a")
    assert old.texts["front-head"] == ""
    assert "alerts-front" not in old.tables
    assert "alerts-front" not in pictures(result)


@pytest.mark.parametrize(
    "change",
    [{"front": 3}, {"front": []}, {"front": [{"caught": 1}]}, {"kinds": {}}, {"kinds": {"morph": {}}},
     {"front": [{"stopped_per_million": 1.0, "caught": 7.0, "kinds": {"morph": 1.0}}]}],
)  # fmt: skip
def test_an_edited_point_shows_nothing_and_no_traceback(result, change):
    assert front_of(tuned(result, make_alerts(**change))) is None


@pytest.mark.browser
def test_the_page_draws_the_front(result, tmp_path, look):
    seen = look(bm.report([tuned(result, make_alerts())], tmp_path / "r.html"))
    assert "fraud caught" in seen.page.locator("#chart-alerts-front svg").text_content()
    assert seen.said == []
    plain = look(bm.report([result], tmp_path / "plain.html"))
    assert plain.page.locator("#chart-alerts-front").is_hidden()
