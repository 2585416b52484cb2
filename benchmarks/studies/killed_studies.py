"""A study of 204 runs killed at random moments, on one process, on two, and on a cluster that loses a worker.

Writes benchmarks/results/killed-studies.md: whether all tables are one, and what the second process is worth.
Times depend on what else the machine does; its load is written beside them.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from biomatch.streams import stream
from biomatch.studies.rows import Row, read_rows
from biomatch.studies.study import Suite, run_study
from biomatch.tables.storage import write_text

RESULTS = Path(__file__).parents[1] / "results" / "killed-studies.md"
SUITE: dict[str, Any] = {
    "name": "killed",
    "about": "Worlds of 200 travellers: many short runs, so that a kill hits every stage.",
    "max_fpir": 0.2,
    "seeds": list(range(100, 134)),
    "tuning_seeds": [1, 2, 3],
    "worlds": {"tiny": {"scenario": "tiny", "set": {"travellers": 200}}},
    "systems": {"open-stays": {"system": "today"}, "all": {"system": "all"}},
}
PROGRAM = "import sys; from biomatch.cli import main; main(sys.argv[1:])"


def start(suite: Path, out: Path, workers: int = 1, *, core: int | None = None) -> subprocess.Popen[bytes]:
    """Start `biomatch bench` in a process group of its own; with `core`, on that core alone."""
    call = [sys.executable, "-c", PROGRAM, "bench", str(suite), "--out", str(out), "--workers", str(workers)]
    if core is not None:
        call = ["taskset", "--cpu-list", str(core), *call]
    return subprocess.Popen(
        call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def timed(suite: Path, out: Path, workers: int, *, core: int | None = None) -> float:
    """Run the whole study; seconds by the wall clock."""
    began = time.perf_counter()
    code = start(suite, out, workers, core=core).wait()
    if code:
        raise SystemExit(f"bench ended with {code}")
    return time.perf_counter() - began


def killed(suite: Path, out: Path, moments: np.ndarray) -> list[int]:
    """Kill the study after each of so many seconds, then let it end; finished runs seen at each kill."""
    seen = []
    for moment in moments:
        process = start(suite, out)
        try:
            process.wait(timeout=float(moment))
            break  # it ended before its moment came
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        seen.append(len(list((out / "runs").glob("*.json"))))
    code = start(suite, out).wait()
    if code:
        raise SystemExit(f"bench ended with {code} after kills")
    return seen


def on_cluster(suite: Suite, out: Path) -> tuple[list[Row], int]:
    """Run on two workers of a local cluster, one of which is killed; the rows, and runs done at the kill."""
    from distributed import LocalCluster

    found: dict[str, int] = {}
    quiet: dict[str, Any] = {"dashboard_address": None, "silence_logs": logging.CRITICAL}
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, **quiet) as made:

        def kill_one(_stage: str, done: int, total: int) -> None:
            if done >= total // 3 and not found:
                found["at"] = done
                os.kill(next(iter(made.workers.values())).pid, signal.SIGKILL)

        rows = run_study(suite, out, cluster=made.scheduler_address, progress=kill_one)
    return rows, found["at"]


def counts(rows: list[Row]) -> str:
    """Lay ids and counts out as text, to be compared whole."""
    return json.dumps(
        [[row.id, dict(row.counts)] for row in sorted(rows, key=lambda r: r.id)], sort_keys=True
    )


def main() -> None:
    """Run everything and write the page."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--kills", type=int, default=8)
    asked.add_argument("--seed", type=int, default=1, help="of the moments")
    asked.add_argument("--seeds", type=int, default=len(SUITE["seeds"]), help="graded: fewer, to try it out")
    asked.add_argument("--out", type=Path, default=RESULTS)
    given = asked.parse_args()
    suite = Suite.from_mapping(SUITE | {"seeds": SUITE["seeds"][: given.seeds]})
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        file = place / "suite.toml"
        file.write_text(suite.canonical())
        alone = timed(file, place / "alone", 1, core=0)
        one = timed(file, place / "one", 1)
        two = timed(file, place / "two", 2)
        # Every life must get past start-up at times, and must not finish: 1 s to a quarter of the whole.
        moments = stream(given.seed, "killed_study.moments").uniform(1.0, max(1.5, one / 4), given.kills)
        seen = killed(file, place / "killed", moments)
        rows, at = on_cluster(suite, place / "cluster")
        tables = {
            "one process": counts(read_rows(place / "one")),
            "one process on one core": counts(read_rows(place / "alone")),
            "two processes": counts(read_rows(place / "two")),
            f"killed {len(seen)} times": counts(read_rows(place / "killed")),
            "cluster of two workers, one killed": counts(rows),
        }
        loads = f"{load:.2f} before, {os.getloadavg()[0]:.2f} after"
    reference = tables["one process"]
    number = len(json.loads(reference))
    lines = [
        "# A study that is killed, and one that is spread",
        "",
        f"{number} runs: worlds of 200 travellers under two policies, {given.seeds} seeds, "
        "with both controls.",
        "",
        "| how it was run | runs | same ids and counts as in one process |",
        "|---|---|---|",
    ]
    lines += [
        f"| {how} | {len(json.loads(table))} | {'yes' if table == reference else 'NO'} |"
        for how, table in tables.items()
    ]
    lines += [
        "",
        f"SIGKILL to the process after {', '.join(f'{m:.1f}' for m in moments[: len(seen)])} s, with "
        f"{', '.join(map(str, seen))} runs finished; the cluster's worker died with {at} runs finished.",
        "",
        f"One process on one core {alone:.1f} s, two processes on two {two:.1f} s: {alone / two:.2f} of 2. "
        f"One process that may use all {os.cpu_count()} cores {one:.1f} s: its libraries have threads. "
        f"Load of the machine {loads}.",
        "",
        f"Made by `python benchmarks/studies/killed_studies.py --kills {given.kills} --seed {given.seed} "
        f"--seeds {given.seeds}`.",
        "",
    ]
    write_text(given.out, "\n".join(lines))
    sys.stdout.write("\n".join(lines))
    if any(table != reference for table in tables.values()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
