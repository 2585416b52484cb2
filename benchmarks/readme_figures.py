"""Copies the figures of README's tables from the committed tables; ``--check`` only compares."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import polars as pl

sys.path.insert(0, str(Path(__file__).parent / "suites"))
sys.path.insert(0, str(Path(__file__).parent / "search"))
import report
from suite_tables import ALERTS, RESULTS, cell

from biomatch.studies.compare import FIGURES

README = Path(__file__).parents[1] / "README.md"
ROW = re.compile(
    r"^\| (?P<what>[^|]+) \| (?P<suite>[a-z0-9-]+) \| (?P<world>[^| ]+) \| (?P<system>[^| ]+) "
    r"\| (?P<figure>[a-z_]+) \|(?P<value>[^|]*)\|$",
    re.MULTILINE,
)
SEARCH, ENROLLED, POOR = RESULTS.parent / "search.json", 1_000_000, report.QUALITIES[1]
SEARCH_ROW = re.compile(r"^\| (?P<label>(?:biomatch|FAISS|hnswlib|usearch|Milvus)[^|]+) \|.*\|$", re.M)


def figure(suite: str, world: str, system: str, name: str) -> str:
    """Pool a cell over its seeds, from the suite's committed counts; without a control."""
    counts = pl.read_csv(RESULTS / f"{suite}.csv").filter(world=world, system=system, control="none")
    if counts.is_empty():
        raise SystemExit(f"{suite}.csv has no runs of {world} under {system}")
    top, bottom = (FIGURES | ALERTS)[name]
    return cell(int(counts[top].sum()), int(counts[bottom].sum()))


def searched(rows: list[dict[str, Any]], label: str) -> str:
    """Give the cells of a system that was compared in search, from the rows of the committed run."""
    for row in rows:
        if row["enrolled"] == ENROLLED and report.named(row) == label:
            return (
                f"{row['single_ms']:.2f} | {row['batch_a_second']:,.0f} | {row['bytes_a_reference']:,.0f} "
                f"| {report.cell(row, 'lost', POOR, 'mated')}"
            )
    raise SystemExit(f"{SEARCH.name} has no row of {label!r} at N = {ENROLLED:,}")


def renewed(text: str) -> str:
    """Give the page with every figure as the tables have it today."""

    def row(found: re.Match[str]) -> str:
        value = figure(found["suite"], found["world"], found["system"], found["figure"])
        return f"{found[0][: found.start('value') - found.start()]} {value} |"

    rows = json.loads(SEARCH.read_text(encoding="utf-8"))["rows"]
    text = SEARCH_ROW.sub(lambda found: f"| {found['label']} | {searched(rows, found['label'])} |", text)
    return ROW.sub(row, text)


def main() -> None:
    """Write README, or with ``--check`` exit 1 where it differs."""
    old = README.read_text(encoding="utf-8")
    new = renewed(old)
    if "--check" in sys.argv:
        raise SystemExit(int(new != old))
    README.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
