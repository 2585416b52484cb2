"""``biomatch report``: one JSON object, files where they were asked for, faults in one line."""

import json

import pytest

from biomatch.cli import run


@pytest.fixture(scope="module")
def folder(make, tmp_path_factory):
    place = tmp_path_factory.mktemp("results") / "result"
    make(count=1_500).write(place)
    return place


def test_json_names_every_file(folder, tmp_path, capfd):
    arguments = [
        "report", str(folder), str(folder), "--out", str(tmp_path / "r.html"), "--tables",
        str(tmp_path / "tables"), "--charts", str(tmp_path / "charts"), "--as", "svg", "--json",
    ]  # fmt: skip
    assert run(arguments) == 0
    said = json.loads(capfd.readouterr().out)
    assert said["report"] == str(tmp_path / "r.html")
    assert said["results"] == 2
    assert (tmp_path / "r.html").stat().st_size == said["bytes"]
    written = {str(path) for part in ("tables", "charts") for path in (tmp_path / part).rglob("*.*")}
    assert set(said["tables"]) | set(said["charts"]) == written


def test_every_path_is_printed(folder, tmp_path, capfd):
    assert run(["report", str(folder), "--out", str(tmp_path / "r.html")]) == 0
    assert capfd.readouterr().out == f"written: {tmp_path / 'r.html'}\n"


def test_a_brief_is_short_and_of_one_result(folder, tmp_path, capfd):
    assert run(["report", str(folder), "--out", str(tmp_path / "b.html"), "--brief"]) == 0
    text = (tmp_path / "b.html").read_text(encoding="utf-8")
    assert "Brief for decision" in text
    assert run(["report", str(folder), str(folder), "--out", str(tmp_path / "c.html"), "--brief"]) == 2
    assert "a brief of 2 results" in capfd.readouterr().err
    assert not (tmp_path / "c.html").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{folder}", "--out", "{tmp}/r.txt"], "a file that ends in .html"),
        (["{tmp}/none", "--out", "{tmp}/r.html"], "none"),
        (["{folder}", "--out", "{tmp}/r.html", "--as", "gif"], "gif"),
        (["--out", "{tmp}/r.html"], "Missing argument"),
    ],
)
def test_faults_are_one_line_and_leave_nothing(folder, tmp_path, capfd, arguments, said):
    filled = [text.format(folder=folder, tmp=tmp_path) for text in arguments]
    assert run(["report", *filled]) == 2
    shown = capfd.readouterr()
    assert said in shown.err
    assert shown.out == ""
    assert len(shown.err.strip().splitlines()) <= 2
    assert list(tmp_path.iterdir()) == []
