"""Speed and memory of `stays us` and `link` on a user's file, as multiples of one sort of it.

    python benchmarks/speed/bench_records.py [--rows 10000000] [--only stays|link|faces] [--out FILE.md]

Each command runs in a process of its own, whose peak of resident memory is read when it ends. Targets at ten
million rows: `stays` at most 10 sorts and 6 GB, `link` at most 40 sorts and 8 GB. The sort is Polars' own, of
the same table by document and date, in the same run; reading the file is in the commands' time, not in the
sort's. Of the exits 2% are missing and 2% are on another document. ``faces`` is `link` with a template of 128
values for every record; its target is 10 minutes for a million rows.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl

from biomatch.streams import stream

START, SPAN = 19_000, 700  # days since 1970; days of entries
LIMITS = {"stays us": (10.0, 6.0), "link": (40.0, 8.0)}
DIMENSION = 128
_COMMAND = "import sys; from biomatch.cli import run; sys.exit(run(sys.argv[1:]))"


def make(folder: Path, rows: int) -> np.ndarray:
    """Write a file of stays, and half of them as entries and exits; gives the stay of each exit."""
    rng = stream(1, "bench.records")
    count = rows // 2
    entry = rng.integers(START, START + SPAN, rows)
    leave = entry + rng.gamma(2.0, 10.0, rows).astype(np.int64)
    gone = rng.random(rows) > 0.02

    def days(values: np.ndarray) -> pl.Series:
        return pl.Series(values.astype(np.int32)).cast(pl.Date)

    stays = pl.DataFrame(
        {
            "traveller": np.char.add("T", np.arange(rows).astype(np.str_)),
            "class": rng.choice(["WT", "B2", "F1"], rows),
            "entry": days(entry),
            "exit": days(leave),
            "admitted_until": days(entry + 89),
        }
    )
    stays = stays.with_columns(pl.when(pl.Series(gone)).then("exit").alias("exit"))
    stays.write_csv(folder / "stays.csv")
    family, given = (pl.Series(rng.integers(0, many, count)).cast(pl.String) for many in (50_000, 5_000))
    half = stays.head(count).with_columns(
        name=pl.select(pl.concat_str(pl.lit("F"), family, pl.lit(", G"), given)).to_series(),
        birth_date=days(rng.integers(-10_000, 12_000, count)),
        sex=pl.Series(rng.choice(["F", "M"], count)),
    )
    told = ["name", "birth_date", "sex"]
    until = pl.col("admitted_until").alias("permitted_until")
    who = pl.col("traveller").alias("document")
    half.select(who, pl.col("entry").alias("date"), "class", until, *told).write_parquet(
        folder / "entries.parquet"
    )
    other = pl.Series(rng.random(count) < 0.02)
    shown = (
        pl.when(other).then(pl.concat_str("traveller", pl.lit("X"))).otherwise("traveller").alias("document")
    )
    exits = half.select(shown, pl.col("exit").alias("date"), *told, at=pl.int_range(pl.len())).filter(
        pl.col("date").is_not_null()
    )
    exits.drop("at").write_parquet(folder / "exits.parquet")
    return exits["at"].to_numpy()


def make_faces(folder: Path, entries: int, holder: np.ndarray) -> None:
    """Write a template for each record: its holder's, and noise."""
    rng = np.random.default_rng(1)
    centre = rng.standard_normal((entries, DIMENSION), dtype=np.float32)
    centre /= np.linalg.norm(centre, axis=1, keepdims=True)
    noise = np.float32(0.6 / np.sqrt(DIMENSION))
    exits = centre[holder] + noise * rng.standard_normal((len(holder), DIMENSION), dtype=np.float32)
    centre += noise * rng.standard_normal((entries, DIMENSION), dtype=np.float32)
    np.savez(folder / "faces.npz", entries=centre, exits=exits)


def measure(words: list[str]) -> tuple[float, float, int]:
    """Run a command; gives seconds, peak memory in GB, and its exit code."""
    began = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-c", _COMMAND, *words], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    return time.perf_counter() - began, usage.ru_maxrss / 1e6, os.waitstatus_to_exitcode(status)


def one_sort(table: pl.DataFrame, by: list[str]) -> float:
    """Give the shortest of three sorts in seconds."""
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        table.sort(by)
        seconds.append(time.perf_counter() - began)
    return min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--only", choices=["stays", "link", "faces"])
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    day = date.fromordinal(date(1970, 1, 1).toordinal() + START + SPAN).isoformat()
    lines = [
        f"`python benchmarks/speed/bench_records.py --rows {given.rows}`, {os.cpu_count()} cores.",
        "",
        "| command | rows | one sort, s | command, s | sorts | limit | peak memory, GB | limit |",
        "|---|---|---|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        holder = make(folder, given.rows)
        stays = pl.read_csv(folder / "stays.csv", infer_schema=False)
        records = pl.concat(
            [pl.read_parquet(folder / f"{name}.parquet") for name in ("entries", "exits")], how="diagonal"
        )
        sorts = {
            "stays us": (len(stays), one_sort(stays, ["traveller", "entry"])),
            "link": (len(records), one_sort(records, ["document", "date"])),
        }
        del stays, records
        calls = {
            "stays us": ["stays", "us", str(folder / "stays.csv"), "--on", day],
            "link": ["link", str(folder / "entries.parquet"), str(folder / "exits.parquet"), "--on", day,
                     "--out", str(folder / "linked")],
        }  # fmt: skip
        if given.only == "faces":
            make_faces(folder, given.rows // 2, holder)
            calls = {"link, with faces": [*calls["link"], "--faces", str(folder / "faces.npz")]}
            sorts["link, with faces"] = sorts["link"]
        elif given.only:
            calls = {name: words for name, words in calls.items() if name.startswith(given.only)}
        for name, words in calls.items():
            seconds, memory, code = measure(words)
            rows, sort = sorts[name]
            most, room = LIMITS.get(name, (600 / sort, float("inf")))
            said = f"{seconds / sort:.1f}" if code == 0 else f"exit code {code}"
            lines.append(
                f"| {name} | {rows:,} | {sort:.2f} | {seconds:.1f} | {said} | {most:g} | {memory:.1f} | "
                f"{room:g} |"
            )
    text = "\n".join(lines) + "\n"
    if given.out:
        given.out.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
