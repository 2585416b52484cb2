"""Runs suites and writes what is committed of them: a page and a table each in benchmarks/results/suites.

The page pools the seeds of a cell and gives each rate with counts and Wilson's 95% interval; the table has
the counts of every run. Seconds and memory are left in the study's own folder: they belong to a machine.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from suite_answers import answers

from biomatch.cli.console import progress
from biomatch.studies.compare import FIGURES, wilson
from biomatch.studies.rows import Row, table
from biomatch.studies.study import Suite, run_study
from biomatch.tables.storage import write_text

RESULTS = Path(__file__).parents[1] / "results" / "suites"
RULE = (
    "Made of the counts below by one rule (`benchmarks/suites/suite_answers.py`): fewer or more where "
    "Newcombe's 95% interval of the difference excludes 0, else no difference is shown."
)
ALERTS = {
    "fraud_caught": ("alerts_all_caught", "alerts_all_events"),
    "travellers_stopped": ("alerts_all_stopped", "alerts_all_honest"),
}


def cell(numerator: float, denominator: float) -> str:
    """Write a rate with its counts and interval; a dash where there was no trial."""
    if not denominator:
        return "-"
    low, high = wilson(int(numerator), int(denominator), 0.95)
    # A numerator of 0 has a lower bound of 0, which floating point misses by a rounding.
    low = 0.0 if numerator == 0 else low
    share = numerator / denominator
    return f"{share:.3g} ({int(numerator):,} of {int(denominator):,}; {low:.2g} to {high:.2g})"


def page(suite: Suite, rows: list[Row], command: str) -> str:
    """Write the suite's page."""
    figures = FIGURES | ALERTS
    lines = [f"# {suite.name}", "", suite.about.strip(), ""]
    lines += [f"Seeds {suite.seeds} graded, {suite.tuning_seeds} tuned on, FPIR at most {suite.max_fpir:g} "]
    lines[-1] += "unless the system's cell says otherwise. Pooled over seeds; Wilson's 95% interval, which "
    lines[-1] += "takes searches for independent."
    said = answers(suite, rows)
    if said:
        lines += ["", "## In a sentence each", "", *said, "", RULE, "", "## Counts"]
    lines += ["", "| world | system | control | N | " + " | ".join(figures) + " |"]
    lines += ["|" + "---|" * (4 + len(figures))]
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        key = tuple(row.cell[name] for name in ("world", "system", "control"))
        groups.setdefault(key, []).append(row)
    for key, mine in groups.items():
        total = {
            name: sum(row.counts.get(name, 0) for row in mine) for pair in figures.values() for name in pair
        }
        middle = " ".join(f"{int(row.counts['n_median']):,}" for row in mine)
        rates = [cell(total[top], total[bottom]) for top, bottom in figures.values()]
        lines.append("| " + " | ".join((*key, middle, *rates)) + " |")
    versions = ", ".join(f"{name} {number}" for name, number in rows[0].versions.items())
    lines += ["", f"Made by `{command}` with {versions}; {len(rows)} runs.", ""]
    return "\n".join(lines)


def main() -> None:
    """Run the suites that are named, one after the other; finished runs are kept."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("suites", nargs="+", type=Path)
    asked.add_argument("--out", type=Path, required=True, help="folder of the studies")
    asked.add_argument("--workers", type=int, default=2)
    given = asked.parse_args()
    for file in given.suites:
        suite = Suite.read(file)
        with progress() as update:
            rows = run_study(suite, given.out / file.stem, workers=given.workers, progress=update)
        counts = table(rows)
        counts = counts.select(
            [name for name in counts.columns if not name.startswith(("seconds_", "peak_"))]
        )
        command = f"biomatch bench benchmarks/suites/{file.name} --out DIR"
        write_text(RESULTS / f"{file.stem}.md", page(suite, rows, command))
        write_text(RESULTS / f"{file.stem}.csv", counts.write_csv())
        sys.stdout.write(f"{suite.name}: {len(rows)} runs\n")


if __name__ == "__main__":
    main()
