"""The page of faults names tests that exist."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "benchmarks" / "results" / "hostile-faults.md"
NAMED = re.compile(r"`(tests/[a-z_/]+\.py)::(\w+)`")


def names_of(file: Path) -> set[str]:
    """Give what a test module defines at its top."""
    found = set()
    for one in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(one, (ast.FunctionDef, ast.ClassDef)):
            found.add(one.name)
        elif isinstance(one, ast.Assign):
            found |= {target.id for target in one.targets if isinstance(target, ast.Name)}
    return found


def test_each_named_test_exists():
    named = NAMED.findall(PAGE.read_text(encoding="utf-8"))
    assert len(named) > 40
    for file, name in named:
        assert name in names_of(ROOT / file), f"{file}::{name}"


def test_each_fault_has_a_test_of_its_kind():
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    faults = [row for row in rows if not row.startswith("| what was found")]
    assert len(faults) > 20
    for row in faults:
        cells = row.strip("|").split("|")
        assert len(cells) == 3, row[:60]
        assert NAMED.search(cells[2]), row[:60]
