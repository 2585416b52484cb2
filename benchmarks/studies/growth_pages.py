"""Writes what `growth.py` measured: the table with its exponents, and the page of a country's year."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import t as student

from biomatch.tables.storage import write_text

Rows = list[dict[str, float]]
ROOT = Path(__file__).parents[2]
DIMENSION = 512
DEPARTURES = 46_657_108  # FY2024 expected departures by air and sea (DHS Entry/Exit Overstay Report, FY2024)
OPEN_STAYS = 2_400_000  # open stays of such a year, as the study's question states them
CAPTURED = 0.8  # assumed: share of departures whose face is captured and searched
PEAK = 4.0  # assumed: busiest hour over the mean hour
NODE_GIGABYTES = 16.0  # assumed: memory of a Milvus query node
NODE_SHARE = 0.7  # assumed: of it for vectors
INDEX_FACTOR = 1.5  # assumed: what an index needs over the float32 vectors
TEMPLATE_BYTES = DIMENSION * 4
STAGES = ("world", "search", "run", "evaluate")
YEAR_SECONDS = 365 * 86_400


@dataclass(frozen=True)
class Line:
    """A power law: slope and intercept on logarithms, and what its intervals need."""

    slope: float
    intercept: float
    error: float
    greatest: float
    spread: float
    count: int

    @classmethod
    def fit(cls, x: list[float], y: list[float]) -> Line:
        """Fit ``log y = intercept + slope log x``; at least three sizes."""
        u, v = np.log(x), np.log(y)
        spread = float(((u - u.mean()) ** 2).sum())
        slope = float(((u - u.mean()) * (v - v.mean())).sum() / spread)
        intercept = float(v.mean() - slope * u.mean())
        rest = v - intercept - slope * u
        error = math.sqrt(float((rest**2).sum()) / (len(u) - 2))
        return cls(slope, intercept, error, float(u.max()), spread, len(u))

    @property
    def exponent(self) -> str:
        """The slope with its 95% interval."""
        half = student.ppf(0.975, self.count - 2) * self.error / math.sqrt(self.spread)
        return f"{self.slope:.2f} ({self.slope - half:.2f} to {self.slope + half:.2f})"

    def at(self, x: float) -> tuple[float, float, float]:
        """Carry the largest size measured on to x: value, low, high.

        With the exponent and its interval, none of them below 1: every record must be read, so what looks
        cheaper than linear is a fixed cost that thins out, and would flatter a thousand times larger size.
        """
        half = student.ppf(0.975, self.count - 2) * self.error / math.sqrt(self.spread)
        last = math.exp(self.intercept + self.slope * self.greatest)
        factor = x / math.exp(self.greatest)
        value, low, high = (
            last * factor ** max(1.0, slope) for slope in (self.slope, self.slope - half, self.slope + half)
        )
        return value, low, high


def between(found: tuple[float, float, float], scale: float, digits: int = 2) -> str:
    """Write a prediction with its interval; without one where the whole exponent was below 1."""
    value, low, high = (f"{x * scale:,.{digits}g}" if x * scale < 100 else f"{x * scale:,.0f}" for x in found)
    return f"{value} ({low} to {high})" if found[0] < found[2] else f"{value} (linear, from the largest size)"


def line(rows: Rows, x: str, y: str) -> Line:
    """Fit one column on another."""
    return Line.fit([row[x] for row in rows], [max(row[y], 1e-6) for row in rows])


def table(rows: Rows, columns: list[str]) -> list[str]:
    """Lay measurements out."""
    found = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for row in rows:
        cells = [f"{row[c]:,.0f}" if row[c] >= 100 else f"{row[c]:.3g}" for c in columns]
        found.append("| " + " | ".join(cells) + " |")
    return [*found, ""]


def write(worlds: Rows, galleries: Rows, studies: Rows, command: str, load: str) -> None:
    """Write benchmarks/results/growth.md and docs/scale.md."""
    span = f"{min(r['travellers'] for r in worlds):,.0f} to {max(r['travellers'] for r in worlds):,.0f}"
    note = f"Made by `{command}`; load of the machine {load}; one thread, CPU seconds."
    growth = ["# How cost and memory grow", "", f"{note}", ""]
    growth += ["## Travellers and encounters", ""]
    growth += [
        "One airport, exact index, 512 dimensions; CPU seconds by stage, memory above the imports.",
        "",
    ]
    growth += table(worlds, ["travellers", "encounters", *STAGES, "megabytes"])
    growth += ["| what | exponent against travellers | against encounters |", "|---|---|---|"]
    for name in (*STAGES, "megabytes"):
        one, other = line(worlds, "travellers", name), line(worlds, "encounters", name)
        growth.append(f"| {name} | {one.exponent} | {other.exponent} |")
    growth += ["", "## Gallery size", "", "Exact search, seconds a probe in a batch of 512.", ""]
    growth += table(galleries, ["gallery", "probe", "megabytes"])
    growth += ["| what | exponent against N |", "|---|---|"]
    growth += [f"| {n} | {line(galleries, 'gallery', n).exponent} |" for n in ("probe", "megabytes")]
    growth += ["", "## Runs of a study", "", "Worlds of 300 travellers, tuned once.", ""]
    growth += table(studies, ["runs", "study", "megabytes"])
    growth += [f"Exponent of seconds against runs: {line(studies, 'runs', 'study').exponent}.", ""]
    write_text(ROOT / "benchmarks" / "results" / "growth.md", "\n".join(growth))
    write_text(ROOT / "docs" / "scale.md", "\n".join(year(worlds, galleries, span, note)))


def year(worlds: Rows, galleries: Rows, span: str, note: str) -> list[str]:
    """Write the page of a year: one machine, then a cluster."""
    encounters = 2.0 * DEPARTURES
    probes = CAPTURED * DEPARTURES
    per_probe = line(galleries, "gallery", "probe").at(OPEN_STAYS)
    rows = [
        (f"{name}, CPU hours", between(line(worlds, "encounters", name).at(encounters), 1 / 3600))
        for name in ("world", "run", "evaluate")
    ]
    rows.append(("exact search of every captured departure, CPU hours", between(per_probe, probes / 3600)))
    memory = line(worlds, "encounters", "megabytes").at(encounters)
    rows.append(("memory of one process that holds the whole year, GB", between(memory, 1 / 1024)))
    templates = (DEPARTURES + probes) * TEMPLATE_BYTES / 1e9
    rows.append(("templates on disk, GB", f"{templates:,.0f} (arithmetic: {TEMPLATE_BYTES:,} bytes each)"))
    gallery = OPEN_STAYS * TEMPLATE_BYTES / 1e9
    rows.append(("gallery of open stays in memory, GB", f"{gallery:.1f} (arithmetic)"))
    nodes = math.ceil(gallery * INDEX_FACTOR / (NODE_GIGABYTES * NODE_SHARE))
    peak = probes / YEAR_SECONDS * PEAK
    cores = tuple(x * peak for x in per_probe)
    hours = [line(worlds, "encounters", n).at(encounters) for n in ("world", "run", "evaluate")]
    total = [sum(h[k] for h in hours) / 3600 + per_probe[k] * probes / 3600 for k in range(3)]
    workers = [math.ceil(x / 24) for x in total]
    sizes = [row["gallery"] for row in galleries]
    galleries_span = f"{min(sizes):,.0f} to {max(sizes):,.0f}"
    page = f"""
