"""Every citation opens: each key that is used has its row in docs/sources.md, and no row is unused."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = "docs/sources.md"
BRACKETED = re.compile(r"(?<![\w.\"'(])\[((?:[SEAVQCP]\d{1,2})(?:, ?[SEAVQCP]\d{1,2})*)\]")
REPORTS = re.compile(r"\b(N1N|NPT|N8381|N8280|N8439)\b")
ELSEWHERE = re.compile(r"\bfacts? \d+\.\d|\bevaluation facts\b|\bfacts of the\b|\bissue \d+\b", re.IGNORECASE)


def _files() -> list[Path]:
    names = ("*.py", "*.toml", "*.md", "*.rst")
    found = subprocess.run(["git", "ls-files", *names], cwd=ROOT, capture_output=True, text=True, check=True)
    here = Path(__file__).relative_to(ROOT)
    return [ROOT / name for name in found.stdout.split() if name != PAGE and Path(name) != here]


def _keys(text: str) -> set[str]:
    bracketed = {key for group in BRACKETED.findall(text) for key in re.split(", ?", group)}
    return bracketed | set(REPORTS.findall(text))


def _rows() -> list[list[str]]:
    lines = (ROOT / PAGE).read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")]
    return cells[1:]  # the first row holds the heads


def test_the_pattern_sees_what_it_should():
    assert _keys("open stays [S1], [A21, A22] (N1N); rows[S1] and f([S1]) are code") == {
        "S1",
        "A21",
        "A22",
        "N1N",
    }


def test_each_key_that_is_used_has_one_row_and_each_row_is_used():
    used = set().union(*(_keys(file.read_text(encoding="utf-8")) for file in _files()))
    rows = [row[0] for row in _rows()]
    assert len(rows) == len(set(rows))
    assert set(rows) == used


def test_each_row_says_what_who_where_and_how_far_it_was_read():
    for row in _rows():
        assert len(row) == 5, row
        assert all(row), row


def test_no_citation_points_outside_the_repository():
    for file in _files():
        text = file.read_text(encoding="utf-8")
        assert not ELSEWHERE.findall(text), (file.relative_to(ROOT), ELSEWHERE.findall(text))
