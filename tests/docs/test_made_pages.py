"""Pages that are made from the code, and the table of questions and commands."""

import re
import sys
from pathlib import Path

import pytest

from biomatch import cli
from biomatch.cli.catalog import TASKS

DOCS = Path(__file__).parents[2] / "docs"

ROW = re.compile(
    r"^\| (?P<who>[a-z ]+) \| (?P<question>[^|]+) \| `(?P<command>[a-z-]+)` \| (?P<says>[^|]+) \|$", re.M
)


@pytest.fixture
def cells(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    import cells

    yield cells
    sys.modules.pop("cells")


def test_ten_questions_are_answered_by_a_line_of_the_help(capsys):
    rows = list(ROW.finditer((DOCS / "which.md").read_text()))
    assert len(rows) == 10
    assert len({row["who"] for row in rows}) == 4
    assert cli.run(["--help"]) == 0
    listed = capsys.readouterr().out
    said = {entry.name: entry.says for entries in TASKS.values() for entry in entries}
    for row in rows:
        assert said[row["command"]] == row["says"]
        assert re.search(rf"^  {row['command']} +{re.escape(row['says'])}$", listed, re.MULTILINE)


def test_five_experiments_take_twelve_lines_each(cells):
    setup, *experiments = cells.cells_of(DOCS / "gallery" / "experiments.py")
    assert setup.kind == "setup"
    assert len(experiments) == 5
    for cell in experiments:
        assert len([line for line in cell.code.splitlines() if line.strip()]) <= 12, cell.title
        assert cell.text


def test_cells_are_cut_and_run_as_they_say(cells, tmp_path):
    page = tmp_path / "page.py"
    page.write_text(
        "# %% [setup] Begin\n# Of this.\nx = 2\n\n"
        "# %% Twice\nprint('said')\nx * 2\n\n# %% None\n# Text.\ny = 1\n"
    )
    names = {}
    found = [
        (cell.kind, cell.title, cell.text, *cells.shown_by(cell.code, names, "page"))
        for cell in cells.cells_of(page)
    ]
    assert found == [
        ("setup", "Begin", "Of this.", None, ""),
        ("picture", "Twice", "", 4, "said\n"),
        ("picture", "None", "Text.", None, ""),
    ]
