"""The main job on the smallest world: it always answers, in few lines, and says what it cannot show."""

import json

import pytest

from biomatch.cli import run
from biomatch.demo.said import MOST_LINES
from biomatch.demo.worlds import Plan
from biomatch.errors import SettingsError
from biomatch.evaluation.result import Result
from biomatch.policy import OperatingPoint
from biomatch.settings.scenario import Scenario
from biomatch.worlds import FIRST_RESERVED_SEED

TINY = ["demo", "--scenario", "tiny", "--set", "travellers=300"]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "out"
    import contextlib
    import io

    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        assert run([*TINY, "--out", str(folder), "--json"]) == 0
    return folder, json.loads(out.getvalue())


def test_the_json_is_the_contract(told):
    folder, found = told
    assert {"report", "threshold", "fpir", "fnir", "overstays", "alerts", "seconds"} <= found.keys()
    assert found["report"] == str(folder / "report.html")
    assert [row["system"] for row in found["overstays"]] == ["document-only", "today", "default"]
    for row in found["overstays"]:
        assert {"leads", "false_leads", "hidden"} <= row.keys()
        assert row["false_leads"] == sum(row["causes"].values()) <= row["leads"]
    assert {"value", "numerator", "denominator", "interval"} == found["fpir"].keys()
    assert found["seeds"] == [1, 2, 3, 4]
    assert found["identification"]["target_fpir"] > 1e-3  # so few searches cannot show one in a thousand
    assert "cannot show FPIR <= 0.001" in found["identification"]["not_shown"]
    assert "honest encounters leave room for" in found["fraud"]["not_shown"]
    assert list(found["searches"]) == ["open_stays", "all", "watchlist"]


def test_the_point_and_the_result_are_those_of_the_answers(told):
    folder, found = told
    point, result = OperatingPoint.read(folder / "point.json"), Result.read(folder / "result")
    assert point.lineages == [1, 3]  # graded on 2 and 4, which share nobody with them
    assert point.face_threshold == found["threshold"]
    assert point == result.point
    assert result.fpir.to_json() == found["fpir"]
    assert json.loads((folder / "answers.json").read_text())["overstays"] == found["overstays"]
    assert found["fraud"]["thresholds"] == point.alert_thresholds


def test_the_report_opens_with_the_answers(told):
    folder, _ = told
    text = (folder / "report.html").read_text()
    assert text.index("The three answers") < text.index('id="recommendation"')
    assert text.index("Overstays as of") < text.index('id="recommendation"')


def test_other_systems_and_options_in_few_lines(tmp_path, capsys):
    words = [*TINY, "--system", "today", "--max-fpir", "0.2", "--max-stops-per-million", "20000"]
    assert run([*words, "--seed", "5", "--out", str(tmp_path / "out")]) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert len(lines) <= MOST_LINES
    assert "FPIR at most 0.2 with 95% confidence" in lines[1]
    assert lines[-1] == f"report: {(tmp_path / 'out' / 'report.html').absolute()}"
    assert sum(line.startswith("  today ") for line in lines) == 1  # it is a baseline, and listed once


def test_seeds_leave_room_for_four_worlds(tmp_path, capsys):
    with pytest.raises(SettingsError, match="seeds that follow each other"):
        Plan.of(Scenario.load("tiny"), FIRST_RESERVED_SEED - 3)
    assert run([*TINY, "--out", str(tmp_path / "no"), "--seed", str(FIRST_RESERVED_SEED - 3)]) == 2
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "no").exists()
    frequent = Plan.of(Scenario.load("airport"), 1).frequent
    assert frequent.travellers == 2_500
    assert Plan.of(Scenario.load("tiny").with_({"travellers": 50}), 1).frequent.travellers == 50
