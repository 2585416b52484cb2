"""The waterfall of one alert says what the result says."""

from itertools import pairwise

import pytest
from judged_alerts import with_alerts

import biomatch as bm
from biomatch.evaluation.alerts.alert_result import Evidence, ExplainedAlert
from biomatch.reporting.content import content
from biomatch.reporting.fraud.explained import SIGNS, explained_table, steps

PARTS = {"Face against the photo": 9.5, "Quality of the capture": -0.75, "Exit that no port saw": 4.0}


def make_told(*, caught=True, evidence=PARTS, kind="sham_exit", truth=None, per_million=8.0):
    ratio = sum(evidence.values())
    parts = tuple(Evidence(name, nats) for name, nats in evidence.items())
    truth = truth or ("sham_exit" if caught else "twin")
    return ExplainedAlert(kind, caught, truth, 5, ratio, per_million, -11.74, parts, ratio - 11.74)


def told_in(result, *told):
    return with_alerts(result, explained=told)


def test_every_bar_begins_where_the_last_one_ended():
    told = make_told()
    rows = bm.charts.waterfall(told).to_dict()["datasets"]["steps"]
    assert (rows[0]["start"], rows[0]["end"]) == (0.0, -11.74)
    for before, after in pairwise(rows[:-1]):
        assert after["start"] == before["end"]
    assert rows[-1]["start"] == 0.0
    assert rows[-1]["end"] == pytest.approx(rows[-2]["end"]) == told.posterior
    assert {row["label"]: row["nats"] for row in rows[1:-1]} == pytest.approx(PARTS)
    assert [row["label"] for row in rows[1:-1]] == sorted(PARTS, key=lambda name: -abs(PARTS[name]))
    signs = {row["label"]: (row["sign"], row["said"]) for row in rows}
    assert signs["Face against the photo"] == (SIGNS[0], "+9.50")
    assert signs["Quality of the capture"] == (SIGNS[1], "\N{MINUS SIGN}0.75")


def test_the_table_is_the_chart():
    told = make_told(caught=False)
    table = explained_table("explained-false", told)
    assert table.caption == "One alert explained: sham exit, a false alert, cause: twin"
    assert [row[0] for row in table.rows] == [row["label"] for row in steps(told)]
    assert [row[1] for row in table.rows] == [row["nats"] for row in steps(told)]
    assert "probability of fraud after it 73.3%" in table.note  # 1 / (1 + exp(-1.01))
    assert "+9.5" not in table.to_csv()
    assert "Before any evidence: 8 frauds a million" in table.note
    assert "Before any evidence: 80 frauds" in explained_table("x", make_told(per_million=80.0)).note


def test_a_result_shows_what_was_explained_and_an_older_one_nothing(result):
    found = content(told_in(result, make_told()), "a")
    assert found.texts["explained"]
    assert "explained-caught" in found.tables
    assert "explained-false" not in found.tables
    old = content(result, "a")
    assert old.texts["explained"] == ""
    assert not {"explained-caught", "explained-false"} & set(old.tables)
    assert "explained" not in {row[0] for row in found.tables["alerts"].rows}


def test_hostile_names_stay_text(result, tmp_path):
    name = "</script><script>alert(1)</script>" + "x" * 10_000
    told = make_told(evidence={name: 1.0}, kind=name, truth=name)
    page = bm.report([told_in(result, told)], tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page


@pytest.mark.browser
def test_the_page_draws_the_waterfalls(result, tmp_path, look):
    told = told_in(result, make_told(), make_told(caught=False))
    seen = look(bm.report([told], tmp_path / "r.html"))
    for name in ("caught", "false"):
        drawn = seen.page.locator(f"#chart-explained-{name} svg").text_content()
        assert all(text in drawn for text in (*PARTS, "+9.50", "After all evidence"))
        assert seen.page.locator(f"[data-csv=explained-{name}]").is_visible()
    assert seen.said == []
    plain = look(bm.report([result], tmp_path / "plain.html"))
    assert plain.page.locator("[data-text=explained]").is_hidden()
    assert plain.page.locator("#chart-explained-caught").is_hidden()
