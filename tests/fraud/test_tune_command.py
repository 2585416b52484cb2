"""`biomatch tune --for fraud` on worlds on disk: with fraud, and without."""

from __future__ import annotations

import json

import pytest

from biomatch.cli import run
from biomatch.policy import OperatingPoint
from biomatch.settings.scenario import KINDS, Scenario
from biomatch.settings.system import System
from biomatch.system.replay import search
from biomatch.worlds import write_world


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    folder = tmp_path_factory.mktemp("worlds")
    system = System.load("today")
    pairs = []
    for seed, rate in ((1, 60_000.0), (2, 0.0)):
        settings = Scenario.load("tiny").with_({f"subversion.{kind}": rate for kind in KINDS})
        made = write_world(settings, seed, folder / f"world{seed}")
        search(made.observed, system).write(folder / f"lists{seed}")
        pairs += [str(folder / f"lists{seed}"), str(folder / f"world{seed}")]
    point = OperatingPoint.of(0.4, system, lineages=[7])
    (folder / "point.json").write_text(json.dumps(point.model_dump(mode="json")))
    return folder, pairs


def test_a_limit_of_alerts_a_day(places, tmp_path, capsys):
    folder, pairs = places
    (tmp_path / "p.toml").write_text("other_kinds = 800.0\n")
    words = ["tune", *pairs, "--for", "fraud", "--at", str(folder / "point.json"), "--max-alerts-a-day", "5"]
    more = ["--traffic", "1000", "--prevalence", str(tmp_path / "p.toml"), "--out", str(tmp_path / "t.json")]
    assert run([*words, *more, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    point = OperatingPoint.read(tmp_path / "t.json")
    assert point.alert_thresholds == told["alert_thresholds"]
    assert set(told["alert_thresholds"]) == set(System.load("today").alerts.kinds)
    assert point.lineages == [1, 2, 7]
    assert told["plan"]["alerts_a_day"] <= 5
    photo = told["plan"]["kinds"]["document_photo_conflict"]
    assert photo["prevalence_per_million"] == pytest.approx(800)
    assert photo["catch_rate"]["denominator"] > 0
    assert photo["catch_rate"]["value"] > 0.5
    assert photo["precision"]["interval"][0] <= photo["precision"]["value"]


def test_costs_from_a_file_and_words_for_a_person(places, tmp_path, capsys):
    folder, pairs = places
    (tmp_path / "c.toml").write_text("stop = 10.0\nmiss = 100000.0\n")
    words = ["tune", *pairs, "--for", "fraud", "--at", str(folder / "point.json")]
    assert run([*words, "--costs", str(tmp_path / "c.toml"), "--out", str(tmp_path / "t.json")]) == 0
    told = capsys.readouterr().out
    assert "least expected cost" in told
    assert "sham_exit: score" in told


def test_what_is_missing_is_one_line(places, tmp_path, capsys):
    folder, pairs = places
    out = ["--out", str(tmp_path / "t.json")]
    for words in (
        ["tune", *pairs, "--for", "fraud", "--max-alerts-a-day", "5", *out],
        ["tune", *pairs, "--for", "fraud", "--at", str(folder / "point.json"), *out],
        ["tune", *pairs[:3], "--for", "fraud", "--at", str(folder / "point.json"), *out],
    ):
        assert run(words) == 2
        told = capsys.readouterr()
        assert told.out == ""
        assert len(told.err.strip().splitlines()) == 1
    assert not (tmp_path / "t.json").exists()
