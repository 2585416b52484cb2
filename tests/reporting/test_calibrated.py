"""Calibration in the report: the verdict is said, and the plot shows what the bins say."""

import pytest
from judged_alerts import with_alerts

import biomatch as bm
from biomatch.evaluation.alerts.alert_result import ModelCalibration, ReliabilityBin
from biomatch.reporting.content import content
from biomatch.reporting.fraud.calibrated import (
    HEADING,
)
from biomatch.reporting.report import pictures

BINS = (
    ReliabilityBin(stated=-1.0, realised=-2.3, low=-2.5, high=-2.1, events=50, others=899),
    ReliabilityBin(stated=7.0, realised=6.5, low=5.0, high=8.0, events=40, others=1),
    ReliabilityBin(stated=9.0, realised=None, low=4.0, high=None, events=10, others=0),
)


def make_one(model="photo", cllr=0.35, minimum=0.07, verdict="NOT calibrated", bins=BINS, says="a face"):
    return ModelCalibration(model, says, 100, 900, cllr, minimum, verdict, bins)


def told_in(result, *found):
    return with_alerts(result, calibration=found)


def test_the_verdict_is_said_and_the_plot_is_the_table(result):
    fine = make_one("entry", 0.01, 0.009, "calibrated", bins=())
    told = told_in(result, make_one(), fine, make_one("fusion", None, None, "too few cases", bins=()))
    found = content(told, "a")
    assert found.texts["calibrated-head"] == HEADING
    assert "face against photo are NOT calibrated in this world" in found.texts["calibrated"]
    assert "face against entry are calibrated" in found.texts["calibrated"]
    assert "all evidence" not in found.texts["calibrated"]
    assert [row[-1] for row in found.tables["calibration"].rows] == [
        "NOT calibrated", "calibrated", "too few cases",
    ]  # fmt: skip
    rows = found.tables["calibration-bins"].rows
    assert [row[-1] for row in rows] == ["outside", "inside", "inside"]
    drawn = bm.charts.reliability(told).to_dict()["datasets"]
    assert [(row["stated"], row["realised"]) for row in drawn["bins"]] == [(row[1], row[2]) for row in rows]
    assert drawn["bins"][2]["high"] == 9.0  # an open end is drawn to the edge
    assert [row["stated"] for row in drawn["diagonal"]] == [-2.5, 9.0]
    assert "reliability" in pictures(told)
    assert not {"calibration", "photo"} & {row[0] for row in found.tables["alerts"].rows}


def test_results_without_calibration_say_nothing(result):
    old = content(result, "a")
    assert (old.texts["calibrated-head"], old.texts["calibrated"]) == ("", "")
    assert not {"calibration", "calibration-bins"} & set(old.tables)
    assert "reliability" not in pictures(result)


def test_hostile_names_stay_text(result, tmp_path):
    name = "</script><script>alert(1)</script>" + "x" * 10_000
    told = told_in(result, make_one(name, says=name, verdict=name))
    page = bm.report([told], tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page


@pytest.mark.browser
def test_the_page_draws_the_plot(result, tmp_path, look):
    seen = look(bm.report([told_in(result, make_one())], tmp_path / "r.html"))
    assert "face against photo" in seen.page.locator("#chart-reliability svg").text_content()
    assert seen.page.locator("[data-csv=calibration]").is_visible()
    assert seen.said == []
    plain = look(bm.report([result], tmp_path / "plain.html"))
    assert plain.page.locator("[data-text=calibrated-head]").is_hidden()
    assert plain.page.locator("#chart-reliability").is_hidden()
