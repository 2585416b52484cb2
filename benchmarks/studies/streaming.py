"""A billion scores in constant memory: what it takes, and whether the thresholds are right.

    python benchmarks/studies/streaming.py [--sizes 1e7 1e8 1e9] [--dtype float64] [--out table.md]
    python benchmarks/studies/streaming.py --files npy 1e9      (or: txt 1e8; written to a temporary folder)

Non-mated scores N(0, 0.1) are made in tiles and forgotten. A second pass makes the same tiles again and
counts at the thresholds that the first pass gave: so each count is checked against plain counting, and
each rate against the law. Every size runs in a process of its own. Memory is the process's anonymous memory
(``RssAnon`` in ``/proc/self/status``, sampled every 2 ms, so with whatever a step holds for a moment); what
it holds before the first score, interpreter and libraries, is given beside it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from scipy.stats import norm

from biomatch.curves import counting
from biomatch.scorefiles import ScoreAccumulator

TILE = 1 << 22
TARGETS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
SPREAD = 0.1


def tiles(size: int, dtype: str) -> Iterator[np.ndarray]:
    """Make `size` scores, always the same, a tile at a time in one buffer."""
    buffer = np.empty(TILE, dtype=dtype)
    for number in range(0, size, TILE):
        tile = buffer[: min(TILE, size - number)]
        np.random.Generator(np.random.SFC64([31, number // TILE])).standard_normal(dtype=dtype, out=tile)
        tile *= np.dtype(dtype).type(SPREAD)
        yield tile


class Anonymous:
    """The most anonymous memory that this process holds while the block runs, in MB."""

    def __enter__(self) -> Anonymous:
        self.before = self.most = self._now()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.002):
            self.most = max(self.most, self._now())

    @staticmethod
    def _now() -> float:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.split("RssAnon:")[1].split()[0]) / 1024


def one(size: int, dtype: str) -> dict[str, object]:
    """Stream one size; give memory, rate and checked thresholds."""
    spent = 0.0
    with Anonymous() as memory:
        found = ScoreAccumulator()
        for tile in tiles(size, dtype):
            start = time.thread_time()
            found.add(tile)
            spent += time.thread_time() - start
        start = time.thread_time()
        thresholds = [found.threshold(max_rate=target) for target in TARGETS]
        spent += time.thread_time() - start
    # Second pass: the count at each threshold, and at the greatest score below it.
    at, below = np.zeros(len(TARGETS), dtype=np.int64), np.full(len(TARGETS), -np.inf)
    equal = np.zeros(len(TARGETS), dtype=np.int64)
    for tile in tiles(size, dtype):
        # A tile's few highest scores decide; the least threshold bounds them from below.
        top = np.sort(tile[tile >= np.dtype(dtype).type(min(thresholds) - 1e-3)])
        at += counting.accepted(top, thresholds)
        for place, threshold in enumerate(thresholds):
            under = top[: np.searchsorted(top, threshold, side="left")]
            if under.size and under[-1] >= below[place]:
                new = float(under[-1])
                same = int(under.size - np.searchsorted(under, new, side="left"))
                equal[place] = same + (equal[place] if new == below[place] else 0)
                below[place] = new
    rows = []
    for place, target in enumerate(TARGETS):
        allowed = counting.most_events(target, size)
        exact = thresholds[place] > found.exact_above
        rows.append(
            {
                "target": target,
                "threshold": thresholds[place],
                "exact": bool(exact),
                "allowed": allowed,
                "counted": int(at[place]),
                "told": found.accepted(thresholds[place]),
                "one score lower": int(at[place] + equal[place]),
                "law": float(norm.sf(thresholds[place] / SPREAD)),
            }
        )
    return {
        "size": size,
        "dtype": dtype,
        "before": memory.before,
        "most": memory.most,
        "rate": size / spent / 1e6,
        "rows": rows,
    }


def of_files(form: str, size: int) -> str:
    """Write scores to files, run `biomatch scores` on them, and give a row of the table."""
    with tempfile.TemporaryDirectory() as folder:
        mated, other = (Path(folder) / f"{name}.{form}" for name in ("mated", "other"))
        own = np.random.default_rng(32).normal(0.6, 0.12, 100_000).astype(np.float32)
        if form == "npy":
            np.save(mated, own)
            held = np.lib.format.open_memmap(other, "w+", np.float32, (size,))
            for number, tile in enumerate(tiles(size, "float32")):
                held[number * TILE : number * TILE + tile.size] = tile
            held.flush()
            del held
        else:
            np.savetxt(mated, own, fmt="%.6f")
            with other.open("wb") as file:
                for tile in tiles(size, "float32"):
                    pl.DataFrame({"score": tile}).write_csv(file, include_header=False, float_precision=6)
        rows = []
        for more in ([], ["--stream"]):
            if form == "txt" and not more:
                continue  # it would hold the whole text, and more than once
            command = [
                str(Path(sys.executable).with_name("biomatch")),
                "scores",
                str(mated),
                str(other),
                "--max-fmr",
                "1e-6",
            ]
            start = time.perf_counter()
            child = subprocess.Popen(
                [*command, "--json", *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            most = 0.0
            while child.poll() is None:
                status = Path(f"/proc/{child.pid}/status").read_text(encoding="ascii")
                if "RssAnon:" in status:
                    most = max(most, int(status.split("RssAnon:")[1].split()[0]) / 1024)
                time.sleep(0.005)
            spent = time.perf_counter() - start
            out, said = child.communicate()
            if child.returncode:
                raise SystemExit(said.decode())
            told = json.loads(out)
            rows.append(
                f"| {form}{' --stream' if more else ''} | {size:,} | {other.stat().st_size / 1e6:,.0f} "
                f"| {most:.0f} | {spent:.0f} | {told['threshold']:.9g} | {told['fmr']['numerator']:,} "
                f"| {told['guarantee']['threshold']:.9g} | {told['guarantee']['realised']['numerator']:,} |"
            )
    return "\n".join(rows)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", type=float, default=[1e7, 1e8, 1e9])
    parser.add_argument("--dtype", default="float64", choices=["float32", "float64"])
    parser.add_argument("--out", type=Path)
    parser.add_argument("--files", nargs=2, metavar=("FORM", "SIZE"), help="npy or txt, and how many scores")
    parser.add_argument("--one", type=float, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(int(given.one), given.dtype)))
        return
    if given.files:
        print("| file | scores | MB | most anonymous MB | s | threshold | accepted | guaranteed | accepted |")
        print("|---|---|---|---|---|---|---|---|---|")
        print(of_files(given.files[0], int(float(given.files[1]))))
        return
    rows, checks = [], []
    for size in given.sizes:
        command = [sys.executable, __file__, "--one", str(size), "--dtype", given.dtype]
        found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        rows.append(
            f"| {found['size']:,} | {given.dtype} | {found['before']:.0f} | {found['most']:.0f} "
            f"| {found['most'] - found['before']:.0f} | {found['rate']:.0f} |"
        )
        for row in found["rows"]:
            low, high = row["told"]
            checks.append(
                f"| {found['size']:,} | {row['target']:g} | {row['threshold']:.9g} "
                f"| {'tail' if row['exact'] else 'body'} | {row['allowed']:,} | {row['counted']:,} "
                f"| {'the same' if low == high == row['counted'] else f'{low:,} to {high:,}'} "
                f"| {row['one score lower']:,} | {row['counted'] / found['size'] / row['law'] - 1:+.2%} |"
            )
        print(rows[-1], file=sys.stderr, flush=True)
    text = "\n".join(
        [
            "| scores | type | MB before | most MB | growth, MB | million a second of processor time |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            "| scores | target | threshold | from | allowed | counted there, second pass | accumulator says "
            "| counted one score lower | counted / law - 1 |",
            "|---|---|---|---|---|---|---|---|---|",
            *checks,
            "",
        ]
    )
    if given.out:
        given.out.write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
