"""Writes the table and the picture of what `compare.py` measured."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import faces

QUALITIES = list(faces.QUALITIES)


def cell(row: dict[str, Any], what: str, quality: str, of: str) -> str:
    return f"{row[f'{what}/{quality}']} of {row[f'{of}/{quality}']:,}"


def named(row: dict[str, Any]) -> str:
    """Give a system's name with its width."""
    return row["system"] + (f", {row['width']}" if row.get("width") else "")


def table(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| system | build, s (of processor) | single probe, ms | probes a second, batch of 2,000 "
        "| bytes a reference | "
        + " | ".join(f"mates lost, {quality}" for quality in QUALITIES)
        + " | "
        + " | ".join(f"decisions changed, {quality}" for quality in QUALITIES)
        + " |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        name = named(row)
        if "failed" in row:
            lines.append(f"| {name} | {row['failed']} | | | | | | | |")
            continue
        lost = [cell(row, "lost", quality, "mated") for quality in QUALITIES]
        changed = [cell(row, "changed", quality, "decisions") for quality in QUALITIES]
        lines.append(
            f"| {name} | {row['build_seconds']:.0f} ({row['build_processor_seconds']:.0f}) "
            f"| {row['single_ms']:.2f} | {row['batch_a_second']:.0f} "
            f"| {row['bytes_a_reference']:.0f} | " + " | ".join([*lost, *changed]) + " |"
        )
    return lines


def picture(rows: list[dict[str, Any]], enrolled: int, path: Path) -> None:
    import altair as alt
    import polars as pl

    # A logarithm has no place for nothing: who loses none stands on one line below the smallest loss.
    none = 0.3 / max(row[f"mated/{QUALITIES[1]}"] for row in rows if "failed" not in row)
    shown = pl.DataFrame(
        [
            {
                "system": row["system"],
                "label": row.get("width") or "",
                "seconds a probe": 1 / row["batch_a_second"],
                "mates lost": max(row[f"lost/{QUALITIES[1]}"] / row[f"mated/{QUALITIES[1]}"], none),
            }
            for row in rows
            if "failed" not in row
        ]
    )
    base = alt.Chart(shown).encode(
        x=alt.X("seconds a probe:Q", scale=alt.Scale(type="log"), title="seconds a probe, in a batch (log)"),
        y=alt.Y("mates lost:Q", scale=alt.Scale(type="log"), title="share of mates lost (log; lowest: none)"),
    )
    marks = base.mark_point(size=90, filled=True).encode(
        color=alt.Color("system:N", legend=alt.Legend(labelLimit=420)), shape="system:N"
    )
    names = base.mark_text(align="left", dx=8, dy=-6, fontSize=10).encode(text="label:N")
    title = f"Time against mates lost: N = {enrolled:,}, probe noise x 2"
    (marks + names).properties(width=620, height=420, title=title).save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, default=Path("benchmarks/results/search.json"))
    given = parser.parse_args()
    known = json.loads(given.results.read_text())
    lines = [
        "# Search beside what a user would pick instead",
        "",
        "Made by `make bench-search`. Each system in a process of its own, the same templates and threads;",
        "leader profile, 512 dimensions, two image qualities (the probe's noise x 1 and x 2). A mate is lost",
        "when exact search lists it among 20 and the system does not. A decision is changed when what is",
        "accepted at the threshold of FPIR 0.003 differs from exact search's. Memory is anonymous memory.",
        "",
        *(f"- {key}: {value}" for key, value in known["machine"].items()),
    ]
    for enrolled in sorted({row["enrolled"] for row in known["rows"]}):
        rows = [row for row in known["rows"] if row["enrolled"] == enrolled]
        loads = [row["load"] for row in rows if "load" in row]
        image = given.results.with_name(f"search-{enrolled}.svg")
        picture(rows, enrolled, image)
        threads = {row["threads"] for row in rows if "threads" in row}
        lines += [
            "",
            f"## N = {enrolled:,}",
            "",
            f"Threads: {', '.join(map(str, sorted(threads)))}. Load average of the machine while measuring: "
            f"{min(loads):.1f} to {max(loads):.1f}; up to the threads it is the system's own.",
            "",
            *table(rows),
            "",
            f"![Time against mates lost]({image.name})",
        ]
    given.results.with_suffix(".md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
