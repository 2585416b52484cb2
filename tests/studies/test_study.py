"""Studies: the whole grid is checked first, finished runs are kept, twins must agree, kills cost nothing."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biomatch.cli import run as cli
from biomatch.errors import ResultsError, SettingsError, WallError
from biomatch.studies.compare import compare, difference
from biomatch.studies.execution.here import shared_cores
from biomatch.studies.rows import Row, agree, merged, read_rows, table, write_plan
from biomatch.studies.study import Suite, plan, run_study

QUICK = Path(__file__).parents[2] / "benchmarks" / "suites" / "quick.toml"


def test_a_study_has_a_row_a_cell_seed_and_control(suite, finished):
    _, rows = finished
    assert len(rows) == 1 * 1 * 2 * 3
    frame = table(rows)
    assert frame.height == len(rows)
    oracle = frame.filter(frame["control"] == "oracle")
    assert oracle["missed"].sum() == 0
    assert oracle["false_positives"].sum() == 0
    blind = frame.filter(frame["control"] == "blind")
    assert (blind["missed"] / blind["mated"]).min() > 0.9


def test_a_second_call_repeats_nothing(suite, finished):
    out, rows = finished
    stamps = {file: file.stat().st_mtime_ns for file in (out / "runs").iterdir()}
    assert run_study(suite, out) == rows
    assert {file: file.stat().st_mtime_ns for file in (out / "runs").iterdir()} == stamps


def test_a_cell_that_was_renamed_keeps_its_runs_under_its_new_name(suite, finished):
    out, rows = finished
    (old,) = suite.systems
    renamed = suite.model_copy(update={"systems": {"new name": suite.systems[old]}})
    again = run_study(renamed, out)
    assert {row.cell["system"] for row in again} == {"new name"}
    assert [row.counts for row in again] == [row.counts for row in rows]


def test_two_processes_count_the_same(suite, finished, tmp_path):
    rows = run_study(suite, tmp_path, workers=2)
    assert [dict(row.counts) for row in rows] == [dict(row.counts) for row in finished[1]]
    assert len(list((tmp_path / "points").iterdir())) == 1


def test_processes_share_the_cores(monkeypatch):
    monkeypatch.delenv("POLARS_MAX_THREADS", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with shared_cores(1000):
        assert os.environ["POLARS_MAX_THREADS"] == "1"
        assert os.environ["OMP_NUM_THREADS"] == "7"  # what a user has set stays
    assert "POLARS_MAX_THREADS" not in os.environ
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_what_is_prepared_is_prepared_once_and_found_again(suite, finished, tmp_path):
    out, rows = finished
    (point,) = (out / "points").iterdir()
    (tmp_path / "points").mkdir()
    (tmp_path / "points" / point.name).write_text(point.read_text())
    again = run_study(suite, tmp_path)
    assert {row.seconds["tune"] for row in again} == {0.0}
    assert [row.counts for row in again] == [row.counts for row in rows]


def test_alerts_are_counted(finished):
    frame = table(finished[1]).filter(control="none")
    assert (frame["alerts_all_caught"] <= frame["alerts_all_events"]).all()
    assert (frame["alerts_all_stopped"] <= frame["alerts_all_honest"]).all()
    assert frame["alerts_all_honest"].min() > 100


def test_twins_that_disagree_are_refused(finished):
    row = finished[1][0]
    assert agree(row, dataclasses.replace(row, seconds={"tune": 9.0})) == row
    other = dataclasses.replace(row, counts={**row.counts, "missed": row.counts["missed"] + 1})
    with pytest.raises(ResultsError, match="disagree"):
        merged([row, other])
    assert len(merged([row, row])) == 1


def test_a_twin_on_disk_that_disagrees_is_refused(finished, tmp_path):
    row = finished[1][0]
    row.write(tmp_path)
    with pytest.raises(ResultsError, match="disagree"):
        dataclasses.replace(row, counts={**row.counts, "mated": 1}).write(tmp_path)
    assert Row.read(tmp_path / f"{row.id}.json") == Row.read(row.write(tmp_path))


def test_the_id_follows_what_is_asked_not_what_it_is_called(suite):
    one = plan(suite)[0]
    assert dataclasses.replace(one, world="another name").id == one.id
    for change in ({"seed": 99}, {"max_fpir": 0.3}, {"control": "oracle"}, {"tuning_seeds": (5,)}):
        assert dataclasses.replace(one, **change).id != one.id


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"seeds": [1, 3]}, WallError, r"\[1\] are both"),
        ({"seeds": [2**32]}, SettingsError, "allowed: 0 to"),
        ({"worlds": {"w": {"scenario": "tinny"}}}, SettingsError, r"worlds\.w.*did you mean 'tiny'"),
        (
            {"systems": {"s": {"set": {"gallery.polcy": "all"}}}},
            SettingsError,
            "did you mean 'gallery.policy'",
        ),
        ({"worlds": {}}, SettingsError, "worlds"),
    ],
)
def test_the_whole_grid_is_checked_before_the_first_run(suite, tmp_path, change, error, message):
    with pytest.raises(error, match=message):
        run_study(Suite.from_mapping(suite.model_dump(mode="json") | change), tmp_path)
    assert not list(tmp_path.iterdir())


def test_killed_at_any_moment_the_same_table_comes_out(suite, finished, tmp_path):
    file = tmp_path / "suite.toml"
    file.write_text(suite.canonical())
    code = "import sys; from biomatch.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, "bench", str(file), "--out", str(tmp_path / "study")]
    for seen in (1, 3):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while len(list((tmp_path / "study" / "runs").glob("*.json"))) < seen and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert [dict(row.counts) for row in merged(finished[1])] == [
        dict(row.counts) for row in read_rows(tmp_path / "study")
    ]


def test_compare_finds_what_was_made_worse(finished, capsys, tmp_path):
    rows = finished[1]
    same = compare(rows, rows)
    assert {change.verdict for change in same} <= {"no difference shown", "no trials"}
    worse = [dataclasses.replace(row, counts={**row.counts, "missed": row.counts["mated"]}) for row in rows]
    found = {(c.cell, c.figure): c.verdict for c in compare(rows, worse)}
    assert found["tiny / open-stays / none", "fnir"] == "regressed"
    assert {(c.cell, c.figure): c.verdict for c in compare(worse, rows)}[
        "tiny / open-stays / none", "fnir"
    ] == "improved"
    for name, study in (("a", rows), ("b", worse)):
        for row in study:
            row.write(tmp_path / name / "runs")
        write_plan(tmp_path / name, "small", [row.id for row in study])
    assert cli(["compare", str(tmp_path / "a"), str(tmp_path / "a"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["regressed"] == 0
    assert cli(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 1
    assert "regressed" in capsys.readouterr().out
    assert cli(["compare", str(tmp_path / "a"), str(tmp_path / "absent")]) == 2


@given(st.integers(0, 30), st.integers(1, 30), st.integers(0, 30), st.integers(1, 30))
def test_a_difference_lies_in_its_interval_and_turns_over(a, n, b, m):
    one, other = (min(a, n), n), (min(b, m), m)
    there, back = difference(one, other), difference(other, one)
    assert there.low <= there.value <= there.high
    assert there.value == pytest.approx(-back.value)
    assert there.low == pytest.approx(-back.high)


def test_a_run_says_what_it_cost(finished):
    row = finished[1][0]
    assert {"tune", "world", "search", "run", "evaluate"} == set(row.seconds)
    assert row.peak_megabytes > 50
    assert row.versions["biomatch"]


@pytest.mark.parametrize("file", sorted(QUICK.parent.glob("*.toml")), ids=lambda file: file.stem)
def test_each_shipped_suite_can_be_run_and_says_what_it_shows(file):
    shipped = Suite.read(file)
    jobs = plan(shipped)
    assert len({job.id for job in jobs}) == len(jobs)
    assert {job.control for job in jobs} == {"none", "oracle", "blind"}
    assert len(shipped.about) > 50


def test_a_system_may_have_a_target_of_its_own(suite):
    asked = suite.model_dump(mode="json")
    asked["systems"] = {"lax": {}, "strict": {"max_fpir": 0.1}}
    jobs = plan(Suite.from_mapping(asked))
    assert {(job.system, job.max_fpir) for job in jobs} == {("lax", 0.2), ("strict", 0.1)}
    assert len({job.point_id for job in jobs}) == 2
