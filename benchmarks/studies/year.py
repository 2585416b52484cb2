"""A year of up to a million travellers, from the world to its evaluation: what it costs and how that grows.

    python benchmarks/studies/year.py [--travellers 100000 316000 1000000] [--disk]

Scenario `airport`, 512 dimensions, policy `open_stays`; each size in a process of its own, so that the peak
of memory is its own. The threshold is fixed: thresholds are tuned on another world and cost a sweep. Beside
the seconds of a stage stands its physical limit: what must be multiplied over the machine's measured peak of
multiplication, or what must be written and read once over its measured memory bandwidth.
"""

from __future__ import annotations

import argparse
import cProfile
import io
import json
import os
import pstats
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

DIMENSION, THRESHOLD = 512, 0.47
STAGES = ("world", "search", "run", "evaluate")


def machine() -> dict[str, float]:
    """Measure the peak of multiplication (float32, numpy) and the bandwidth of memory (a copy)."""
    rows = np.ones((2048, 2048), np.float32)
    rows @ rows
    began = time.perf_counter()
    for _ in range(8):
        rows @ rows
    multiplied = 8 * 2048**3 * 2 / (time.perf_counter() - began)
    source = np.ones(1 << 27, np.float32)
    target = np.zeros_like(source)
    began = time.perf_counter()
    for _ in range(4):
        np.copyto(target, source)
    return {"flops": multiplied, "bytes": 8 * source.nbytes / (time.perf_counter() - began)}


def one(travellers: int, *, profiled: bool) -> dict[str, Any]:
    """Run one year in this process."""
    from biomatch.evaluation.judge import evaluate
    from biomatch.policy import OperatingPoint
    from biomatch.settings.scenario import Scenario
    from biomatch.settings.system import System
    from biomatch.system.replay import search
    from biomatch.system.run import run
    from biomatch.worlds import world

    scenario = Scenario.load("airport").with_({"travellers": travellers})
    system, spent, shares = System.load("today"), {}, {}

    def timed(stage: str, call: Any) -> Any:
        profile = cProfile.Profile() if profiled else None
        began, processor = time.perf_counter(), time.process_time()
        found = profile.runcall(call) if profile else call()
        spent[stage] = [time.perf_counter() - began, time.process_time() - processor]
        if profile:
            shares[stage] = _top(profile)
        return found

    made = timed("world", lambda: world(scenario, seed=1))
    lists = timed("search", lambda: search(made.observed, system))
    done = timed("run", lambda: run(made.observed, at=OperatingPoint.of(THRESHOLD, system), lists=lists))
    result = timed("evaluate", lambda: evaluate(done, made.truth))
    enrolled = lists.searches["enrolled_count"].to_numpy()
    return {
        "travellers": travellers,
        "encounters": made.observed.encounters.height,
        "templates": len(made.observed.templates),
        "searches": lists.searches.height,
        "enrolled_median": float(np.median(enrolled)),
        "multiplications": float(enrolled.sum()) * DIMENSION,
        "seconds": spent,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "fnir": str(result.fnir),
        "profile": shares,
        "load": os.getloadavg()[0],
    }


def from_disk(travellers: int, folder: Path) -> dict[str, Any]:
    """Run one year by the command line, a process a stage, with the world's templates on the disk."""
    from biomatch.policy import OperatingPoint
    from biomatch.settings.system import System

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    point = OperatingPoint.of(THRESHOLD, System.load("today"))
    (folder / "at.json").write_text(point.model_dump_json(), encoding="utf-8")
    made, lists, done = folder / "world", folder / "lists", folder / "run"
    stages = {
        "world": ["world", "airport", "--set", f"travellers={travellers}", "--seed", "1", "--out", made],
        "search": ["search", made, "--system", "today", "--out", lists],
        "run": ["run", made, "--at", folder / "at.json", "--lists", lists, "--out", done],
        "evaluate": ["evaluate", done, made, "--out", folder / "result.json"],
    }
    program = Path(sys.executable).with_name("biomatch")
    spent = {stage: _watched([str(program), *map(str, words)]) for stage, words in stages.items()}
    encounters = pl.scan_parquet(made / "observed" / "encounters.parquet").select(pl.len()).collect().item()
    shutil.rmtree(folder)
    return {
        "travellers": travellers,
        "encounters": encounters,
        "stages": spent,
        "load": os.getloadavg()[0],
    }


