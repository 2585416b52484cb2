"""README's figures are those of the committed tables, and the tables' pages those of their counts."""

import re
from pathlib import Path

import polars as pl
import pytest
import readme_figures
import suite_tables

from biomatch.studies.compare import FIGURES
from biomatch.studies.rows import Row
from biomatch.studies.study import Suite, plan, run_job, tune_job

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SUITES = ROOT / "benchmarks" / "suites"
TABLES = sorted((ROOT / "benchmarks" / "results" / "suites").glob("*.csv"))
NAMED = ("world", "system", "control")
# Numbers that are no results: Python's versions, the demo's size, the licence, the confidence, where `auto`
# takes codes, the sizes of the comparison of search.
NO_RESULT = {"3.11", "3.13", "2.0", "95%", "16,384", "100,000", "1,000,000"}


NUMBER = re.compile(r"\d+(?:\.\d+)+|\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?%")
DEMO = set(NUMBER.findall((ROOT / "benchmarks" / "results" / "demo.md").read_text(encoding="utf-8")))
"""The numbers of the demo's page: what the first page says of it must stand there."""


def test_each_figure_is_that_of_its_table():
    assert len(readme_figures.ROW.findall(README)) >= 8
    assert len(readme_figures.SEARCH_ROW.findall(README)) >= 8
    assert readme_figures.renewed(README) == README


def test_a_figure_that_drifted_is_found():
    first = readme_figures.ROW.search(README)
    wrong = README[: first.start("value")] + " 0.5 (1 of 2) " + README[first.end("value") :]
    assert readme_figures.renewed(wrong) == README != wrong
    system = readme_figures.SEARCH_ROW.search(README)
    wrong = README[: system.start()] + f"| {system['label']} | 1 | 2 | 3 | 0 of 4 |" + README[system.end() :]
    assert readme_figures.renewed(wrong) == README != wrong


def test_no_other_result_is_stated():
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", README, flags=re.DOTALL)
    prose = readme_figures.SEARCH_ROW.sub("", readme_figures.ROW.sub("", prose))
    found = set(NUMBER.findall(prose))
    assert found <= NO_RESULT | DEMO, found - NO_RESULT - DEMO


@pytest.mark.parametrize("file", TABLES, ids=lambda file: file.stem)
def test_a_page_has_the_rates_of_its_counts(file):
    page = file.with_suffix(".md").read_text(encoding="utf-8")
    counts = pl.read_csv(file)
    cells = counts.select(NAMED).unique(maintain_order=True).rows()
    assert len(cells) == len(re.findall(r"^\| (?!world)[^|]+ \|", page, re.MULTILINE))
    for world, system, control in cells:
        mine = counts.filter(world=world, system=system, control=control)
        (line,) = re.findall(rf"^\| {world} \| {system} \| {control} \|.*$", page, re.MULTILINE)
        for top, bottom in FIGURES.values():
            assert suite_tables.cell(mine[top].sum(), mine[bottom].sum()) in line


@pytest.mark.parametrize("file", sorted(SUITES.glob("*.toml")), ids=lambda file: file.stem)
def test_a_suite_stands_in_the_index(file):
    index = (SUITES / "README.md").read_text(encoding="utf-8")
    assert f"[{file.stem}]({file.name})" in index
    table = ROOT / "benchmarks" / "results" / "suites" / f"{file.stem}.md"
    assert (f"](../results/suites/{file.stem}.md)" in index) == table.exists()


@pytest.mark.slow
@pytest.mark.parametrize("file", TABLES, ids=lambda file: file.stem)
def test_todays_code_counts_what_is_committed(file):
    """One run of each table, done again: where it differs, `make suites` is due."""
    job = plan(Suite.read(SUITES / f"{file.stem}.toml"))[0]
    row: Row = run_job(job, tune_job(job))
    committed = pl.read_csv(file).filter(
        world=job.world, system=job.system, control=job.control, seed=job.seed
    )
    for name, value in row.counts.items():
        assert committed[name].item() == pytest.approx(value, abs=1e-9), name