# A year of a country, on paper

{DEPARTURES:,} expected departures by air and sea (United States, fiscal year 2024) and {OPEN_STAYS:,} open
stays. Nobody here has run that: this page carries on what was measured on worlds of {span} travellers and
galleries of {galleries_span}. A figure goes on from the largest size measured with the fitted exponent; in
parentheses are the figures with the ends of the exponent's 95% interval. No exponent is taken below 1: every
record must be read, and what grows more slowly in the measurements is a fixed cost that thins out; where the
whole interval lies below 1 the figure is linear and has none. A bend that comes later (memory that no longer
fits, a disk instead of a cache) is in no interval.

## One machine, one core

| what | figure |
|---|---|
{chr(10).join(f"| {what} | {shown} |" for what, shown in rows)}

In all {between((total[0], total[1], total[2]), 1.0)} CPU hours; divide by the machine's cores as far as its
memory goes. A year need not be one process: worlds of a port or a month are runs of a study.

## A cluster

- **Milvus query nodes**: {nodes} of {NODE_GIGABYTES:g} GB for the gallery of open stays, and as many again
  for a replica. The busiest hour brings {peak:.1f} searches a second; exact search keeps
  {between((cores[0], cores[1], cores[2]), 1.0)} cores busy with them. A compressed index takes a fraction of
  that (`benchmarks/results/search-1000000.md`).
- **Dask workers**: {workers[0]:,} ({workers[1]:,} to {workers[2]:,}) of one core each finish the year in
  a day, where it is cut into worlds that fit a worker's memory.

## Assumptions

- An entry and an exit for each expected departure; encounters of residents are left out.
- {CAPTURED:.0%} of departures are captured and searched once each, all against the whole gallery.
- The busiest hour has {PEAK:g} times the mean hour's searches.
- A node gives {NODE_SHARE:.0%} of its memory to vectors; an index needs {INDEX_FACTOR:g} times the float32
  vectors. Templates have 512 dimensions.
- Linkage, rules and alerts cost along the same law as in the worlds measured (`run`).

The measurements and their exponents stand in `benchmarks/results/growth.md`. {note}
"""
    return [*page.strip().splitlines(), ""]