def _all_from_disk(sizes: list[int], folder: Path) -> list[dict[str, Any]]:
    found = []
    for travellers in sizes:
        found.append(from_disk(travellers, folder))
        print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    return found


def _watched(command: list[str]) -> tuple[float, float, float]:
    """Run a command; give its seconds, and the peaks of its anonymous and of its whole memory in GB."""
    began, anonymous, whole = time.perf_counter(), 0, 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as running:
        while running.poll() is None:
            words = Path(f"/proc/{running.pid}/status").read_text(encoding="ascii").split()
            if "RssAnon:" in words:
                anonymous = max(anonymous, int(words[words.index("RssAnon:") + 1]))
                whole = max(whole, int(words[words.index("VmHWM:") + 1]))
            time.sleep(0.05)
    if running.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {running.returncode}")
    return time.perf_counter() - began, anonymous / 2**20, whole / 2**20


def _exponent(runs: list[dict[str, Any]], seconds: list[float]) -> float:
    """Fit the power of the encounters with which seconds grow."""
    encounters = np.log([run["encounters"] for run in runs])
    return float(np.polyfit(encounters, np.log(seconds), 1)[0])


def _disk_lines(found: list[dict[str, Any]]) -> list[str]:
    sizes = " ".join(str(run["travellers"]) for run in found)
    lines = [
        "## By the command line, from the disk",
        "",
        f"`python benchmarks/studies/year.py --disk --travellers {sizes}`: a process a stage, the templates",
        "memory-mapped on the disk; scenario `airport`, 512 dimensions, `open_stays`; "
        f"{os.cpu_count()} cores.",
        "",
        "| travellers | encounters | stage | seconds | peak anonymous memory, GB | with mapped pages, GB "
        "| load after |",
        "|---|---|---|---|---|---|---|",
    ]
    for run in found:
        head = [f"{run['travellers']:,}", f"{run['encounters']:,}", f"{run['load']:.1f}"]
        for stage, spent in run["stages"].items():
            lines.append(
                f"| {head[0]} | {head[1]} | {stage} | {spent[0]:.1f} | {spent[1]:.1f} | {spent[2]:.1f} "
                f"| {head[2]} |"
            )
            head = ["", "", ""]
    last = found[-1]["stages"].values()
    seconds, most = sum(stage[0] for stage in last), max(stage[1] for stage in last)
    lines += [
        "",
        f"- time: {seconds:.0f} s, at most 600: {'met' if seconds <= 600 else '**missed**'};",
        f"- peak memory that cannot be given back: {most:.1f} GB, at most 8: "
        f"{'met' if most <= 8 else '**missed**'} (mapped pages are the page cache's);",
    ]
    if len(found) > 1:
        times = [{stage: run["stages"][stage][0] for stage in STAGES} for run in found]
        slopes = {stage: _exponent(found, [t[stage] for t in times]) for stage in STAGES}
        whole = _exponent(found, [sum(t.values()) for t in times])
        lines.append(
            f"- exponent of all on encounters: {whole:.3f}, from "
            f"{', '.join(f'{sum(t.values()):.1f}' for t in times)} s; at most 1.1: "
            f"{'met' if whole <= 1.1 else '**missed**'} "
            f"({', '.join(f'{stage} {slope:.2f}' for stage, slope in slopes.items())})."
        )
    return lines


def _top(profile: cProfile.Profile) -> list[str]:
    text = io.StringIO()
    stats = pstats.Stats(profile, stream=text)
    total = stats.total_tt  # type: ignore[attr-defined]
    found = sorted(stats.stats.items(), key=lambda row: -row[1][2])[:6]  # type: ignore[attr-defined]
    return [f"{Path(where[0]).stem}.{where[2]} {row[2] / total:.0%}" for where, row in found]


