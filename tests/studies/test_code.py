"""Rows of other code are never taken for finished, mixed, or believed of a worker."""

import dataclasses
import shutil

import pytest

from biomatch.cli import run as cli
from biomatch.errors import ResultsError
from biomatch.paths import code_id, sources_id
from biomatch.studies import study
from biomatch.studies.rows import Row, read_rows
from biomatch.studies.study import run_study


@pytest.fixture
def copied(finished, tmp_path):
    shutil.copytree(finished[0], tmp_path / "study")
    return tmp_path / "study"


def change(folder, code):
    """Say of one row of a folder that other code made it; gives its file."""
    file = sorted((folder / "runs").iterdir())[0]
    row = dataclasses.replace(Row.read(file), code=code)
    file.unlink()
    return row.write(folder / "runs")


def test_the_code_stands_in_the_row(finished):
    assert {row.code for row in finished[1]} == {code_id()}


@pytest.mark.parametrize("code", ["", "0123456789abcdef"])
def test_a_row_of_other_code_is_refused_not_kept(suite, finished, copied, code):
    change(copied, code)
    with pytest.raises(ResultsError, match=r"1 finished runs .* made by other code .*--fresh"):
        run_study(suite, copied)
    with pytest.raises(ResultsError, match="several codes"):
        read_rows(copied)


def test_fresh_runs_everything_again(suite, finished, copied, tmp_path, capsys):
    change(copied, "0123456789abcdef")
    file = tmp_path / "suite.toml"
    file.write_text(suite.canonical())
    assert cli(["bench", str(file), "--out", str(copied)]) == 2
    assert "--fresh" in capsys.readouterr().err
    assert cli(["bench", str(file), "--out", str(copied), "--fresh"]) == 0
    assert [row.counts for row in read_rows(copied)] == [row.counts for row in read_rows(finished[0])]


def test_a_worker_of_other_code_is_refused(suite, tmp_path, monkeypatch):
    real = study.run_job
    monkeypatch.setattr(
        study, "run_job", lambda job, tuned: dataclasses.replace(real(job, tuned), code="feedfeedfeedfeed")
    )
    with pytest.raises(ResultsError, match=r"other code \(feedfeedfeedfeed"):
        run_study(suite, tmp_path)
    assert not (tmp_path / "runs").exists()


def test_a_point_of_other_code_is_tuned_again(suite, monkeypatch):
    job = study.plan(suite)[0]
    before = job.id, job.point_id
    monkeypatch.setattr(study, "code_id", lambda: "0123456789abcdef")
    assert job.id == before[0]
    assert job.point_id != before[1]


def test_any_changed_source_changes_the_id_but_for_what_only_shows(tmp_path):
    def id_of():
        return sources_id([("one", tmp_path, "*.py")])

    for name in ("a.py", "cli/b.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    first = id_of()
    (tmp_path / "cli/b.py").write_text("x = 2\n")
    assert id_of() == first
    (tmp_path / "a.py").write_text("x = 2\n")
    changed = id_of()
    assert changed != first
    (tmp_path / "a.py").rename(tmp_path / "c.py")
    assert id_of() not in (first, changed)
