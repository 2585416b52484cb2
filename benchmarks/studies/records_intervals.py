r"""How often the interval that `biomatch link` prints holds the true number of false leads.

    python benchmarks/studies/records_intervals.py [--worlds 200] [--people 250] [--raw FILE] [--out FILE]

Each world is a small border of `tests/records/conftest.py` (people who come and go for two years, all known),
at one of three levels of data quality, linked without faces. The printed sentence says how many leads there
are, about how many are false, and between which numbers; the truth says how many were. Coverage is the share
of worlds whose interval holds it, with its own interval (Clopper-Pearson, 95%).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import biomatch as bm
from biomatch.rates import rate

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "records"))
from conftest import ON, make_border

QUALITIES = {
    "clean": "no slips",
    "dates": "half born on 1 January, days and months exchanged on second passports",
    "names": "other vowels on second passports, seven birth dates in ten missing",
}
FIRST_SEED = 1_000


def one(seed: int, people: int, quality: str) -> dict[str, Any]:
    """Link one world; gives leads, false ones, and what was said of them."""
    world = make_border(seed, people, quality)
    found = bm.link(world.entries, world.exits, on=ON)
    false = int((~world.overstay[found.leads["entry_row"].to_numpy() - 1]).sum())
    low, high = found.expected_false_leads.interval
    return {
        "seed": seed,
        "people": people,
        "quality": quality,
        "stays": len(found.stays),
        "leads": len(found.leads),
        "false": false,
        "expected": found.expected_false_leads.value,
        "low": low,
        "high": high,
    }


def page(rows: list[dict[str, Any]], command: str) -> str:
    """Write the page of results."""
    lines = [
        "# The interval of false leads that `biomatch link` prints",
        "",
        f"`{command}`: small borders, linked without faces; coverage with its own 95% interval.",
        "A world covers where low <= false leads <= high. Expected, true: false leads, summed over worlds.",
        "",
        "| quality | worlds | leads | coverage | true number below | above | expected | true | mean width |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for quality, about in QUALITIES.items():
        some = [row for row in rows if row["quality"] == quality]
        if not some:
            continue
        below = sum(row["false"] < row["low"] for row in some)
        above = sum(row["false"] > row["high"] for row in some)
        expected, true = (sum(row[name] for row in some) for name in ("expected", "false"))
        width = float(np.mean([row["high"] - row["low"] for row in some]))
        lines.append(
            f"| {quality}: {about} | {len(some)} | {sum(row['leads'] for row in some):,} | "
            f"{rate(len(some) - below - above, len(some))} | {below} | {above} | {expected:,.0f} | "
            f"{true:,} | {width:.1f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=200)
    parser.add_argument("--people", type=int, default=250)
    parser.add_argument(
        "--raw", type=Path, help="Rows so far, one JSON object a line; the study goes on there."
    )
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    rows: list[dict[str, Any]] = []
    if given.raw and given.raw.exists():
        rows = [json.loads(line) for line in given.raw.read_text(encoding="utf-8").splitlines()]
        rows = [row for row in rows if row["people"] == given.people]
    done = {(row["seed"], row["quality"]) for row in rows}
    for seed in range(FIRST_SEED, FIRST_SEED + given.worlds):
        for quality in QUALITIES:
            if (seed, quality) in done:
                continue
            rows.append(one(seed, given.people, quality))
            if given.raw:
                with given.raw.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(rows[-1]) + "\n")
    command = (
        f"python benchmarks/studies/records_intervals.py --worlds {given.worlds} --people {given.people}"
    )
    text = page([row for row in rows if row["seed"] < FIRST_SEED + given.worlds], command)
    if given.out:
        given.out.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