def main() -> None:
    """Write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--travellers", type=int, nargs="+", default=[100_000, 316_000, 1_000_000])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/year.md"))
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--profiled", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, default=Path("build/year"), help="room for the world on disk")
    parser.add_argument("--disk", action="store_true", help="by the command line only, into --out")
    given = parser.parse_args()
    if given.disk:
        disk = _all_from_disk(given.travellers, given.folder)
        given.out.write_text("\n".join(_disk_lines(disk)) + "\n", encoding="utf-8")
        return
    if given.one:
        print(json.dumps(one(given.one, profiled=given.profiled)))
        return
    runs = []
    for travellers in given.travellers:
        runs.append(_apart(travellers))
        print(json.dumps(runs[-1]), file=sys.stderr, flush=True)
    profile = _apart(given.travellers[0], "--profiled")["profile"]
    disk = _all_from_disk(given.travellers, given.folder)
    # Last: a process hands the peak of its memory on to those that it starts.
    given.out.write_text(report(machine(), runs, profile, disk), encoding="utf-8")


def _apart(travellers: int, *more: str) -> dict[str, Any]:
    command = [sys.executable, __file__, "--one", str(travellers), *more]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def report(
    limits: dict[str, float],
    runs: list[dict[str, Any]],
    profile: dict[str, list[str]],
    disk: list[dict[str, Any]],
) -> str:
    """Put the runs into tables."""
    sizes = " ".join(str(run["travellers"]) for run in runs)
    lines = [
        "# A year, from the world to its evaluation",
        "",
        *_disk_lines(disk),
        "",
        "## In one process, everything in memory",
        "",
        f"`python benchmarks/studies/year.py --travellers {sizes}`",
        "",
        "Scenario `airport`, 512 dimensions, `open_stays`, everything in memory. Wall seconds on "
        f"{os.cpu_count()} cores; the load",
        "beside them says whether the machine was shared.",
        "",
        "| travellers | encounters | searches | N (median) | world | search | run | evaluate | all, s "
        "| processor, s | peak memory, GB | load |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for run in runs:
        wall = [run["seconds"][stage][0] for stage in STAGES]
        lines.append(
            f"| {run['travellers']:,} | {run['encounters']:,} | {run['searches']:,} "
            f"| {run['enrolled_median']:,.0f} | "
            + " | ".join(f"{seconds:.1f}" for seconds in wall)
            + f" | {sum(wall):.0f} | {sum(run['seconds'][stage][1] for stage in STAGES):.0f} "
            f"| {run['peak_gb']:.1f} | {run['load']:.1f} |"
        )
    lines += ["", "| stage | exponent of wall seconds on encounters (processor seconds) |", "|---|---|"]
    for stage in (*STAGES, "all"):
        slopes = []
        for which in (0, 1):
            spent = [
                sum(run["seconds"][s][which] for s in STAGES)
                if stage == "all"
                else run["seconds"][stage][which]
                for run in runs
            ]
            slopes.append(_exponent(runs, spent))
        lines.append(f"| {stage} | {slopes[0]:.2f} ({slopes[1]:.2f}) |")
    last = runs[-1]
    whole = sum(last["seconds"][stage][0] for stage in STAGES)
    lines += ["", f"Targets at {last['travellers']:,} travellers:", ""]
    for what, found, most, unit in (
        ("time", whole, 600.0, "s"),
        ("peak memory of the one process, world and all in it", last["peak_gb"], 8.0, "GB"),
        ("exponent of all", slopes[0], 1.1, ""),
    ):
        verdict = "met" if found <= most else "**missed**"
        lines.append(f"- {what}: {found:.3g} {unit}".rstrip() + f", at most {most:g}: {verdict};")
    product = 2 * last["multiplications"] / limits["flops"]
    moved = last["templates"] * DIMENSION * 4 / limits["bytes"]
    lines += [
        "",
        f"Physical limits at {last['travellers']:,} travellers, on this machine's measured "
        f"{limits['flops'] / 1e9:.0f} GFLOP/s (float32",
        f"matrix product, numpy) and {limits['bytes'] / 1e9:.1f} GB/s (copy):",
        "",
        f"- world: writing {last['templates'] * DIMENSION * 4 / 1e9:.1f} GB of templates once takes "
        f"{moved:.1f} s; drawing their noise is the cost (faces-speed.md);",
        f"- search: comparing every probe with all that is enrolled takes {last['multiplications']:.3g} "
        f"multiplications and additions, {product:.0f} s at the peak;",
        "  codes (from 16,384 enrolled) do without most of them;",
        "- run and evaluate: joins and sorts of a few million rows, no templates.",
        "",
        f"Where the time goes (own time of functions, profiled at {runs[0]['travellers']:,} travellers):",
        "",
    ]
    lines += [f"- {stage}: {'; '.join(profile[stage])}" for stage in STAGES]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
